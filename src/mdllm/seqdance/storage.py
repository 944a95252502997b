"""Properties of many proteins in HDF5, in the layout of the data that came with the paper, and a table of the proteins.

`{name}_res_feature` (T, 47) or, of normal modes, (T, 3); `{name}_pair_feature` (T, T, 10) or (T, T, 3). A protein may
have both, in two files. Special tokens are counted, and their rows are -1.

Axes: T tokens, L residues.
"""

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from mdllm.core.errors import InputError
from mdllm.seqdance.families import PAIR, PAIR_FAMILIES, RESIDUE, RESIDUE_FAMILIES
from mdllm.seqdance.tokens import chains_of, encode, is_residue

PROTEINS = "proteins.csv"
RESIDUE_KEY, PAIR_KEY = "{}_res_feature", "{}_pair_feature"
SPECIAL = -1.0
# Properties of MD, and those of normal modes: columns of the residue and of the pair properties.
_PARTS = {"dynamics": (slice(0, 47), slice(0, 10)), "normal_modes": (slice(47, 50), slice(10, 13))}
_ABSENT = "absent"
_TORSIONS = [family.part for family in RESIDUE_FAMILIES if family.circular]
_RMSF, _GNM = (next(f.part for f in RESIDUE_FAMILIES if f.name == name) for name in ("rmsf", "gnm"))
_CONTACTS = PAIR_FAMILIES[0].part


@dataclass(frozen=True)
class Targets:
    """What a model learns of one protein, or of a window of it; NaN where there is no target.

    Attributes:
        tokens: (T,) of ESM2.
        residue: (T, 50), pair: (T, T, 13), float32.
    """

    tokens: np.ndarray
    residue: np.ndarray
    pair: np.ndarray


class PropertyWriter:
    """Writes properties of proteins into `dynamics.h5`, `normal_modes.h5` and `proteins.csv` of a folder."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._files = {part: h5py.File(folder / f"{part}.h5", "w") for part in _PARTS}
        self._rows: list[dict] = []

    def add(self, name: str, sequence: str, group: str, split: str, residue: np.ndarray, pair: np.ndarray) -> None:
        """Write residue (L, 50) and pair (L, L, 13) properties, NaN where there are none.

        Args:
            sequence: of L residues, `:` between chains.
        """
        inside = is_residue(encode(chains_of(sequence, name)))
        for part, (columns, pair_columns) in _PARTS.items():
            own, own_pair = residue[:, columns], pair[..., pair_columns]
            if np.isnan(own).all() and np.isnan(own_pair).all():
                continue
            rows = np.full((len(inside), own.shape[-1]), SPECIAL, np.float32)
            maps = np.full((len(inside), len(inside), own_pair.shape[-1]), SPECIAL, np.float32)
            rows[inside] = own
            maps[np.ix_(inside, inside)] = own_pair
            for key, values, names in (
                (RESIDUE_KEY, rows, RESIDUE[columns]),
                (PAIR_KEY, maps, PAIR[pair_columns]),
            ):
                written = self._files[part].create_dataset(key.format(name), data=values, compression="lzf")
                absent = np.isnan(values).any(tuple(range(values.ndim - 1))) & ~_any_value(values, inside)
                if absent.any():
                    written.attrs[_ABSENT] = [names[i] for i in np.flatnonzero(absent)]
        self._rows.append({"name": name, "sequence": sequence, "group": group, "split": split})

    def close(self) -> None:
        """Write the table of proteins: with it the folder is finished."""
        for file in self._files.values():
            file.close()
        pd.DataFrame(self._rows).to_csv(self._folder / PROTEINS, index=False)


def _any_value(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Which columns of (T, ..., P) have a value at a residue."""
    at = values[inside] if values.ndim == 2 else values[np.ix_(inside, inside)]
    return np.isfinite(at).any(tuple(range(values.ndim - 1)))


