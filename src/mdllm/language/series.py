"""The codes of the training frames, with what is needed to keep windows from straddling gaps.

Axes: F frames, L residues, K codebook size.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mdllm.core.errors import InputError


@dataclass(frozen=True)
class CodeSeries:
    """Codes of training frames, in the order of time within a segment.

    Attributes:
        codes: (F, L) int64 in [0, K).
        frame: (F,) raw frame numbers.
        segment: (F,) ids of contiguous segments.
        codebook_size: K.
    """

    codes: np.ndarray
    frame: np.ndarray
    segment: np.ndarray
    codebook_size: int

    @classmethod
    def load(cls, path: Path) -> "CodeSeries":
        """Read `codes`, `frame`, `segment` and `codebook_size` from an npz file.

        Where it has `training` (F,), only frames in a training stretch, >= 0, are taken, and these are the segments.

        Raises:
            InputError: arrays of different lengths, or a code outside of the codebook.
        """
        with np.load(path, allow_pickle=False) as file:
            codes, frame, segment = (file[key].astype(np.int64) for key in ("codes", "frame", "segment"))
            codebook_size = file["codebook_size"].item()
            training = file["training"].astype(np.int64) if "training" in file.files else None
        if not len(codes) == len(frame) == len(segment):
            raise InputError(
                f"{path}: {len(codes)} frames of codes, {len(frame)} frame numbers and {len(segment)} segment ids; "
                "these must be equal: tokenize again"
            )
        outside = np.argwhere((codes < 0) | (codes >= codebook_size))
        if len(outside):
            f, residue = outside[0]
            raise InputError(
                f"{path}: code {codes[f, residue]} of frame {frame[f]}, residue index {residue}, is outside of the "
                f"codebook (0 to {codebook_size - 1}): tokenize again"
            )
        if training is not None:
            learned = training >= 0
            codes, frame, segment = codes[learned], frame[learned], training[learned]
        return cls(codes, frame, segment, codebook_size)

    @property
    def residues(self) -> int:
        """L."""
        return self.codes.shape[1]

    def stretches(self) -> np.ndarray:
        """Ids (F,) that change at every border between segments and at every gap in the frame numbers.

        A step larger than the smallest step between neighbours (the stride of the prepared frames) is a gap.
        """
        steps = np.diff(self.frame)
        same = np.diff(self.segment) == 0
        spacing = steps[same].min() if same.any() else 1
        return np.concatenate([[0], np.cumsum(~same | (steps != spacing))])

    def last_frames(self, count: int) -> np.ndarray:
        """The last `count` frames (count, L) of the last stretch that holds so many, from which a rollout starts.

        Raises:
            InputError: every contiguous stretch is shorter.
        """
        stretches = self.stretches()
        length = np.bincount(stretches)
        if length.max() < count:
            raise InputError(
                f"a rollout starts from {count} contiguous frames (language.context_frames), but the longest stretch "
                f"of training frames holds {length.max()}; lower language.context_frames or choose longer "
                "training ranges"
            )
        return self.codes[np.flatnonzero(length[stretches] >= count)[-count:]]
