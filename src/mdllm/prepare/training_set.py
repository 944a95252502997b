"""Which prepared frames a model is trained on: one state, within frame ranges, as contiguous segments."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mdllm.config.settings.system import TrainingSet
from mdllm.core.errors import InputError
from mdllm.prepare.frames import frame_interval


@dataclass(frozen=True)
class TrainingFrames:
    """Training frames in order of time.

    Attributes:
        index: (F,) into the prepared trajectory.
        frame: (F,) numbers of the raw frames.
        segment: (F,) frames of one segment follow each other without a gap.
        interval_ps: time between neighbouring frames.
    """

    index: np.ndarray
    frame: np.ndarray
    segment: np.ndarray
    interval_ps: float


def select_training_frames(frames: pd.DataFrame, training_set: TrainingSet) -> TrainingFrames:
    """Pick the training frames from the table `frames.parquet`.

    Raises:
        InputError: a range lies outside the trajectory, no frame is in the states within the ranges, or no
            frame of the trajectory follows another.
    """
    number = frames["frame"].to_numpy()
    of_any = training_set.state is None
    in_state = np.full(len(frames), of_any) | frames["state"].isin(training_set.states).to_numpy()
    inside = np.zeros(len(frames), bool)
    for first, last in training_set.frames or [(number[0], number[-1])]:
        if first > number[-1]:
            raise InputError(
                f"training_set.frames: range [{first}, {last}] holds no frame; the trajectory has frames 0 to "
                f"{number[-1]}"
            )
        inside |= (number >= first) & (number <= last)
    chosen = in_state & inside
    if not chosen.any():
        counts = frames["state"].value_counts().to_dict()
        named = "any state" if of_any else " or ".join(f"state '{state}'" for state in training_set.states)
        raise InputError(
            f"training_set: no frame is in {named} within {training_set.frames or 'all frames'}; frames per "
            f"state are {counts}. Widen the state's region, or change the ranges"
        )
    index = np.flatnonzero(chosen)
    segment = frames["segment"].to_numpy()[index]
    starts = np.ones(len(index), bool)
    starts[1:] = (np.diff(index) != 1) | (np.diff(segment) != 0)
    return TrainingFrames(index, number[index], np.cumsum(starts).astype(np.int32) - 1, frame_interval(frames))
