"""Windows of N context frames and the next frame: what a model learns from, and what it is judged on.

Axes: F frames, L residues, N context frames, W windows. The division of the windows is that of MD-LLM-1 (arXiv
2508.03709, Methods 2.2), which prints a stride of N frames; here the stride is a parameter.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mdllm.core.errors import InputError
from mdllm.language.forms import Language
from mdllm.language.series import CodeSeries

IGNORED = -100
"""Label of a token that the loss does not count (the convention of torch and transformers)."""


@dataclass(frozen=True)
class Split:
    """Window starts on either side of the gap between training and validation.

    Attributes:
        training: (W,) indices of the first frames of training windows.
        validation: (W,) the same for validation windows; the stride is always 1.
        training_frames: number of frames before the gap; training windows hold no frame beyond them.
        judged: (W, J) indices of the frames of validation windows that a loss counts, the last ones of each.
    """

    training: np.ndarray
    validation: np.ndarray
    training_frames: int
    judged: np.ndarray


def window_starts(stretches: np.ndarray, length: int, stride: int) -> np.ndarray:
    """Indices (W,) of the first frames of all windows of `length` frames within one stretch, `stretches` being (F,)."""
    borders = np.flatnonzero(np.diff(stretches)) + 1
    starts = [
        np.arange(first, last - length + 1, stride)
        for first, last in zip([0, *borders], [*borders, len(stretches)], strict=True)
    ]
    return np.concatenate(starts)


def split(
    series: CodeSeries,
    context_frames: int,
    stride: int,
    validation_share: float,
    validation_windows: int | None = None,
    judged_frames: int = 1,
) -> Split:
    """Validation windows in the last frames, training windows in those that end N frames earlier.

    The validation stretch is the last `validation_share` of the frames, and the N frames before it belong to neither
    side: correlation in time would otherwise carry over. No frame is on both sides. Of the validation windows at most
    `validation_windows` are taken, evenly spread.

    Raises:
        InputError: no window fits on one of the sides, or more frames are judged than follow a first one.
    """
    if judged_frames > context_frames:
        raise InputError(
            f"language.judged_frames {judged_frames} is more than language.context_frames {context_frames}"
        )
    length = context_frames + 1
    stretches = series.stretches()
    frames = len(stretches)
    validation_first = frames - round(validation_share * frames)
    training_frames = max(validation_first - context_frames, 0)
    sides = {
        "training": (window_starts(stretches[:training_frames], length, stride), training_frames),
        "validation": (window_starts(stretches[validation_first:], length, 1), frames - validation_first),
    }
    for side, (starts, count) in sides.items():
        if not len(starts):
            raise InputError(
                f"of {frames} training frames in {stretches[-1] + 1} contiguous stretches, {count} are for {side}, and "
                f"no window of {length} frames ({context_frames} context frames and the next) fits into them; give "
                "more frames, lower language.context_frames, or change training.validation_share "
                f"(now {validation_share:g})"
            )
    validation = validation_first + sides["validation"][0]
    if validation_windows is not None and len(validation) > validation_windows:
        validation = validation[np.linspace(0, len(validation) - 1, validation_windows).round().astype(int)]
    judged = validation[:, None] + np.arange(length - judged_frames, length)
    return Split(sides["training"][0], validation, training_frames, judged)


class Windows(Sequence):
    """Windows as token ids and labels, ready for a causal language model that shifts the labels itself.

    Item i is a dict of `input_ids` and `labels`, int64 arrays (T,), with T = (N + 1) L where a code is one token.
    Labels equal the ids wherever the loss counts, and are `IGNORED` elsewhere; what stands before the first frame never
    counts. Reversed copies follow after all windows as they are: time in equilibrium has no direction, so that a window
    read backwards is as probable as the window.
    """

    def __init__(
        self,
        codes: np.ndarray,
        language: Language,
        context_frames: int,
        starts: np.ndarray,
        loss: str,
        time_reversed: bool,
    ):
        """Windows of `codes` (F, L) at `starts` (W,); `loss` is `all` frames or the `last` one."""
        self.codes, self.starts, self.context_frames = codes, starts, context_frames
        self.language, self.loss, self.time_reversed = language, loss, time_reversed

    def __len__(self) -> int:
        return len(self.starts) * (2 if self.time_reversed else 1)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        if not 0 <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        backwards, index = divmod(index, len(self.starts))
        start = self.starts[index]
        window = self.codes[start : start + self.context_frames + 1]
        tokens, frame = self.language.window(window[::-1] if backwards else window)
        first_counted = 0 if self.loss == "all" else self.context_frames
        return {"input_ids": tokens, "labels": np.where(frame >= first_counted, tokens, IGNORED)}
