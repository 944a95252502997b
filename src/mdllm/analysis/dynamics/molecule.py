"""A protein with all its atoms: which residue, element and role each has, told from the topology and one frame.

Bonds are told from distances in that frame, so that names of hydrogens, which differ between force fields, do not
matter; residue numbers do not either: residues are counted from 0, chains apart.
"""

import logging
from dataclasses import dataclass

import MDAnalysis as mda
import numpy as np
from scipy.spatial import cKDTree

from mdllm.core.errors import InputError
from mdllm.core.trajectories import ANGSTROM_PER_NM
from mdllm.molecules.backbone import BackboneAtoms, atoms_by_name
from mdllm.molecules.chains import residue_name

logger = logging.getLogger(__name__)

_SAME_AS = {
    **dict.fromkeys(("HID", "HIE", "HIP", "HSD", "HSE", "HSP"), "HIS"),
    **dict.fromkeys(("CYX", "CYM", "CYS2"), "CYS"),
}
_HYDROGEN_BOND_NM = 0.13  # a hydrogen that is farther from every heavy atom is bonded to none
_HEAVY_BOND_NM = 0.2  # C-S 0.18; what is not bonded keeps 0.22
_DISULFIDE_NM = 0.21
_ELEMENTS = ("C", "N", "O", "S", "H")


@dataclass(frozen=True)
class Molecule:
    """A atoms of L residues, in the order of the residues.

    Attributes:
        atoms: (A,) indices in the universe.
        names, elements: (A,) of atoms; elements are symbols.
        residue: (A,) index of the residue, from 0.
        labels: (L,) names for messages and tables, such as "ALA 52A".
        resnames: (L,) standard names; the protonation states of HIS and CYS under one.
        chain: (L,) number of the chain.
        bonded: (L - 1,) whether a residue is bound to the next.
        backbone: (L, 4) rows of N, CA, C, O; of C where there is no O.
        heavy_of: (A,) of hydrogens the atom that they are bonded to, of others -1.
        neighbours: (B, 2) bonded pairs of heavy atoms.
        disulfides: (D, 2) residues whose SG are bonded.
    """

    atoms: np.ndarray
    names: np.ndarray
    elements: np.ndarray
    residue: np.ndarray
    labels: np.ndarray
    resnames: np.ndarray
    chain: np.ndarray
    bonded: np.ndarray
    backbone: np.ndarray
    heavy_of: np.ndarray
    neighbours: np.ndarray
    disulfides: np.ndarray

    @classmethod
    def of(cls, universe: mda.Universe, selection: str = "protein", topology: str = "the topology") -> "Molecule":
        """The residues of a selection in a universe that has its first frame, molecules whole.

        Raises:
            InputError: nothing is selected, a residue lacks N, CA or C, coordinates are not finite, an element is none
                of C, N, O, S, H, or a hydrogen is bonded to nothing.
        """
        found = BackboneAtoms.select(universe, selection, topology)
        residues = found.residues
        tables = [atoms_by_name(residue) for residue in residues]
        indices = np.array([index for table in tables for index in sorted(table.values())])
        residue = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
        names = universe.atoms.names[indices].astype(str)
        labels = np.array([residue_name(residue) for residue in residues])
        elements = _elements(names, residues.resnames.astype(str)[residue])
        points = universe.atoms.positions[indices].astype(np.float64) / ANGSTROM_PER_NM
        place = [f"{name} of {labels[of]}" for name, of in zip(names, residue, strict=True)]
        _check(points, elements, place, topology)
        row = {index: number for number, index in enumerate(indices)}
        letters = found.chains().letters
        heavy = np.flatnonzero(elements != "H")
        pairs = heavy[cKDTree(points[heavy]).query_pairs(_HEAVY_BOND_NM, output_type="ndarray")]
        sulfur = np.flatnonzero((names == "SG") & (elements == "S"))
        bridges = sulfur[cKDTree(points[sulfur]).query_pairs(_DISULFIDE_NM, output_type="ndarray")]
        return cls(
            atoms=indices,
            names=names,
            elements=elements,
            residue=residue,
            labels=labels,
            resnames=np.array([_SAME_AS.get(name, name) for name in residues.resnames.astype(str)]),
            chain=np.concatenate([[0], np.cumsum(letters[1:] != letters[:-1])]),
            bonded=found.bonded,
            backbone=np.vectorize(row.get)(found.atoms),
            heavy_of=_heavy_of(points, elements, residue, place, topology),
            neighbours=pairs,
            disulfides=residue[bridges].reshape(-1, 2),
        )

    def __len__(self) -> int:
        """Number of residues L."""
        return len(self.resnames)

    def rows(self, resname: str, *names: str) -> np.ndarray:
        """Rows of the atoms of these names in residues of a name; (M, number of names), of residues that have all."""
        of_residue = [np.flatnonzero(self.residue == number) for number in np.flatnonzero(self.resnames == resname)]
        found = [[own[self.names[own] == name] for name in names] for own in of_residue]
        return np.array([np.concatenate(rows) for rows in found if all(map(len, rows))], int).reshape(-1, len(names))

    @property
    def has_polar_hydrogens(self) -> bool:
        """Whether nitrogens have hydrogens, which hydrogen bonds need."""
        return bool((self.elements[self.heavy_of[self.heavy_of >= 0]] == "N").any())

    @property
    def has_all_hydrogens(self) -> bool:
        """Whether carbons have hydrogens as well, which the surface needs."""
        return bool((self.elements[self.heavy_of[self.heavy_of >= 0]] == "C").any())


def _elements(names: np.ndarray, resnames: np.ndarray) -> np.ndarray:
    """Elements by the first letter of the name, as in proteins; selenium of MSE and SEC counts as sulfur."""
    letters = np.array([name.lstrip("0123456789")[:1].upper() for name in names])
    selenium = np.isin(resnames, ("MSE", "SEC")) & np.isin(names, ("SE", "SEG"))
    return np.where(selenium, "S", np.where(letters == "D", "H", letters))


def _check(points: np.ndarray, elements: np.ndarray, place: list[str], topology: str) -> None:
    lost = np.flatnonzero(~np.isfinite(points).all(-1))
    if len(lost):
        raise InputError(f"{topology}: coordinates of {place[lost[0]]} are not finite in the first frame")
    odd = np.flatnonzero(~np.isin(elements, _ELEMENTS))
    if len(odd):
        raise InputError(
            f"{topology}: {place[odd[0]]} is none of C, N, O, S, H, and {len(odd)} atoms are such; leave residues that "
            "are no amino acids out by `selection`"
        )


def _heavy_of(
    points: np.ndarray, elements: np.ndarray, residue: np.ndarray, place: list[str], topology: str
) -> np.ndarray:
    """The nearest heavy atom of the same residue of every hydrogen; -1 of heavy atoms."""
    result = np.full(len(elements), -1)
    hydrogen = elements == "H"
    shifted = np.column_stack([points, 1e3 * residue])  # a residue's atoms are nearest to each other
    heavy = np.flatnonzero(~hydrogen)
    distance, nearest = cKDTree(shifted[heavy]).query(shifted[hydrogen])
    free = np.flatnonzero(distance > _HYDROGEN_BOND_NM)
    if len(free):
        which = np.flatnonzero(hydrogen)[free[0]]
        raise InputError(
            f"{topology}: {place[which]} is {distance[free[0]]:.2f} nm from every heavy atom of its residue in the "
            "first frame. Make molecules whole, or give another first frame"
        )
    result[hydrogen] = heavy[nearest]
    return result
