"""Windows of proteins with hidden spans: what a base learns from and is judged on.

A window is a stretch of one protein in two of its frames, drawn independently: the one before and the one to come.
Item i of a set is the same whenever it is asked for. Axes: W windows, B rows, L residues of a window.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mdllm.bases.poses import Poses
from mdllm.bases.proteins import Protein
from mdllm.bases.settings import BaseTrainingSettings
from mdllm.bases.views import NO_RESIDUE

# In so many windows all is seen, as where a rollout hides nothing.
_NOTHING_HIDDEN = 0.08


@dataclass(frozen=True)
class Window:
    """One stretch: poses (L,), codes (L,), what is seen (L,), the rows (B,) that count, and whether to disturb it."""

    residue_types: np.ndarray
    built: Poses
    built_codes: np.ndarray
    before: Poses
    codes_before: np.ndarray
    seen: np.ndarray
    rows: np.ndarray
    disturbed: bool


class Windows(Sequence):
    """`count` windows of a split. Item i is drawn from (seed, i) alone.

    Args:
        judged: for validation: every window hides spans, all of their residues count and no others, and nothing is
            disturbed.
    """

    def __init__(
        self,
        proteins: Sequence[Protein],
        settings: BaseTrainingSettings,
        hidden: int,
        count: int,
        seed: int,
        judged: bool,
    ):
        self.proteins, self.settings, self.hidden = proteins, settings, hidden
        self.count, self.seed, self.judged = count, seed, judged

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Window:
        if not 0 <= index < self.count:
            raise IndexError(f"window {index} of {self.count}")
        rng = np.random.default_rng([self.seed, index])
        while True:
            window = self._draw(self.proteins[rng.integers(len(self.proteins))], rng)
            if len(window.rows):
                return window

    def _draw(self, protein: Protein, rng: np.random.Generator) -> Window:
        settings = self.settings
        frames, residues = protein.codes.shape
        before, new = rng.integers(frames, size=2)
        first = rng.integers(max(residues - settings.window, 0) + 1)
        part = slice(first, first + settings.window)
        starts = np.isin(np.arange(residues)[part], protein.starts)
        length = len(starts)
        seen = np.ones(length, bool)
        if self.judged or rng.random() >= _NOTHING_HIDDEN:
            for _ in range(max(1, round(settings.spans * length / settings.window))):
                span = rng.integers(settings.shortest_span, settings.longest_span + 1)
                place = rng.integers(length)
                seen[place : place + span] = False
        drawn = ~starts & (np.arange(length) > 0)
        rows, others = np.flatnonzero(drawn & ~seen), np.flatnonzero(drawn & seen)
        if not self.judged:
            # At least a sixth of the rows are seen residues: these are easy, but most of a rollout.
            rows = rng.permutation(rows)[: settings.rows - settings.rows // 6]
            rows = np.concatenate([rows, rng.permutation(others)[: settings.rows - len(rows)]])
        return Window(
            protein.residue_types[part],
            protein.poses[new, part],
            np.where(starts, self.hidden, protein.codes[new, part]),
            protein.poses[before, part],
            np.where(starts | ~seen, self.hidden, protein.codes[before, part]),
            seen,
            rows,
            not self.judged and rng.random() < settings.augmentation,
        )


class Mixed(Sequence):
    """Windows of two sets, `share` of them of the second, evenly spread."""

    def __init__(self, first: Windows, second: Windows, share: float):
        self.first, self.second, self.share = first, second, share

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, index: int) -> Window:
        if not 0 <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        before, now = (math.floor(self.share * count) for count in (index, index + 1))
        return self.first[index - before] if now == before else self.second[before]


def joined(windows: list[Window], hidden: int) -> dict[str, torch.Tensor]:
    """Windows to a batch of the Trainer, filled up to the length L of the longest.

    Returns:
        fields of `Window` (W, L, ...), poses as `built_rotation` and so on; `disturbed` (W,); and of each row `window`,
        `row` and `labels` (B,): which window and residue, and the code that is to come.
    """
    length = max(len(window.seen) for window in windows)

    def filled(values: list, filler) -> torch.Tensor:
        first = np.asarray(values[0])
        whole = np.full((len(values), length, *first.shape[1:]), filler, first.dtype)
        for number, value in enumerate(values):
            whole[number, : len(value)] = value
        return torch.from_numpy(whole)

    counts = [len(window.rows) for window in windows]
    fillers = {"residue_types": NO_RESIDUE, "built_codes": hidden, "codes_before": hidden, "seen": False}
    poses = {
        f"{name}_{part}": filled([getattr(getattr(window, name), part) for window in windows], 0.0)
        for name in ("built", "before")
        for part in ("rotation", "origin")
    }
    return {
        **{name: filled([getattr(window, name) for window in windows], filler) for name, filler in fillers.items()},
        **poses,
        "disturbed": torch.tensor([window.disturbed for window in windows]),
        "window": torch.arange(len(windows)).repeat_interleave(torch.tensor(counts)),
        "row": torch.from_numpy(np.concatenate([window.rows for window in windows])),
        "labels": torch.from_numpy(np.concatenate([window.built_codes[window.rows] for window in windows])),
    }
