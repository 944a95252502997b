"""A finished collection, read as it is needed: tables in memory, frames mapped from the shards.

collection = Collection("results/collections/small")
for segment in collection.segments_of("train"):
    segment.backbone[:10]    # (10, L, 4, 3) in nm
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from mdllm.collections.shards import open_shard, shard_name
from mdllm.core.errors import InputError

Split = Literal["train", "validation", "left_out"]


@dataclass(frozen=True)
class Segment:
    """A run of frames of one protein without a gap in time, or one structure, whose frames are its models.

    Attributes:
        name: of the segment; protein: of its protein.
        sequence: one letter per residue (L), X where it is unknown.
        backbone: N, CA, C, O (F, L, 4, 3) in nm, float32, mapped into memory: only what is indexed is read.
        bonded: whether a residue is bound to the next in every frame (L - 1,).
        interval_ps: time between frames; None where frames do not follow each other in time.
        temperature_k: None where it is not known.
        replica: name of one of several runs alike, or None.
        label: the file that it was read from, or a group of one.
    """

    name: str
    protein: str
    sequence: str
    backbone: np.ndarray
    bonded: np.ndarray
    interval_ps: float | None
    temperature_k: float | None
    replica: str | None
    label: str


class Collection:
    """The result of the rule `collect`.

    Attributes:
        proteins: table by name: sequence, residues, conformers, frames, cluster, split.
        segments: table by segment: protein, shard, frames, interval_ps, temperature_k, replica, source, label, bonded.

    Raises:
        InputError: the folder holds no finished collection.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        for name in ("proteins.parquet", "segments.parquet", "shards"):
            if not (self.folder / name).exists():
                raise InputError(
                    f"{self.folder} holds no {name}; make the collection: snakemake {self.folder}/proteins.parquet"
                )
        self.proteins = pd.read_parquet(self.folder / "proteins.parquet").set_index("protein")
        self.segments = pd.read_parquet(self.folder / "segments.parquet").set_index("segment")
        self._of_protein: dict[str, list[str]] = defaultdict(list)
        for segment, protein in self.segments["protein"].items():
            self._of_protein[protein].append(segment)
        self._shard = lru_cache(maxsize=4)(lambda number: open_shard(self.folder / "shards" / shard_name(number)))

    def names(self, split: Split | None = None) -> list[str]:
        """Names of the proteins of a split; None: of all."""
        chosen = self.proteins if split is None else self.proteins[self.proteins["split"] == split]
        return list(chosen.index)

    def segment(self, name: str) -> Segment:
        """One segment. Raises KeyError where there is none of this name."""
        row = self.segments.loc[name]
        return Segment(
            name,
            row["protein"],
            self.proteins.loc[row["protein"], "sequence"],
            self._shard(int(row["shard"]))[name],
            np.asarray(row["bonded"], bool),
            *(None if pd.isna(row[key]) else row[key] for key in ("interval_ps", "temperature_k", "replica", "label")),
        )

    def segments_of(self, split: Split | None = None) -> Iterator[Segment]:
        """The segments of the proteins of a split, one shard after the other; None: of all."""
        names = set(self.names(split))
        for name, protein in self.segments["protein"].items():
            if protein in names:
                yield self.segment(name)

    def segment_names(self, protein: str) -> list[str]:
        """Names of all segments of one protein. Raises KeyError where there is no such protein."""
        self.proteins.loc[protein]
        return self._of_protein[protein]

    def conformers(self, protein: str) -> list[Segment]:
        """All segments of one protein; residues are the same in all. Raises KeyError where there is no such protein."""
        return [self.segment(name) for name in self.segment_names(protein)]
