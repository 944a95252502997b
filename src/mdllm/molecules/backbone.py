"""Which atoms of a raw topology are the backbone, and how they are cut out of a raw frame.

Pitfalls handled here: alternate locations (the first one is taken), two residues in one place (the first one),
terminal oxygens under other names, residues that lack backbone atoms (an error, never dropped), residues that a
selection leaves out of a chain (a warning), atom orders that differ between topology and trajectory, and molecules cut
by a periodic boundary. What is bonded is judged by the C-N distance in the first frame, never by residue numbers.
"""

import logging
from dataclasses import dataclass

import MDAnalysis as mda
import numpy as np
from MDAnalysis.core.selection import ProteinSelection
from MDAnalysis.lib.distances import minimize_vectors

from mdllm.core.errors import InputError
from mdllm.core.geometry import CA, PEPTIDE_BOND_NM, C, N, O, with_oxygen
from mdllm.core.trajectories import ANGSTROM_PER_NM, backbone_universe
from mdllm.molecules.chains import Chains, chain_ids, icodes, ranges, residue_name
from mdllm.molecules.damage import CUT, Damage, damaged_backbones
from mdllm.molecules.fragments import Fragments
from mdllm.molecules.reading import require_names

logger = logging.getLogger(__name__)

_PROTEIN = ProteinSelection.prot_res  # what `protein` selects
_OXYGEN_NAMES = ("O", "OT1", "O1", "OC1", "OXT", "OT2")
_MAIN = ("N", "CA", "C")
_CLOSED_NM = 0.17  # C and N that are nearer are bonded


