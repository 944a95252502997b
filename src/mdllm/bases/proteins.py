"""The proteins of a collection as a base reads them: codes and poses of frames, in files that are mapped into memory.

Axes: F frames, L residues.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from mdllm.bases.poses import Poses, of_backbone
from mdllm.bases.views import RESIDUE_TYPES
from mdllm.collections.reader import Collection, Split
from mdllm.core.errors import InputError
from mdllm.core.geometry import peptide_bonds
from mdllm.tokenizers.chain.codebook import Codebook, shipped_steps

logger = logging.getLogger(__name__)

_INDEX = "proteins.parquet"
_ARRAYS = {"codes": ((), np.int16), "poses": ((12,), np.float32)}


@dataclass(frozen=True)
class Protein:
    """Frames of one protein.

    Attributes:
        residue_types: (L,) indices of RESIDUE_TYPES.
        starts: first residues of the stretches without a gap, in ascending order from 0.
        codes: (F, L) nearest to the steps of the residues; 0 for the first one, which has none.
        poses: (F, L) float32.
    """

    residue_types: np.ndarray
    starts: np.ndarray
    codes: np.ndarray
    poses: Poses

    @classmethod
    def of_frames(
        cls, backbone: np.ndarray, residue_types: np.ndarray, starts: np.ndarray, steps: Codebook
    ) -> "Protein":
        """A protein from N, CA, C (F, L, 3, 3) in nm."""
        poses = of_backbone(backbone)
        return cls(residue_types, starts, steps.nearest(backbone), Poses(poses.rotation.float(), poses.origin.float()))


class Proteins(Sequence):
    """The proteins of one split, in a folder that `write_proteins` has filled."""

    def __init__(self, folder: Path, split: str):
        table = pd.read_parquet(folder / _INDEX)
        self.table = table[table["split"] == split].reset_index(drop=True)
        self._arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS}

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, number: int) -> Protein:
        row = self.table.iloc[number]
        residues = len(row["sequence"])
        part = slice(row["first"], row["first"] + row["frames"] * residues)
        codes, poses = (
            np.asarray(array[part]).reshape(row["frames"], residues, *array.shape[1:])
            for array in self._arrays.values()
        )
        return Protein(residue_types_of(row["sequence"]), np.asarray(row["starts"]), codes.astype(int), _of_flat(poses))


class CodedWhenAsked(Sequence):
    """The training proteins of a collection, read and coded whenever one is asked for: for a few thousand windows.

    Args:
        most_frames: of a protein.

    Raises:
        InputError: the collection has none.
    """

    def __init__(self, collection: Collection, steps: Codebook, most_frames: int):
        self.collection, self.steps, self.most_frames = collection, steps, most_frames
        self.names = _names(collection, "train")

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, number: int) -> Protein:
        name = self.names[number]
        backbone = _frames(self.collection, _spread(self.collection, name, self.most_frames))
        residue_types = residue_types_of(self.collection.proteins.loc[name, "sequence"])
        return Protein.of_frames(backbone, residue_types, _starts(backbone), self.steps)


def residue_types_of(sequence: str) -> np.ndarray:
    """Indices (L,) of RESIDUE_TYPES of a sequence in one-letter codes; others than the twenty are X."""
    unknown = RESIDUE_TYPES.index("X")
    return np.array([unknown if letter not in RESIDUE_TYPES else RESIDUE_TYPES.index(letter) for letter in sequence])


def write_proteins(collection: Collection, codebook_size: int, most_frames: int, folder: Path) -> None:
    """Write codes and poses of the proteins for training and validation into `folder`, `most_frames` of each at most.

    A folder that holds them already is left as it is.

    Raises:
        InputError: a split has no protein.
    """
    if (folder / _INDEX).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    names = [(split, name) for split in ("train", "validation") for name in _names(collection, split)]
    chosen = {name: _spread(collection, name, most_frames) for _, name in names}
    residues, steps = collection.proteins["residues"], shipped_steps(codebook_size)
    total = sum(sum(map(len, chosen[name].values())) * int(residues[name]) for _, name in names)
    arrays = {
        key: np.lib.format.open_memmap(folder / f"{key}.npy", "w+", dtype, (total, *shape))
        for key, (shape, dtype) in _ARRAYS.items()
    }
    rows, first = [], 0
    for split, name in tqdm(names, desc="codes", unit="protein", mininterval=1):
        backbone = _frames(collection, chosen[name])
        codes = steps.nearest(backbone)
        for key, value in (("codes", codes), ("poses", _flat(of_backbone(backbone)))):
            arrays[key][first : first + codes.size] = value.reshape(-1, *_ARRAYS[key][0])
        rows.append((name, split, collection.proteins.loc[name, "sequence"], len(codes), first, _starts(backbone)))
        first += codes.size
    for array in arrays.values():
        array.flush()
    columns = ["protein", "split", "sequence", "frames", "first", "starts"]
    pd.DataFrame(rows, columns=columns).to_parquet(folder / _INDEX)


def _names(collection: Collection, split: Split) -> list[str]:
    found = collection.names(split)
    if not found:
        raise InputError(f"{collection.folder} has no protein for {split}; see validation_share and left_out.csv")
    return found


def _starts(backbone: np.ndarray) -> np.ndarray:
    """First residues of the stretches of frames (F, L, 3, 3) that have no gap in any of them."""
    return np.concatenate([[0], np.flatnonzero(~peptide_bonds(backbone).all(axis=0)) + 1])


def _spread(collection: Collection, name: str, most: int) -> dict[str, np.ndarray]:
    """At most `most` frames of a protein by segment, the same number of each of its runs."""
    lengths = collection.segments.loc[collection.segment_names(name), "frames"].iloc[:most]
    each = max(most // collection.proteins.loc[name, "conformers"], 1)
    return {
        segment: np.linspace(0, length - 1, min(each, length)).round().astype(int)
        for segment, length in lengths.items()
    }


def _frames(collection: Collection, chosen: dict[str, np.ndarray]) -> np.ndarray:
    """N, CA, C (F, L, 3, 3) of some frames of segments of one protein."""
    return np.concatenate([collection.segment(name).backbone[frames][:, :, :3] for name, frames in chosen.items()])


def _flat(poses: Poses) -> np.ndarray:
    """Poses (F, L) as (F, L, 12): rotation row by row, then the origin."""
    return torch.cat([poses.rotation.flatten(-2), poses.origin], dim=-1).numpy()


def _of_flat(flat: np.ndarray) -> Poses:
    poses = torch.from_numpy(flat.copy())
    return Poses(poses[..., :9].unflatten(-1, (3, 3)), poses[..., 9:])