class PropertyReader:
    """Reads targets of proteins from files of this layout.

    Args:
        files: HDF5 files; a protein may be in several, with different properties.
        cube_root: whether contacts are taken to the power of a third, as the paper has it.
        symmetric: whether contacts of (i, j) and (j, i), which the released data count in the order in which the atoms
            came, are added up.
        undefined_as_zero: whether shares of torsions that a residue does not have are 0 rather than NaN.

    RMSF is divided by the protein's largest; normal-mode fluctuations by their mean in each band, since their scale
    says nothing.
    """

    def __init__(
        self, files: Iterable[Path], cube_root: bool = True, symmetric: bool = True, undefined_as_zero: bool = False
    ):
        self._paths = [Path(file) for file in files]
        for path in self._paths:
            if not path.is_file():
                raise InputError(f"{path} does not exist (paths start at the working directory)")
        self._open: dict[tuple[int, Path], h5py.File] = {}
        self._cube_root, self._symmetric, self._undefined_as_zero = cube_root, symmetric, undefined_as_zero

    def _of(self, path: Path) -> h5py.File:
        own = os.getpid(), path  # processes of a DataLoader open files of their own
        if own not in self._open:
            try:
                self._open[own] = h5py.File(path, "r")
            except OSError as error:
                raise InputError(f"{path} is no HDF5 file that can be read: {error}") from error
        return self._open[own]

    def length(self, name: str) -> int:
        """Number of tokens of a protein. Raises InputError as `read`."""
        return len(next(iter(self._datasets(name)))[1])

    def read(self, name: str, chains: list[str], first: int = 0, most: int | None = None) -> Targets:
        """Targets of a protein.

        Args:
            chains: its sequence.
            first, most: window of so many tokens between the first and the last one; None: the whole protein.

        Raises:
            InputError: a key is missing, shapes do not agree with the sequence, special tokens do not stand where they
                should, or there is a NaN that is no undefined torsion.
        """
        tokens = encode(chains)
        inside = is_residue(tokens)
        residue = np.full((len(tokens), len(RESIDUE)), np.nan, np.float32)
        window = np.arange(len(tokens))
        if most is not None and most < len(tokens) - 2:
            window = np.concatenate([[0], 1 + first + np.arange(most), [len(tokens) - 1]])
        pair = np.full((len(window), len(window), len(PAIR)), np.nan, np.float32)
        middle = slice(window[1], window[-2] + 1)
        for path, rows, maps, part in self._datasets(name):
            where = f"{path}: {name}"
            if len(rows) != len(tokens):
                raise InputError(
                    f"{where} has {len(rows)} tokens, but its sequence {inside.sum()} residues in {len(chains)} "
                    f"chains, with two special tokens for each {len(tokens)}"
                )
            columns, pair_columns = _PARTS[part]
            residue[:, columns] = _checked(rows[:], rows.attrs.get(_ABSENT, ()), inside, RESIDUE[columns], where)
            pair[1:-1, 1:-1, pair_columns] = _checked_maps(
                maps[middle, middle], maps.attrs.get(_ABSENT, ()), inside[middle], PAIR[pair_columns], where
            )
        return Targets(tokens[window], self._prepared(residue, inside)[window], self._prepared_maps(pair))

    def _datasets(self, name: str) -> list[tuple[Path, h5py.Dataset, h5py.Dataset, str]]:
        """Path, residue and pair properties, and which part they are, in all files that have the protein."""
        found = []
        for path in self._paths:
            file, key = self._of(path), RESIDUE_KEY.format(name)
            if key not in file:
                continue
            if (pair_key := PAIR_KEY.format(name)) not in file:
                raise InputError(f"{path} holds {key}, but no {pair_key}; fetch or make the file again")
            rows, maps = file[key], file[pair_key]
            widths = rows.shape[-1], maps.shape[-1]
            part = {(47, 10): "dynamics", (3, 3): "normal_modes"}.get(widths)
            if part is None or maps.shape[:-1] != (len(rows),) * 2:
                raise InputError(
                    f"{path}: {name} has the shapes {rows.shape} and {maps.shape}; (T, 47) and (T, T, 10) or, of "
                    "normal modes, (T, 3) and (T, T, 3) are what can be read"
                )
            found.append((path, rows, maps, part))
        if not found:
            names = [key for path in self._paths for key in self._of(path)]
            near = difflib.get_close_matches(RESIDUE_KEY.format(name), names, n=1)
            hint = f"; there is {near[0]}" if near else ""
            raise InputError(f"{', '.join(map(str, self._paths))}: no {RESIDUE_KEY.format(name)}{hint}")
        return found

    def _prepared(self, residue: np.ndarray, inside: np.ndarray) -> np.ndarray:
        for part in _TORSIONS:
            block = residue[:, part]
            none = inside & (np.nan_to_num(block).sum(-1) == 0)
            measured = np.isfinite(block).any()
            block[none] = 0.0 if self._undefined_as_zero and measured else np.nan
        for part in (_RMSF, _GNM):
            block = residue[:, part]
            if np.isfinite(block[inside]).all():
                scale = block[inside].max(0) if part == _RMSF else block[inside].mean(0)
                block /= np.where(scale > 0, scale, 1)
        return residue

    def _prepared_maps(self, pair: np.ndarray) -> np.ndarray:
        contacts = pair[..., _CONTACTS]
        if self._symmetric:
            other = contacts.transpose(1, 0, 2)
            if not np.array_equal(contacts, other, equal_nan=True):
                contacts = contacts + other
        pair[..., _CONTACTS] = np.cbrt(contacts) if self._cube_root else contacts
        return pair


