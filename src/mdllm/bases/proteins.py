"""The proteins of a collection as a base reads them: codes and poses of frames, in files that are mapped into memory.

Axes: F frames, L residues.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from mdllm.bases.poses import Poses
from mdllm.bases.views import RESIDUE_TYPES
from mdllm.collections.reader import Collection
from mdllm.core.errors import InputError
from mdllm.tokenizers.chain.coding import Coder
from mdllm.tokenizers.chain.settings import ChainSettings
from mdllm.tokenizers.chain.tokenizer import coder_of
from mdllm.tokenizers.rigid.poses import poses_of

logger = logging.getLogger(__name__)

_INDEX = "proteins.parquet"
_TOGETHER = 64  # proteins that are encoded together at most
_ARRAYS = {"codes": ((), np.int16), "true": ((12,), np.float32), "rebuilt": ((12,), np.float32)}


@dataclass(frozen=True)
class Protein:
    """Frames of one protein.

    Attributes:
        residue_types: (L,) indices of RESIDUE_TYPES.
        starts: first residues of the stretches without a gap, in ascending order from 0.
        codes: (F, L).
        true, rebuilt: poses (F, L) of MD or of a structure, and those that the codes lead to, float32.
    """

    residue_types: np.ndarray
    starts: np.ndarray
    codes: np.ndarray
    true: Poses
    rebuilt: Poses


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
        codes, true, rebuilt = (
            np.asarray(array[part]).reshape(row["frames"], residues, *array.shape[1:])
            for array in self._arrays.values()
        )
        return Protein(
            residue_types_of(row["sequence"]),
            np.asarray(row["starts"]),
            codes.astype(int),
            _poses(true),
            _poses(rebuilt),
        )


def residue_types_of(sequence: str) -> np.ndarray:
    """Indices (L,) of RESIDUE_TYPES of a sequence in one-letter codes; others than the twenty are X."""
    unknown = RESIDUE_TYPES.index("X")
    return np.array([unknown if letter not in RESIDUE_TYPES else RESIDUE_TYPES.index(letter) for letter in sequence])


def write_proteins(collection: Collection, codebook_size: int, most_frames: int, folder: Path) -> None:
    """Encode the proteins for training and validation, at most `most_frames` of each, and write them into `folder`.

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
    tokenizer = ChainSettings(name="chain", codebook_size=codebook_size)
    rows, parts, first = [], {name: [] for name in _ARRAYS}, 0
    for split, found in names.items():
        with tqdm(total=len(found), desc=f"encode, {split}", unit="protein", mininterval=1) as progress:
            for batch in _of_one_length(collection, found, most_frames):
                for name, (coder, backbone, codes) in _encoded(batch, tokenizer).items():
                    for key, value in (
                        ("codes", codes),
                        ("true", _flat(*poses_of(backbone))),
                        ("rebuilt", _flat(*coder.decode(codes))),
                    ):
                        parts[key].append(value.reshape(-1, *_ARRAYS[key][0]).astype(_ARRAYS[key][1]))
                    sequence = collection.proteins.loc[name, "sequence"]
                    rows.append((name, split, sequence, len(codes), first, coder.starts))
                    first += codes.size
                progress.update(len(batch))
    for key, found in parts.items():
        np.save(folder / f"{key}.npy", np.concatenate(found))
    columns = ["protein", "split", "sequence", "frames", "first", "starts"]
    pd.DataFrame(rows, columns=columns).to_parquet(folder / _INDEX)


def _of_one_length(collection: Collection, names: list[str], most_frames: int) -> Iterator[dict[str, np.ndarray]]:
    """Frames of some proteins of equal numbers of residues, by name."""
    lengths = collection.proteins.loc[names, "residues"]
    for _, group in lengths.groupby(lengths):
        for first in range(0, len(group), _TOGETHER):
            yield {
                name: _spread_frames(collection, name, most_frames) for name in group.index[first : first + _TOGETHER]
            }


def _encoded(batch: dict[str, np.ndarray], settings: ChainSettings) -> dict[str, tuple[Coder, np.ndarray, np.ndarray]]:
    """Coder, frames and codes of proteins; those without a gap are encoded together, which changes no code."""
    coders = {name: coder_of(backbone, settings) for name, backbone in batch.items()}
    whole = [name for name, coder in coders.items() if len(coder.starts) == 1]
    codes = {name: coders[name].encode(*poses_of(batch[name]))[0] for name in batch if name not in whole}
    if whole:
        joined = np.concatenate([batch[name] for name in whole])
        found = coders[whole[0]].encode(*poses_of(joined))[0]
        ends = np.cumsum([len(batch[name]) for name in whole])
        codes |= dict(zip(whole, np.split(found, ends[:-1]), strict=True))
    return {name: (coders[name], batch[name], codes[name]) for name in batch}


def _spread_frames(collection: Collection, name: str, most: int) -> np.ndarray:
    """N, CA, C (F, L, 3, 3) of at most `most` frames of a protein, the same number of each of its runs."""
    segments = collection.conformers(name)
    each = max(most // len(segments), 1)
    chosen = []
    for segment in segments[:most]:
        frames = np.linspace(0, len(segment.backbone) - 1, min(each, len(segment.backbone))).round().astype(int)
        chosen.append(np.asarray(segment.backbone[frames])[:, :, :3])
    return np.concatenate(chosen)


def _flat(rotation: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """Poses (L, 3, 3, F), (L, 3, F) as (F, L, 12): rotation row by row, then the origin."""
    joined = np.concatenate([rotation.reshape(len(rotation), 9, -1), origin], axis=1)
    return np.transpose(joined, (2, 0, 1))


def _poses(flat: np.ndarray) -> Poses:
    return Poses(
        torch.from_numpy(flat[..., :9].reshape(*flat.shape[:-1], 3, 3).copy()), torch.from_numpy(flat[..., 9:].copy())
    )
