"""The proteins of a collection as a base reads them: codes and poses of frames, in files that are mapped into memory.

Axes: F frames, L residues.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from mdllm.bases.poses import Poses, of_backbone
from mdllm.bases.views import RESIDUE_TYPES
from mdllm.collections.reader import Collection
from mdllm.core.errors import InputError
from mdllm.core.geometry import peptide_bonds
from mdllm.tokenizers.chain.codebook import shipped_steps

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


class Proteins:
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
    names = {split: collection.names(split) for split in ("train", "validation")}
    for split, found in names.items():
        if not found:
            raise InputError(f"{collection.folder} has no protein for {split}; see validation_share and left_out.csv")
    steps = shipped_steps(codebook_size)
    rows, parts, first = [], {name: [] for name in _ARRAYS}, 0
    for split, found in names.items():
        for name in tqdm(found, desc=f"codes, {split}", unit="protein", mininterval=1):
            backbone = _spread_frames(collection, name, most_frames)
            codes = steps.nearest(backbone)
            for key, value in (("codes", codes), ("poses", _flat(of_backbone(backbone)))):
                parts[key].append(value.reshape(-1, *_ARRAYS[key][0]).astype(_ARRAYS[key][1]))
            starts = np.concatenate([[0], np.flatnonzero(~peptide_bonds(backbone).all(axis=0)) + 1])
            rows.append((name, split, collection.proteins.loc[name, "sequence"], len(codes), first, starts))
            first += codes.size
    for key, found in parts.items():
        np.save(folder / f"{key}.npy", np.concatenate(found))
    columns = ["protein", "split", "sequence", "frames", "first", "starts"]
    pd.DataFrame(rows, columns=columns).to_parquet(folder / _INDEX)


def _spread_frames(collection: Collection, name: str, most: int) -> np.ndarray:
    """N, CA, C (F, L, 3, 3) of at most `most` frames of a protein, the same number of each of its runs."""
    segments = collection.conformers(name)
    each = max(most // len(segments), 1)
    chosen = []
    for segment in segments[:most]:
        frames = np.linspace(0, len(segment.backbone) - 1, min(each, len(segment.backbone))).round().astype(int)
        chosen.append(np.asarray(segment.backbone[frames])[:, :, :3])
    return np.concatenate(chosen)


def _flat(poses: Poses) -> np.ndarray:
    """Poses (F, L) as (F, L, 12): rotation row by row, then the origin."""
    return torch.cat([poses.rotation.flatten(-2), poses.origin], dim=-1).numpy()


def _of_flat(flat: np.ndarray) -> Poses:
    poses = torch.from_numpy(flat.copy())
    return Poses(poses[..., :9].unflatten(-1, (3, 3)), poses[..., 9:])
