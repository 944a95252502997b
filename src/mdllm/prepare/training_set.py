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
        InputError: a range is reversed or lies outside the trajectory, no frame is in the state within the ranges, or
            no frame of the trajectory follows another.
    """
    number = frames["frame"].to_numpy()
    in_state = (frames["state"] == training_set.state).to_numpy()
    inside = np.zeros(len(frames), bool)
    for first, last in training_set.frames or [(number[0], number[-1])]:
        if first > last or first > number[-1]:
            raise InputError(
                f"training_set.frames: range [{first}, {last}] is empty; the trajectory has frames 0 to {number[-1]}, "
                "and a range names its first and its last frame"
            )
        inside |= (number >= first) & (number <= last)
    chosen = in_state & inside
    if not chosen.any():
        counts = frames["state"].value_counts().to_dict()
        raise InputError(
            f"training_set: no frame is in state '{training_set.state}' within {training_set.frames or 'all frames'}; "
            f"frames per state are {counts}. Widen the state's region, or change the ranges"
        )
    index = np.flatnonzero(chosen)
    segment = frames["segment"].to_numpy()[index]
    starts = np.ones(len(index), bool)
    starts[1:] = (np.diff(index) != 1) | (np.diff(segment) != 0)
    return TrainingFrames(index, number[index], np.cumsum(starts).astype(np.int32) - 1, frame_interval(frames))