@dataclass(frozen=True)
class BackboneAtoms:
    """The backbone of L residues in a raw topology.

    Attributes:
        lacks_oxygen: (L,) whether the topology has no O, so that it is placed.
        bonded: (L - 1,) whether a residue is bound to the next in the first frame.
        path: indices of the atoms whose bonds are followed across the box: N, CA, C, O of each residue, then those of
            residues between selected ones.
        frame: the first frame (L, 4, 3) in nm, whole.
    """

    residues: mda.ResidueGroup
    lacks_oxygen: np.ndarray
    bonded: np.ndarray
    path: np.ndarray
    fragments: Fragments
    frame: np.ndarray

    @classmethod
    def select(cls, universe: mda.Universe, selection: str, topology: str) -> "BackboneAtoms":
        """Find the backbone of the residues in `selection`; the universe has the first frame.

        Raises:
            InputError: the selection is invalid or empty, or a residue lacks N, CA or C; residues are named.
        """
        require_names(universe, topology)
        try:
            atoms = universe.select_atoms(selection)
        except (mda.SelectionError, AttributeError, ValueError, TypeError) as error:
            raise InputError(f"selection '{selection}' is not valid for {topology}: {error}") from error
        if len(atoms) == 0:
            raise InputError(
                f"selection '{selection}' matches no atom of {topology}; its residues are "
                f"{', '.join(sorted(set(universe.residues.resnames)))}"
            )
        found = cls.of(one_in_each_place(atoms.residues, topology), topology)
        found._warn_of_left_out(selection, topology)
        return found

    @classmethod
    def of(cls, residues: mda.ResidueGroup, topology: str, keep_whole: bool = False) -> "BackboneAtoms":
        """Find the backbone of `residues`.

        Args:
            keep_whole: as in `Fragments`.

        Raises:
            InputError: a residue lacks N, CA or C; residues are named.
        """
        tables = [atoms_by_name(residue) for residue in residues]
        lacking = [
            f"{residue_name(residue)} ({', '.join(n for n in _MAIN if n not in table)})"
            for residue, table in zip(residues, tables, strict=True)
            if not set(_MAIN) <= set(table)
        ]
        if lacking:
            raise InputError(
                f"{len(lacking)} selected residues of {topology} lack backbone atoms: {'; '.join(lacking[:10])}. "
                "Leave caps and ligands out by `selection`, or rebuild the missing atoms"
            )
        positions, dimensions = residues.universe.atoms.positions, residues.universe.dimensions
        oxygen = [next((table[name] for name in _OXYGEN_NAMES if name in table), -1) for table in tables]
        lacks_oxygen = np.array(oxygen) < 0
        # in place of an O that is not there its C, until the O is placed
        atoms = np.array(
            [[*(t[name] for name in _MAIN), t["C"] if o < 0 else o] for t, o in zip(tables, oxygen, strict=True)]
        )
        order, path = _with_residues_between(residues, atoms)
        bound = peptide_bonds_across_box(positions[path[order]], dimensions)
        inner = [order[:, [one, other]] for one, other in ((N, CA), (CA, C), (C, O))]
        bonds = np.concatenate([*inner, np.stack([order[:-1, C], order[1:, N]], axis=1)[bound]])
        numbers = np.empty(len(path), int)
        numbers[order] = np.arange(len(order))[:, None]
        bonded = peptide_bonds_across_box(positions[atoms], dimensions)
        fragments = Fragments(bonds, numbers, keep_whole)
        frame = _cut(positions, dimensions, path, fragments, lacks_oxygen)
        fragments.made_whole = fragments.moved = 0
        return cls(residues, lacks_oxygen, bonded, path, fragments, frame)

    @property
    def missing_oxygens(self) -> list[str]:
        return [residue_name(residue) for residue in self.residues[self.lacks_oxygen]]

    def cut(self, positions: np.ndarray, dimensions: np.ndarray | None) -> np.ndarray:
        """Backbone (L, 4, 3) in nm from raw positions (A, 3) in ångström, made whole across periodic boundaries."""
        return _cut(positions, dimensions, self.path, self.fragments, self.lacks_oxygen)

    @property
    def atoms(self) -> np.ndarray:
        """Indices (L, 4) of N, CA, C, O; of C where there is no O."""
        return self.path[: 4 * len(self.residues)].reshape(-1, 4)

    def damaged(self, backbone: np.ndarray, boxed: np.ndarray) -> list[Damage]:
        """What is wrong with frames (F, L, 4, 3) in nm, of which those in `boxed` (F,) have a periodic box.

        Raises:
            InputError: residues are bonded that were not in the first frame.
        """
        apart = np.flatnonzero(~self.bonded)
        to_next = np.linalg.norm(backbone[:, apart + 1, N] - backbone[:, apart, C], axis=-1)
        closed = np.argwhere(to_next < _CLOSED_NM)
        if len(closed):
            before = apart[closed[0][1]]
            names = " and ".join(map(residue_name, self.residues[before : before + 2]))
            distance = np.linalg.norm(self.frame[before + 1, N] - self.frame[before, C])
            raise InputError(
                f"{names} are {distance:.2f} nm apart in the first frame, and bonded later. In the first frame {CUT}"
            )
        return damaged_backbones(backbone, boxed, self.residues, self.bonded)

    def check_first(self, boxed: bool) -> list[Damage]:
        """What is wrong with the first frame."""
        return damaged_backbones(self.frame[None], np.array([boxed]), self.residues, self.bonded, first=True)

    @property
    def followed(self) -> tuple[Fragments, ...]:
        """All fragments whose images are chosen by the frame before."""
        return (self.fragments,)

    def chains(self) -> Chains:
        """The chains; where the file names none, what is bonded, by residues that are not selected too, is one."""
        fragment = self.fragments.label[: 4 * len(self.residues) : 4]
        return Chains.of(self.residues, np.diff(fragment) == 0)

    def universe(self) -> mda.Universe:
        """A universe of N, CA, C, O of each residue in turn, with the first frame."""
        chains = self.chains()
        return backbone_universe(self.residues, self.frame, chains.letters, chains.segments)

    def counts(self) -> dict[str, int]:
        """What is kept, for the log and the provenance record."""
        return {"residues": len(self.residues)}

    def breaks(self) -> list[str]:
        """Where one residue is not bound to the next of its chain, in words; missing residues, or a cut chain."""
        letters = self.chains().letters
        apart = np.linalg.norm(self.frame[1:, N] - self.frame[:-1, C], axis=-1)
        return [
            f"{residue_name(self.residues[i])} and {residue_name(self.residues[i + 1])} of chain {letters[i]} "
            f"(C-N {apart[i]:.2f} nm)"
            for i in np.flatnonzero(~self.bonded & (letters[1:] == letters[:-1]))
        ]

    def pick(self, rows: np.ndarray) -> "BackboneAtoms":
        """The backbone of some of the residues."""
        return BackboneAtoms.of(self.residues[rows], "the file")

    def left_out(self) -> mda.ResidueGroup:
        """Residues that are bonded to selected ones and not selected, as modified ones are by `protein`."""
        universe, selected, found = self.residues.universe, set(self.residues.ix), set()
        for start, step in ((index, step) for index in self.residues.ix for step in (-1, 1)):
            here, there = start, start + step
            while 0 <= there < len(universe.residues) and there not in selected and _bound(universe, here, there):
                found.add(there)
                here, there = there, there + step
        return universe.residues[sorted(found)]

    def _warn_of_left_out(self, selection: str, topology: str) -> None:
        residues = self.left_out()
        if len(residues):
            unknown = dict.fromkeys(residue.resname for residue in residues if residue.resname not in _PROTEIN)
            known = [str(residue.resid) for residue in residues if residue.resname in _PROTEIN]
            add = [f"resname {' '.join(unknown)}"] * bool(unknown) + [f"resid {' '.join(known)}"] * bool(known)
            logger.warning(
                "%s: `selection` leaves out residues that are bonded to selected ones, so that the chain is broken "
                "there: %s. To take them in: selection: (%s) or %s",
                *(topology, ranges(residues), selection, " or ".join(add)),
            )


