"""Chosen atoms of a raw topology, kept where a frame is one code and nothing is decoded."""

import MDAnalysis as mda
import numpy as np
from MDAnalysis.lib.distances import self_capped_distance

from mdllm.core.errors import InputError
from mdllm.core.trajectories import ANGSTROM_PER_NM
from mdllm.molecules.backbone import BackboneAtoms
from mdllm.molecules.chains import Chains, residue_name
from mdllm.molecules.damage import CUT, Damage
from mdllm.molecules.fragments import Fragments
from mdllm.molecules.reading import require_names

# ångström, where the topology names no bonds: what is nearer is bonded
_BOND, _BOND_OF_HYDROGEN = 2.1, 1.45
_BEADS, _NEIGHBOURS = ("CA", "BB", "P"), 5.0  # of residues that follow each other in a chain
_ACROSS_BOX_NM, _FARTHEST_NM = 0.8, 1e5


class SelectedAtoms:
    """The atoms of a MDAnalysis selection; the universe has the first frame.

    Bonds are those of the topology, or, where it has none within the residues, what lies within a bond's length in the
    first frame. Atoms of the residues that lie between kept ones are followed across the box, too.

    Raises:
        InputError: the selection is invalid or empty.
    """

    def __init__(self, universe: mda.Universe, selection: str, topology: str):
        require_names(universe, topology)
        try:
            self.atoms = universe.select_atoms(selection)
        except (mda.SelectionError, AttributeError, ValueError, TypeError) as error:
            raise InputError(f"atoms: '{selection}' is not valid for {topology}: {error}") from error
        if len(self.atoms) == 0:
            raise InputError(f"atoms: '{selection}' matches no atom of {topology}")
        followed = self.atoms.residues.atoms
        self._path = np.concatenate([self.atoms.ix, np.setdiff1d(followed.ix, self.atoms.ix)])
        path = universe.atoms[self._path]
        bonds, alive = _between_kept(_bonds(path), len(path), len(self.atoms))
        self._path, path = self._path[alive], path[alive]
        self.fragments = Fragments(bonds, path.resindices)
        self._kept_bonds = bonds[(bonds < len(self.atoms)).all(axis=1)]
        self.frame = self.cut(universe.atoms.positions, universe.dimensions)
        self.fragments.made_whole = self.fragments.moved = 0

    def cut(self, positions: np.ndarray, dimensions: np.ndarray | None) -> np.ndarray:
        """Atoms (A, 3) in nm of raw positions in ångström, fragments whole and beside each other."""
        points = self.fragments.together(positions[self._path].astype(np.float64), dimensions)
        return (points[: len(self.atoms)] / ANGSTROM_PER_NM).astype(np.float32)

    def damaged(self, coordinates: np.ndarray, boxed: np.ndarray) -> list[Damage]:
        """What is wrong with frames (F, A, 3) in nm."""
        with np.errstate(invalid="ignore"):
            farthest = np.abs(coordinates).max(axis=(1, 2))
            one_place = (np.ptp(coordinates, axis=1).max(axis=1) == 0) & (len(self.atoms) > 1)
            bonds = coordinates[:, self._kept_bonds[:, 0]] - coordinates[:, self._kept_bonds[:, 1]]
            length = np.sqrt(np.einsum("fbi,fbi->fb", bonds, bonds))
        wrong = one_place | (length > _ACROSS_BOX_NM).any(axis=1) | ~(farthest <= _FARTHEST_NM)
        return [
            Damage(int(frame), *self._reason(coordinates[frame], one_place[frame], length[frame], boxed[frame]))
            for frame in np.flatnonzero(wrong)
        ]

    def check_first(self, boxed: bool) -> list[Damage]:
        """What is wrong with the first frame."""
        return self.damaged(self.frame[None], np.array([boxed]))

    def _reason(self, points: np.ndarray, one_place: bool, length: np.ndarray, boxed: bool) -> tuple[str, str | None]:
        lost = np.flatnonzero(~np.isfinite(points).all(axis=-1))
        if len(lost):
            atom = self.atoms[lost[0]]
            what = f"coordinates of atom {atom.name} of {residue_name(atom.residue)} are not finite"
            return what, "a damaged frame"
        if one_place:
            return "all atoms are in one place, as in a frame that was never written", None
        if np.abs(points).max() > _FARTHEST_NM:
            return f"coordinates reach {np.abs(points).max():.3g} nm", None
        longest = int(length.argmax())
        one, other = (self.atoms[row] for row in self._kept_bonds[longest])
        names = f"{one.name} of {residue_name(one.residue)} and {other.name} of {residue_name(other.residue)}"
        return f"{names} are bonded, and {length[longest]:.2f} nm apart", None if boxed else CUT

    @property
    def followed(self) -> tuple[Fragments, ...]:
        """All fragments whose images are chosen by the frame before."""
        return (self.fragments,)

    def breaks(self) -> list[str]:
        return []

    def universe(self) -> mda.Universe:
        """A universe of these atoms alone, with the first frame."""
        universe = mda.Merge(self.atoms)
        universe.atoms.positions = self.frame * ANGSTROM_PER_NM
        first = np.unique(universe.atoms.resindices, return_index=True)[1]
        fragment = self.fragments.label[: len(self.atoms)][first]
        in_chain = np.flatnonzero(np.bincount(fragment)[fragment] > 1)
        if len(in_chain):
            residues = universe.residues[in_chain]
            chains = Chains.of(residues, np.diff(fragment[in_chain]) == 0)
            if not hasattr(universe.atoms, "chainIDs"):
                universe.add_TopologyAttr("chainID", [""] * len(universe.atoms))
            for name in dict.fromkeys(chains.segments):
                own = residues[chains.segments == name]
                own.segments = universe.add_Segment(segid=name)
                own.atoms.chainIDs = chains.letters[chains.segments == name][0]
        return universe

    def counts(self) -> dict[str, int]:
        """What is kept, for the log and the provenance record."""
        return {"atoms": len(self.atoms)}