def _checked(rows: np.ndarray, absent, inside: np.ndarray, names: tuple[str, ...], where: str) -> np.ndarray:
    """Residue properties (T, P), NaN at special tokens."""
    rows = rows.astype(np.float32)
    if not (rows[~inside] == SPECIAL).all():
        at = np.flatnonzero(~inside & (rows != SPECIAL).any(-1))[0]
        raise InputError(f"{where}: token {at} is a special one by the sequence, but its properties are not {SPECIAL}")
    lost = np.isnan(rows) & ~np.isin(names, absent)
    for part in _TORSIONS:  # a torsion that a residue does not have
        if part.stop <= len(names):
            lost[:, part] &= ~np.isnan(rows[:, part]).all(-1, keepdims=True)
    if lost.any():
        token, column = np.argwhere(lost)[0]
        number = int(inside[: token + 1].sum())
        raise InputError(f"{where}: {names[column]} of residue {number} is NaN; leave the protein out or make it again")
    rows[~inside] = np.nan
    return rows


def _checked_maps(maps: np.ndarray, absent, inside: np.ndarray, names: tuple[str, ...], where: str) -> np.ndarray:
    """Pair properties (T, T, P), NaN at special tokens."""
    maps = maps.astype(np.float32)
    lost = np.isnan(maps) & ~np.isin(names, absent)
    if lost.any():
        i, j, column = np.argwhere(lost)[0]
        raise InputError(f"{where}: {names[column]} of tokens {i + 1} and {j + 1} is NaN; leave the protein out")
    maps[~inside] = np.nan
    maps[:, ~inside] = np.nan
    return maps


def read_proteins(path: Path) -> pd.DataFrame:
    """The table of proteins: name, chains (lists of sequences), group, split.

    Raises:
        InputError: a column is missing, a name comes twice, a sequence has an unknown letter, or a split has none.
    """
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if missing := [name for name in ("name", "sequence", "group", "split") if name not in table]:
        raise InputError(f"{path} has no column {missing[0]}; it needs name, sequence, group, split")
    if (twice := table["name"].duplicated()).any():
        raise InputError(f"{path}: {table['name'][twice].iloc[0]} comes twice")
    for split in ("train", "validation"):
        if split not in set(table["split"]):
            raise InputError(f"{path}: no protein has the split {split}")
    names = zip(table["sequence"], table["name"], strict=True)
    return table.assign(chains=[chains_of(sequence, f"{path}: {name}") for sequence, name in names])