def peptide_bonds_across_box(main: np.ndarray, dimensions: np.ndarray | None) -> np.ndarray:
    """Whether residues (L, >=3, 3) in ångström are bound to the next in any image: (L - 1,)."""
    steps = (main[1:, N] - main[:-1, C]).astype(np.float64)
    if dimensions is not None and np.all(dimensions[:3] > 0) and len(steps):
        known = np.isfinite(steps).all(axis=1)
        steps[known] = minimize_vectors(steps[known], dimensions)
    return np.linalg.norm(steps, axis=-1) <= PEPTIDE_BOND_NM * ANGSTROM_PER_NM


def atoms_by_name(residue) -> dict[str, int]:
    """Atom name -> index; of alternate locations the first in alphabetical order."""
    atoms = residue.atoms
    locations = atoms.altLocs if hasattr(atoms, "altLocs") else [""] * len(atoms)
    table: dict[str, int] = {}
    for _, name, index in sorted(zip(locations, atoms.names, atoms.indices, strict=True)):
        table.setdefault(name, int(index))
    return table


def one_in_each_place(residues: mda.ResidueGroup, topology: str) -> mda.ResidueGroup:
    """Of alternate residues in one place (microheterogeneity) the first, with a warning that names them."""
    if not hasattr(residues.atoms, "altLocs"):
        return residues
    places: dict[tuple, list[int]] = {}
    of_residues = zip(residues.segids, chain_ids(residues), residues.resids, icodes(residues), strict=True)
    for number, place in enumerate(of_residues):
        places.setdefault(place, []).append(number)
    taken = []
    for group in places.values():
        alternate = len(group) > 1 and all((residues[i].atoms.altLocs != "").any() for i in group)
        taken += group[:1] if alternate else group
        if alternate:
            names = [residue_name(residues[i]) for i in group]
            logger.warning("%s: %s stand in one place; %s is taken", topology, " and ".join(names), names[0])
    return residues[sorted(taken)]


def _cut(
    positions: np.ndarray,
    dimensions: np.ndarray | None,
    path: np.ndarray,
    fragments: Fragments,
    lacks_oxygen: np.ndarray,
) -> np.ndarray:
    points = fragments.together(positions[path], dimensions)[: 4 * len(lacks_oxygen)]
    backbone = (points / ANGSTROM_PER_NM).astype(np.float32, copy=False).reshape(-1, 4, 3)
    if lacks_oxygen.any():
        backbone[lacks_oxygen] = with_oxygen(backbone[None, :, :3])[0, lacks_oxygen]
    return backbone


def _with_residues_between(residues: mda.ResidueGroup, atoms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows (M, 4) of N, CA, C, O in the order of the chain, and indices: `atoms`, then those of residues between.

    Residues that a selection leaves out in the middle of a chain tell in which image the next one is.
    """
    universe, rows = residues.universe, np.arange(atoms.size).reshape(-1, 4)
    order, path = [rows[:1]], [atoms.ravel()]
    next_row = atoms.size
    for number in range(1, len(residues)):
        before, after = residues[number - 1], residues[number]
        between = range(before.ix + 1, after.ix) if before.segindex == after.segindex else ()
        tables = [atoms_by_name(universe.residues[index]) for index in between]
        if tables and all(set(_MAIN) <= set(table) for table in tables):
            path.append(np.array([table[name] for table in tables for name in (*_MAIN, "C")]))
            order.append(np.arange(next_row, next_row + 4 * len(tables)).reshape(-1, 4))
            next_row += 4 * len(tables)
        order.append(rows[number : number + 1])
    return np.concatenate(order), np.concatenate(path)


def _bound(universe: mda.Universe, one: int, other: int) -> bool:
    """Whether two residues, neighbours in the file, are bound by C-N; False where either lacks backbone atoms."""
    tables = [atoms_by_name(universe.residues[index]) for index in sorted((one, other))]
    if not all(set(_MAIN) <= set(table) for table in tables):
        return False
    main = universe.atoms.positions[[[table[name] for name in _MAIN] for table in tables]].astype(np.float64)
    return bool(peptide_bonds_across_box(main, universe.dimensions)[0])