class BackboneAndAtoms:
    """Backbones, and beside them the atoms of their residues, of which variables are measured and nothing is kept.

    Coordinates (F, 4 L + A, 3) are those of N, CA, C, O of each residue, then those of the atoms.
    """

    def __init__(self, backbone: BackboneAtoms, atoms: SelectedAtoms):
        self.backbone, self.atoms, self.fragments = backbone, atoms, backbone.fragments
        self.frame = np.concatenate([backbone.frame.reshape(-1, 3), atoms.frame])

    def cut(self, positions: np.ndarray, dimensions: np.ndarray | None) -> np.ndarray:
        """Coordinates (4 L + A, 3) in nm."""
        return np.concatenate([part.cut(positions, dimensions).reshape(-1, 3) for part in (self.backbone, self.atoms)])

    @property
    def followed(self) -> tuple[Fragments, ...]:
        """All fragments whose images are chosen by the frame before."""
        return self.backbone.fragments, self.atoms.fragments

    def split(self, coordinates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Backbones (F, L, 4, 3) and atoms (F, A, 3)."""
        size = 4 * len(self.backbone.residues)
        return coordinates[:, :size].reshape(len(coordinates), -1, 4, 3), coordinates[:, size:]

    def damaged(self, coordinates: np.ndarray, boxed: np.ndarray) -> list[Damage]:
        """What is wrong with the backbones."""
        return self.backbone.damaged(self.split(coordinates)[0], boxed)


def _bonds(atoms: mda.AtomGroup) -> np.ndarray:
    """Pairs (B, 2) of rows of `atoms` that are bonded."""
    universe, rows = atoms.universe, np.full(len(atoms.universe.atoms), -1)
    rows[atoms.ix] = np.arange(len(atoms))
    listed = np.empty((0, 2), int)
    if hasattr(universe, "bonds") and len(universe.bonds):
        listed = rows[universe.bonds.indices]
        listed = listed[(listed >= 0).all(axis=1)]
    residue_size = np.bincount(atoms.resindices)[atoms.resindices]
    bare = residue_size > 1
    bare[listed.ravel()] = False
    if not np.isfinite(atoms.positions).all():
        return listed
    near = _near(atoms)
    if bare.any():  # no bonds in the topology, or those of ligands only
        return np.concatenate([listed, near])
    return np.concatenate([listed, near[residue_size[near].max(axis=1) == 1]])


def _between_kept(bonds: np.ndarray, count: int, kept: int) -> tuple[np.ndarray, np.ndarray]:
    """Bonds without those of dangling atoms that are not among the first `kept`, and the atoms that are left.

    Returns:
        bonds (B, 2) by the new rows, and the old rows.
    """
    alive = np.ones(count, bool)
    while True:
        bonds = bonds[alive[bonds].all(axis=1)]
        dangling = alive & (np.bincount(bonds.ravel(), minlength=count) <= 1)
        dangling[:kept] = False
        if not dangling.any():
            return (np.cumsum(alive) - 1)[bonds], np.flatnonzero(alive)
        alive &= ~dangling


def _near(atoms: mda.AtomGroup) -> np.ndarray:
    """Pairs (B, 2) within a residue or in neighbouring ones that are as near as bonded atoms or beads of a chain."""
    box = atoms.universe.dimensions
    box = box if box is not None and np.all(box[:3] > 0) else None
    pairs, distances = self_capped_distance(atoms.positions, _NEIGHBOURS, box=box)
    residue = atoms.resindices[pairs]
    pairs, distances = (values[np.abs(np.diff(residue, axis=1)[:, 0]) <= 1] for values in (pairs, distances))
    residue = atoms.resindices[pairs]
    names = np.char.lstrip(atoms.names.astype(str), "0123456789")
    hydrogen = np.char.startswith(names, "H")[pairs]
    longest = np.where(hydrogen.any(axis=1), _BOND_OF_HYDROGEN, _BOND)
    bonded = (distances <= longest) & ~hydrogen.all(axis=1)
    alone = np.bincount(atoms.resindices)[atoms.resindices][pairs] == 1
    bead = np.isin(names, _BEADS)[pairs].all(axis=1) & (residue[:, 0] != residue[:, 1])
    bead &= (atoms.resnames[pairs] != names[pairs]).all(axis=1)  # CA is calcium, too
    bead &= np.diff(atoms.segindices[pairs], axis=1)[:, 0] == 0
    return pairs[(bonded & ~alone.any(axis=1)) | bead]
