"""Proteins as a training sees them: as many of each group in every update, windows of long ones, batches.

Item i of a set is the same whenever it is asked for. Axes: B proteins, T tokens, G groups.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from mdllm.core.errors import InputError
from mdllm.seqdance.settings import DanceTrainingSettings
from mdllm.seqdance.storage import PropertyReader, Targets
from mdllm.seqdance.tokens import PAD


class Example(NamedTuple):
    """A protein, or a window of it, and the number of its group."""

    targets: Targets
    group: int


class Proteins:
    """The proteins of a split, by group.

    Args:
        table: as `read_proteins` gives it.
        groups: names of all groups, in the order of their numbers.
    """

    def __init__(self, table: pd.DataFrame, groups: Sequence[str], reader: PropertyReader):
        self.reader, self.groups = reader, list(groups)
        self.members = [table[table["group"] == group].reset_index(drop=True) for group in groups]

    def read(self, group: int, row: int, most: int | None = None, rng: np.random.Generator | None = None) -> Example:
        """A protein; of a longer one than `most` residues the middle, or a random window."""
        entry = self.members[group].iloc[row]
        spare = sum(len(chain) + 2 for chain in entry["chains"]) - 2 - (most or 0)
        first = 0
        if most is not None and spare > 0:
            first = spare // 2 if rng is None else int(rng.integers(spare + 1))
        return Example(self.reader.read(entry["name"], entry["chains"], first, most), group)


class Draws(Sequence):
    """Proteins of a whole training, update by update; within an update, group by group in turn.

    With `epoch_seeds`, each epoch of a group has an order of its own and every protein comes once in it. Without, all
    have the same one, and what is left of it once it has been cut into updates never comes: as in the paper.
    """

    def __init__(self, proteins: Proteins, settings: DanceTrainingSettings, seed: int):
        groups = len(proteins.groups)
        if settings.batch_size % groups:
            raise InputError(
                f"training.batch_size {settings.batch_size}: an update has as many proteins of each of the {groups} "
                f"groups ({', '.join(proteins.groups)}); choose a multiple of {groups}"
            )
        self.proteins, self.settings, self.seed = proteins, settings, seed
        self._share = settings.batch_size // groups

    def __len__(self) -> int:
        return self.settings.steps * self.settings.batch_size

    def place(self, index: int) -> tuple[int, int]:
        """Group and row of item `index`."""
        if not 0 <= index < len(self):
            raise IndexError(f"item {index} of {len(self)}")
        number, group = divmod(index, len(self.proteins.groups))
        size = len(self.proteins.members[group])
        epoch_seeds = self.settings.epoch_seeds
        period = size if epoch_seeds or size < self._share else size - size % self._share
        epoch, place = divmod(number, period)
        rng = np.random.default_rng([self.seed, group, epoch if epoch_seeds else 0])
        return group, int(rng.permutation(size)[place])

    def __getitem__(self, index: int) -> Example:
        group, row = self.place(index)
        step = index // self.settings.batch_size
        most = [crop.residues for crop in self.settings.crops if crop.from_step <= step][-1]
        return self.proteins.read(group, row, most, np.random.default_rng([self.seed, index, 1]))


class Judged(Sequence):
    """Proteins for validation: of each group at most so many, evenly spread; the middle of those longer than `most`."""

    def __init__(self, proteins: Proteins, each: int, most: int | None):
        self.proteins, self.most = proteins, most
        self.places = [
            (group, int(row))
            for group, members in enumerate(proteins.members)
            for row in np.unique(np.linspace(0, len(members) - 1, min(each, len(members))).round())
        ]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Example:
        return self.proteins.read(*self.places[index], self.most)


def collate(examples: Sequence[Example]) -> dict[str, torch.Tensor]:
    """A batch: tokens (B, T), residue (B, T, 50), pair (B, T, T, 13), NaN where there is no target, and group (B,)."""
    longest = max(len(example.targets.tokens) for example in examples)

    def filled(name: str, axes: int, value: float) -> torch.Tensor:
        rows = []
        for example in examples:
            array = torch.from_numpy(getattr(example.targets, name))
            missing = longest - len(array)
            width = () if array.ndim == axes else (0, 0)
            rows.append(torch.nn.functional.pad(array, (*width, *(0, missing) * axes), value=value))
        return torch.stack(rows)

    return {
        "tokens": filled("tokens", 1, PAD),
        "residue": filled("residue", 1, float("nan")),
        "pair": filled("pair", 2, float("nan")),
        "group": torch.tensor([example.group for example in examples]),
    }
