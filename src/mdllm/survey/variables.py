"""Collective variables that could tell states apart: every backbone torsion, and the distances that differ most.

Axes: F frames, L residues, V variables.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import combinations

import MDAnalysis as mda
import numpy as np

from mdllm.core.geometry import CA, backbone_torsions, emptiest_angle
from mdllm.molecules.chains import icodes
from mdllm.survey.states import Distances

_PAIRS = 15  # distances that are taken for each pair of groups
_APART = 2  # residues by which an end of a pair must differ from those taken before
_TURN = 2 * np.pi


@dataclass(frozen=True)
class Variable:
    """One collective variable as a system file would define it.

    Attributes:
        key: its name in the file.
        definition: what stands under that name.
        kind: "torsion" or "distance".
        values: (F,) radian or nm.
        others: values (M,) of what it is compared with, the models of a reference; NaN where they lack atoms.
        start: where a circle of angles is cut open; None for a distance.
    """

    key: str
    definition: dict
    kind: str
    values: np.ndarray
    others: np.ndarray
    start: float | None = None

    def folded(self, values: np.ndarray) -> np.ndarray:
        """Angles from `start` to one turn above it."""
        return values if self.start is None else self.start + (values - self.start) % _TURN

    def bounds(self, low: float, high: float) -> list[float]:
        """Bounds of a region as a file has them: angles from -pi to pi, low > high through pi.

        A border that two regions share is rounded to the same number in both.
        """
        if self.start is None:
            return [round(float(x), 3) for x in (low, high)]
        if high - low >= _TURN - 1e-2:
            return [-3.1416, 3.1416]
        return [round(float((x + np.pi) % _TURN - np.pi), 3) for x in (low, high)]


def candidates(
    atoms: mda.Universe,
    bonded: np.ndarray,
    backbone: np.ndarray,
    groups: Distances,
    models: np.ndarray | None = None,
) -> list[Variable]:
    """Torsions that exist, and the distances between CA that differ most between groups of frames.

    Args:
        atoms: the backbones' universe, whose chains have letters.
        bonded: (L - 1,) whether a residue is bound to the next.
        backbone: (F, L, 4, 3) in nm.
        groups: distances within each of the groups that are to be told apart.
        models: (M, L, 4, 3) of a reference, NaN where it lacks atoms.
    """
    models = np.empty((0, *backbone.shape[1:])) if models is None else models
    names = _Names(atoms.residues)
    found = []
    for kind, values, others, exists in zip(
        ("phi", "psi"),
        backbone_torsions(backbone)[:2],
        backbone_torsions(models)[:2],
        (np.append(False, bonded), np.append(bonded, False)),
        strict=True,
    ):
        for residue in np.flatnonzero(exists & names.usable):
            own = values[:, residue].astype(np.float64)
            known = [part for part in (own, others[np.isfinite(others[:, residue]), residue]) if len(part)]
            key, definition = names.torsion(kind, residue)
            torsion = Variable(key, definition, "torsion", own, others[:, residue])
            found.append(replace(torsion, start=emptiest_angle(known)))
    for one, other in _telling(groups, names.usable):
        key, definition = names.distance(one, other)
        lengths = [np.linalg.norm(part[:, one, CA] - part[:, other, CA], axis=-1) for part in (backbone, models)]
        found.append(Variable(key, definition, "distance", *(length.astype(np.float64) for length in lengths)))
    return found


def _telling(groups: Distances, usable: np.ndarray) -> Iterable[tuple[int, int]]:
    """Pairs of residues whose distance tells two groups apart, the best ones of each pair of groups."""
    pairs: dict[tuple[int, int], None] = {}
    for one, other in combinations(range(len(groups.mean)), 2):
        effects = groups.effects(one, other) * usable[groups.pairs].all(axis=1)
        taken: list[tuple[int, int]] = []
        for index in np.argsort(-effects)[: 50 * _PAIRS]:
            pair = tuple(map(int, groups.pairs[index]))
            if effects[index] == 0 or len(taken) == _PAIRS:
                break
            if all(max(abs(pair[0] - i), abs(pair[1] - j)) >= _APART for i, j in taken):
                taken.append(pair)
        pairs |= dict.fromkeys(taken)
    return list(pairs)


class _Names:
    """How residues are called in a system file; where there are several chains, with the letter of theirs."""

    def __init__(self, residues: mda.ResidueGroup):
        self._residues = residues
        self._letters = [residue.atoms[0].chainID for residue in residues]
        self._codes = icodes(residues)
        self._alone = len(set(self._letters)) == 1
        # a minus is no part of a name, and means a range in a selection
        self.usable = residues.resids >= 0

    def _number(self, residue: int) -> str:
        return f"{self._residues[residue].resid}{self._codes[residue]}"

    def _name(self, residue: int) -> str:
        return ("" if self._alone else self._letters[residue]) + self._number(residue)

    def torsion(self, kind: str, residue: int) -> tuple[str, dict]:
        """Key and definition of phi or psi."""
        number = self._number(residue)
        definition = {"type": kind, "residue": int(number) if number.isdigit() else number}
        if not self._alone:
            definition["segment"] = self._letters[residue]
        return f"{kind}{'' if self._alone else '_'}{self._name(residue)}", definition

    def distance(self, one: int, other: int) -> tuple[str, dict]:
        """Key and definition of the distance of two CA."""
        ends = [f"resid {self._number(residue)} and name CA" for residue in (one, other)]
        if not self._alone:
            ends = [
                f"{end} and chainID {self._letters[residue]}" for end, residue in zip(ends, (one, other), strict=True)
            ]
        return f"distance_{self._name(one)}_{self._name(other)}", {"type": "distance", "a": ends[0], "b": ends[1]}
