"""The structure database of ProMod3: N, CA, C, O of some 21,000 chains of the Protein Data Bank, in one file.

ProMod3: Studer et al., PLoS Comput. Biol. 17, e1008667 (2021), Apache-2.0; the structures are CC0. The file is a raw
image of memory: a header with the sizes of its records, a table of stretches of chain without a gap, and then one
array after the other over all of their residues, of which letters and coordinates come first.
"""

import struct
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from mdllm.core.errors import InputError

# A magic number, version 2, and the sizes in bytes of twelve types, in 4 bytes each; 21 bytes of settings follow.
_HEADER = struct.pack("<14I", 1234, 2, 4, 4, 2, 8, 2, 6, 88, 40, 24, 6, 4, 1)
_TABLE_AT = len(_HEADER) + 21
_NM = 0.001  # of the whole numbers that stand for coordinates, from an origin that each stretch has


@dataclass(frozen=True)
class Stretch:
    """Residues of one chain without a gap; `name` is ENTRY_CHAIN, then _NUMBER of its first one if there are more."""

    name: str
    first: int
    residues: int


class StructureDatabase:
    """The database in a file, whose arrays are mapped into memory.

    Raises:
        InputError: the file is no such database, or ends too early.
    """

    def __init__(self, path: Path):
        self.path = path
        with open(path, "rb") as file:
            if file.read(len(_HEADER)) != _HEADER:
                raise InputError(
                    f"{path} does not begin as a structure database of ProMod3 3 does (structure_db.dat, version 2, "
                    "as written on a 64-bit machine)"
                )
            file.seek(_TABLE_AT)
            self._rows = [self._row(file) for _ in range(self._number(file, "<Q"))]
            self._residues = self._number(file, "<Q")
            self._letters_at = file.tell()
        size, needed = path.stat().st_size, self._letters_at + 25 * self._residues + 8
        if size < needed:
            raise InputError(f"{path} ends early: {size} bytes of at least {needed}; delete it to fetch it again")

    @cached_property
    def stretches(self) -> list[Stretch]:
        """All of them, in the order of the file."""
        chains = Counter(f"{entry}_{chain}" for entry, chain, *_ in self._rows)
        return [
            Stretch(name if chains[name := f"{entry}_{chain}"] == 1 else f"{name}_{number}", first, residues)
            for entry, chain, first, residues, number in self._rows
        ]

    def sequence(self, stretch: Stretch) -> str:
        letters = np.memmap(self.path, "S1", "r", self._letters_at, self._residues)
        return letters[self._part(stretch)].tobytes().decode()

    def backbone(self, stretch: Stretch) -> np.ndarray:
        """N, CA, C, O (L, 4, 3) in nm, float32, to a thousandth."""
        place = self._letters_at + self._residues + 8
        coordinates = np.memmap(self.path, "<i2", "r", place, (self._residues, 4, 3))
        return coordinates[self._part(stretch)].astype(np.float32) * np.float32(_NM)

    def _part(self, stretch: Stretch) -> slice:
        return slice(stretch.first, stretch.first + stretch.residues)

    def _row(self, file) -> tuple[str, str, int, int, int]:
        entry, chain = (self._read(file, self._number(file, "<I")).decode() for _ in range(2))
        first, residues, number, *_ = struct.unpack("<IHH3f", self._read(file, 20))
        return entry, chain, first, residues, number

    def _number(self, file, form: str) -> int:
        return struct.unpack(form, self._read(file, struct.calcsize(form)))[0]

    def _read(self, file, count: int) -> bytes:
        found = file.read(count)
        if len(found) < count:
            raise InputError(f"{self.path} ends early, in its table of chains; delete it to fetch it again")
        return found
