"""Windows of proteins with hidden spans: what a base learns from and is judged on.

A window is a stretch of one protein in two of its frames, drawn independently: the one before and the one to come.
Item i of a set is the same whenever it is asked for. Axes: B rows, L residues of a window.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import torch

from mdllm.bases.poses import Poses
from mdllm.bases.proteins import Protein, Proteins
from mdllm.bases.settings import BaseTrainingSettings
from mdllm.bases.views import NO_RESIDUE, RESIDUE_TYPES, Views, views
from mdllm.tokenizers.chain.codebook import Codebook

# In so many windows all is seen, as where a rollout hides nothing.
_NOTHING_HIDDEN = 0.08
# What training does to a view, so that few proteins go far.
_MASKED_TYPE, _MASKED_OWN_TYPE, _MASKED_NEIGHBOUR_TYPE = 0.15, 0.05, 0.2
_EXCHANGED_AROUND, _EXCHANGED_LEFT = 0.5, 0.3
_HIDDEN_CODE, _LOST_NEIGHBOUR = 0.05, 0.1
_NEIGHBOUR_SHIFT_NM, _ANCHOR_SHIFT_NM = 0.03, 0.02
_SIMILAR = 8  # codes among which one is exchanged for another


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
        self, proteins: Proteins, settings: BaseTrainingSettings, hidden: int, count: int, seed: int, judged: bool
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
            protein.rebuilt[new, part],
            np.where(starts, self.hidden, protein.codes[new, part]),
            protein.true[before, part],
            np.where(starts | ~seen, self.hidden, protein.codes[before, part]),
            seen,
            rows,
            not self.judged and rng.random() < settings.augmentation,
        )


@dataclass(frozen=True)
class Collate:
    """Windows to a batch of the Trainer: the fields of `Views`, and `labels` (B,), the codes of `steps` to come."""

    steps: Codebook

    def __call__(self, windows: list[Window]) -> dict[str, torch.Tensor]:
        hidden = len(self.steps)
        length = max(len(window.seen) for window in windows)
        counts = torch.tensor([len(window.rows) for window in windows])

        def joined(values: list, filler) -> torch.Tensor:
            filled = [
                torch.nn.functional.pad(
                    torch.as_tensor(value), (0, 0) * (np.ndim(value) - 1) + (0, length - len(value)), value=filler
                )
                for value in values
            ]
            return torch.stack(filled).repeat_interleave(counts, 0)

        def poses(name: str) -> Poses:
            parts = [getattr(window, name) for window in windows]
            return Poses(joined([part.rotation for part in parts], 0.0), joined([part.origin for part in parts], 0.0))

        def column(name: str, filler) -> torch.Tensor:
            return joined([getattr(window, name) for window in windows], filler)

        rows = torch.from_numpy(np.concatenate([window.rows for window in windows]))
        built_codes = column("built_codes", hidden)
        view = views(
            rows,
            poses("built"),
            built_codes,
            poses("before"),
            column("codes_before", hidden),
            column("seen", False),
            column("residue_types", NO_RESIDUE),
            hidden,
        )
        labels = built_codes[torch.arange(len(rows)), rows]
        disturbed = torch.tensor([window.disturbed for window in windows]).repeat_interleave(counts)
        if disturbed.any():
            view = self._disturbed(view, disturbed, torch.Generator().manual_seed(int(labels.sum())))
        return {field.name: getattr(view, field.name) for field in fields(view)} | {"labels": labels}

    def _disturbed(self, view: Views, chosen: torch.Tensor, generator: torch.Generator) -> Views:
        """The view, rows `chosen` (B,) disturbed."""

        def some(like: torch.Tensor, share: float) -> torch.Tensor:
            rows = chosen.reshape(-1, *[1] * (like.ndim - 1))
            return (torch.rand(like.shape, generator=generator) < share) & rows

        def shift(like: torch.Tensor, size: float) -> torch.Tensor:
            return size * torch.randn(like.shape, generator=generator) * chosen.reshape(-1, *[1] * (like.ndim - 1))

        unknown, hidden = RESIDUE_TYPES.index("X"), len(self.steps)
        masked = some(view.residue_types, _MASKED_TYPE)
        middle = masked.shape[1] // 2
        masked[:, middle] = some(masked[:, middle], _MASKED_OWN_TYPE)
        masked &= view.residue_types != NO_RESIDUE
        there = view.neighbour_types != NO_RESIDUE
        types = view.neighbour_types.masked_fill(some(there, _MASKED_NEIGHBOUR_TYPE) & there, unknown)

        def exchanged(codes: torch.Tensor, share: float) -> torch.Tensor:
            other = torch.randint(_SIMILAR, codes.shape, generator=generator)
            similar = self._similar[codes.clamp(max=hidden - 1), other]
            codes = torch.where(some(codes, share) & (codes != hidden), similar, codes)
            return codes.masked_fill(some(codes, _HIDDEN_CODE), hidden)

        anchor = view.anchor.clone()
        far = (view.anchor_distance > 0) & view.anchored
        anchor[:, :3] += shift(anchor[:, :3], _ANCHOR_SHIFT_NM) * far[:, None]
        return Views(
            view.residue_types.masked_fill(masked, unknown),
            exchanged(view.codes_around, _EXCHANGED_AROUND),
            exchanged(view.codes_left, _EXCHANGED_LEFT),
            view.anchored,
            view.anchor_distance,
            anchor,
            view.neighbours + shift(view.neighbours, _NEIGHBOUR_SHIFT_NM) * there[..., None, None],
            types.masked_fill(some(there, _LOST_NEIGHBOUR), NO_RESIDUE),
            view.neighbour_offsets,
        )

    @cached_property
    def _similar(self) -> torch.Tensor:
        """The codes (K, _SIMILAR) nearest to each code, itself among them."""
        points = torch.from_numpy(self.steps.points())
        return torch.cdist(points, points).topk(_SIMILAR, largest=False).indices
