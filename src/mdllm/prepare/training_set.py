"""Which prepared frames a model is trained on: one state, within frame ranges, as contiguous segments."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mdllm.config.settings.system import TrainingSet
from mdllm.core.errors import InputError
from mdllm.prepare.frames import frame_interval

JOINED = "round"  # column of frames that joined before a later round of proposals: after which; 0: of the trajectory


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
    """Pick the training frames from the table `frames.parquet`; frames that have joined are among them.

    Raises:
        InputError: a range lies outside the trajectory, no frame is in the states within the ranges, or no
            frame of the trajectory follows another.
    """
    joined = np.flatnonzero(frames[JOINED] > 0) if JOINED in frames else np.zeros(0, int)
    if len(joined):  # behind those of the trajectory
        own = select_training_frames(frames.drop(index=joined).drop(columns=JOINED), training_set)
        segment = own.segment[-1] + 1 + pd.factorize(frames["segment"].iloc[joined])[0]
        number = frames["frame"].to_numpy()[joined]
        index, number = np.append(own.index, joined), np.append(own.frame, number)
        return TrainingFrames(index, number, np.append(own.segment, segment).astype(np.int32), own.interval_ps)
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
    stretch = np.cumsum(starts).astype(np.int32) - 1
    if training_set.piece_frames:
        kept, stretch = _pieces(number[index], stretch, training_set)
        index = index[kept]
    return TrainingFrames(index, number[index], stretch, frame_interval(frames))


def _pieces(number: np.ndarray, stretch: np.ndarray, training_set: TrainingSet) -> tuple[np.ndarray, np.ndarray]:
    """Which of the frames (F,) are in the pieces that the training set asks for, and the piece of each of these.

    Pieces begin where a stretch does; what is left at its end, shorter than a piece, is in none.
    """
    length = training_set.piece_frames
    stride = int(np.diff(number)[np.diff(stretch) == 0].min(initial=length))
    first, counts = number[np.r_[0, 1 + np.flatnonzero(np.diff(stretch))]], np.bincount(stretch)
    whole = counts * stride // length  # pieces of each stretch
    within = (number - first[stretch]) // length
    piece = np.where(within < whole[stretch], np.r_[0, np.cumsum(whole)[:-1]][stretch] + within, -1)
    found = int(whole.sum())
    if found < (training_set.pieces or 1):
        raise InputError(
            f"training_set: {training_set.pieces or 1} pieces of {length} frames are asked for, and {found} fit into "
            f"the {len(counts)} stretches of training frames, the longest of {counts.max() * stride}; give fewer or "
            "shorter ones"
        )
    chosen = np.unique(np.linspace(0, found - 1, training_set.pieces or found).round().astype(int))
    kept = np.flatnonzero(np.isin(piece, chosen))
    return kept, np.searchsorted(chosen, piece[kept]).astype(np.int32)
