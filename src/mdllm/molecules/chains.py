"""Chains: those that a file names, and, where it names none, the bonded fragments."""

import string
from dataclasses import dataclass
from itertools import groupby

import MDAnalysis as mda
import numpy as np

_NO_SEGMENT = ("", "SYSTEM")  # what MDAnalysis calls the one segment of a file without any
LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits


@dataclass(frozen=True)
class Chains:
    """The chain of each of L residues.

    Attributes:
        letters: (L,) one letter each.
        segments: (L,) name of the segment in the raw file; the letter where it has none.
        named: whether the file names all of them, so that none had to be made up.
    """

    letters: np.ndarray
    segments: np.ndarray
    named: bool

    @classmethod
    def of(cls, residues: mda.ResidueGroup, bonded: np.ndarray) -> "Chains":
        """Chains by what the file says; `bonded` (L - 1,) tells whether a residue is bound to the next.

        Two chains under one name (numbers that come twice) are told apart as fragments, and so are those without any.
        """
        given = list(zip(map(str.strip, residues.segids), chain_ids(residues), strict=True))
        fragment = np.concatenate([[0], np.cumsum(~bonded)])
        numbers = [(number, icode) for number, icode in zip(residues.resids, icodes(residues), strict=True)]
        keys, named = [], True
        seen: dict[tuple, set] = {}
        for key, number in zip(given, numbers, strict=True):
            seen.setdefault(key, set()).add(number)
        crowded = {key for key, found in seen.items() if len(found) < given.count(key)}
        for key, piece in zip(given, fragment, strict=True):
            alone = (key[0] not in _NO_SEGMENT or key[1]) and key not in crowded
            keys.append((*key, -1 if alone else int(piece)))
            named &= bool(alone)
        letters, segments = _names(list(dict.fromkeys(keys)))
        return cls(np.array([letters[key] for key in keys]), np.array([segments[key] for key in keys]), named)

    def described(self, residues: mda.ResidueGroup) -> list[str]:
        """A line for each chain: "A: MET 1 to LYS 214, segment 4AKE"."""
        lines = []
        for letter in dict.fromkeys(self.letters):
            own = residues[self.letters == letter]
            segment = self.segments[self.letters == letter][0]
            name = "" if segment == letter else f", segment {segment}"
            lines.append(f"{letter}: {residue_name(own[0])} to {residue_name(own[-1])} ({len(own)} residues){name}")
        return lines


def _names(keys: list[tuple[str, str, int]]) -> tuple[dict, dict]:
    """A letter and a segment for each key (segment, chain, fragment): as given where one letter is free for it."""
    letters, segments = {}, {}
    for key in keys:
        segment, chain, fragment = key
        wanted = chain if len(chain) == 1 else segment
        if fragment < 0 and len(wanted) == 1 and wanted in LETTERS and wanted not in letters.values():
            letters[key] = wanted
    for number, key in enumerate(keys):
        free = [letter for letter in LETTERS if letter not in letters.values()]
        letters.setdefault(key, free[0] if free else LETTERS[number % len(LETTERS)])
        segment = key[0]
        alone = [other[0] for other in keys].count(segment) == 1
        segments[key] = segment if alone and segment not in _NO_SEGMENT else letters[key]
    return letters, segments


def chain_ids(residues: mda.ResidueGroup) -> list[str]:
    """Chain identifier of each residue, as the file has it; empty where it has none."""
    if not hasattr(residues.atoms, "chainIDs"):
        return [""] * len(residues)
    ids, first = residues.universe.atoms.chainIDs, [residue.atoms.ix[0] for residue in residues]
    return [str(ids[index]).strip() for index in first]


def icodes(residues: mda.ResidueGroup) -> list[str]:
    """Insertion code of each residue; empty where there is none."""
    return [str(code).strip() for code in residues.icodes] if hasattr(residues, "icodes") else [""] * len(residues)


def residue_name(residue) -> str:
    """ "ALA 52A": residue name, number and insertion code."""
    return f"{residue.resname} {residue.resid}{getattr(residue, 'icode', '').strip()}"


def numbers(residues: mda.ResidueGroup) -> str:
    """Residue numbers in words: "1 to 20, 25"."""
    words = []
    for _, run in groupby(enumerate(residues.resids), lambda pair: pair[1] - pair[0]):
        own = [number for _, number in run]
        words.append(f"{own[0]} to {own[-1]}" if len(own) > 1 else str(own[0]))
    return ", ".join(words)


def ranges(residues: mda.ResidueGroup) -> str:
    """Residues in words, neighbours by number together: "MET 1, ALA 5 to LYS 9"."""
    words = []
    for _, run in groupby(enumerate(residues), lambda pair: (pair[1].resid - pair[0], pair[1].segid)):
        own = [residue for _, residue in run]
        words.append(residue_name(own[0]) + (f" to {residue_name(own[-1])}" if len(own) > 1 else ""))
    return ", ".join(words)
