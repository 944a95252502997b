"""Which atoms of a raw topology are the backbone, and how they are cut out of a raw frame.

Pitfalls handled here: alternate locations (the first one is taken), terminal oxygens under other names, residues that
lack backbone atoms (an error, never dropped), atom orders that differ between topology and trajectory, and molecules
cut by a periodic boundary.
"""

from dataclasses import dataclass

import MDAnalysis as mda
import numpy as np
from MDAnalysis.lib.distances import minimize_vectors
from MDAnalysis.lib.mdamath import triclinic_vectors

from mdllm.core.errors import InputError
from mdllm.core.geometry import CA, PEPTIDE_BOND_NM, C, N, with_oxygen
from mdllm.core.trajectories import ANGSTROM_PER_NM, backbone_universe

_OXYGEN_NAMES = ("O", "OT1", "O1", "OC1", "OXT", "OT2")
# N-CA 0.146 nm and CA-C 0.153 nm; a thermal or coarsely minimized bond stays well inside this range.
_BOND_RANGE_NM = (0.11, 0.20)


@dataclass(frozen=True)
class BackboneAtoms:
    """Atom indices of N, CA, C (L, 3) and of O (L,), -1 where the topology has none, of the selected residues."""

    residues: mda.ResidueGroup
    main: np.ndarray
    oxygen: np.ndarray

    @classmethod
    def select(cls, universe: mda.Universe, selection: str, topology: str) -> "BackboneAtoms":
        """Find the backbone of the residues in `selection`.

        Raises:
            InputError: the selection is invalid or empty, or a residue lacks N, CA or C; residues are named.
        """
        try:
            atoms = universe.select_atoms(selection)
        except (mda.SelectionError, AttributeError) as error:
            raise InputError(f"selection '{selection}' is not valid for {topology}: {error}") from error
        if len(atoms) == 0:
            raise InputError(
                f"selection '{selection}' matches no atom of {topology}; its residues are "
                f"{', '.join(sorted(set(universe.residues.resnames)))}"
            )
        return cls.of(atoms.residues, topology)

    @classmethod
    def of(cls, residues: mda.ResidueGroup, topology: str) -> "BackboneAtoms":
        """Find the backbone of `residues`.

        Raises:
            InputError: a residue lacks N, CA or C; residues are named.
        """
        tables = [_by_name(residue) for residue in residues]
        lacking = [
            f"{residue.resname} {residue.resid} ({', '.join(n for n in ('N', 'CA', 'C') if n not in table)})"
            for residue, table in zip(residues, tables, strict=True)
            if not {"N", "CA", "C"} <= set(table)
        ]
        if lacking:
            raise InputError(
                f"{len(lacking)} selected residues of {topology} lack backbone atoms: {'; '.join(lacking[:10])}. "
                "Leave caps and ligands out by `selection`, or rebuild the missing atoms"
            )
        main = np.array([[table[name] for name in ("N", "CA", "C")] for table in tables])
        oxygen = np.array([next((table[name] for name in _OXYGEN_NAMES if name in table), -1) for table in tables])
        return cls(residues, main, oxygen)

    @property
    def missing_oxygens(self) -> list[str]:
        return [f"{r.resname} {r.resid}" for r, index in zip(self.residues, self.oxygen, strict=True) if index < 0]

    def cut(self, positions: np.ndarray, dimensions: np.ndarray | None) -> np.ndarray:
        """Backbone (L, 4, 3) in nm from raw positions (A, 3) in ångström, made whole across periodic boundaries."""
        main = positions[self.main].astype(np.float64)
        has_oxygen = self.oxygen >= 0
        oxygen = positions[self.oxygen].astype(np.float64)
        if dimensions is not None and np.all(dimensions[:3] > 0):
            main = whole(main, dimensions)
            oxygen = main[:, C] + minimize_vectors(oxygen - main[:, C], dimensions)
        backbone = np.concatenate([main, oxygen[:, None]], axis=1) / ANGSTROM_PER_NM
        if not has_oxygen.all():
            backbone[~has_oxygen] = with_oxygen(backbone[None, :, :3])[0, ~has_oxygen]
        return backbone.astype(np.float32)

    def check(self, backbone: np.ndarray, place: str) -> None:
        """Check one frame (L, 4, 3), in nm.

        Raises:
            InputError: coordinates that are not finite, or N-CA and CA-C distances that are no bonds: the atoms of
                the trajectory are then in another order than those of the topology.
        """
        self.check_finite(backbone[None], [place])
        for bond, length in bond_lengths(backbone).items():
            wrong = np.flatnonzero(no_bond(length))
            if len(wrong):
                residue = self.residues[wrong[0]]
                raise InputError(
                    f"{place}: {bond} of {residue.resname} {residue.resid} is {length[wrong[0]]:.3f} nm "
                    f"({len(wrong)} residues alike), which is no bond; the atoms of the trajectory and the topology "
                    "are not in the same order, or the topology is that of another molecule"
                )

    def check_finite(self, backbone: np.ndarray, places: list[str]) -> None:
        """Raise an InputError for the first frame of (F, L, 4, 3) that holds NaN or infinite coordinates."""
        bad = ~np.isfinite(backbone).all(axis=(2, 3))
        if bad.any():
            frame, index = np.argwhere(bad)[0]
            residue = self.residues[index]
            raise InputError(
                f"{places[frame]}: coordinates of {residue.resname} {residue.resid} are not finite "
                f"({bad.any(axis=1).sum()} frames of this chunk alike); cut the frame out, or simulate it again"
            )

    def universe(self) -> mda.Universe:
        """A universe of N, CA, C, O of each residue in turn."""
        return backbone_universe(self.residues)

    def counts(self) -> dict[str, int]:
        """What is kept, for the log and the provenance record."""
        return {"residues": len(self.residues)}

    def chain_breaks(self, backbone: np.ndarray) -> list[str]:
        """Places where the C-N distance in one frame (L, 4, 3) is no peptide bond: missing residues or a new chain."""
        gaps = np.flatnonzero(~peptide_bonds(backbone))
        return [f"{self.residues[i].resname} {self.residues[i].resid}" for i in gaps]


def bond_lengths(backbone: np.ndarray) -> dict[str, np.ndarray]:
    """Lengths (..., L) in nm of the bonds N-CA and CA-C of backbones (..., L, 4, 3), by their names."""
    return {
        "N-CA": np.linalg.norm(backbone[..., CA, :] - backbone[..., N, :], axis=-1),
        "CA-C": np.linalg.norm(backbone[..., C, :] - backbone[..., CA, :], axis=-1),
    }


def no_bond(length: np.ndarray) -> np.ndarray:
    """Whether lengths in nm are none that N-CA or CA-C can have."""
    return ~((length >= _BOND_RANGE_NM[0]) & (length <= _BOND_RANGE_NM[1]))


def peptide_bonds(backbone: np.ndarray) -> np.ndarray:
    """Whether residues of backbones (..., L, 4, 3) in nm are bound to the next: (..., L - 1)."""
    return np.linalg.norm(backbone[..., 1:, N, :] - backbone[..., :-1, C, :], axis=-1) <= PEPTIDE_BOND_NM


def whole(points: np.ndarray, dimensions: np.ndarray) -> np.ndarray:
    """Follow the atoms (..., 3), in ångström, one by one with the minimum image, so that no bond crosses the box.

    The step onto a new chain, or over a gap, takes the minimum image too: chains end up beside each other.
    """
    flat = points.reshape(-1, 3)
    steps = np.diff(flat, axis=0)
    if np.all(np.linalg.norm(steps, axis=1) < _smallest_height(dimensions) / 2):
        return points
    steps = minimize_vectors(steps, dimensions)
    return np.concatenate([flat[:1], flat[0] + np.cumsum(steps, axis=0)]).reshape(points.shape)


def _by_name(residue) -> dict[str, int]:
    """Atom name -> index; of alternate locations the first in alphabetical order."""
    atoms = residue.atoms
    locations = atoms.altLocs if hasattr(atoms, "altLocs") else [""] * len(atoms)
    table: dict[str, int] = {}
    for _, name, index in sorted(zip(locations, atoms.names, atoms.indices, strict=True)):
        table.setdefault(name, int(index))
    return table


def _smallest_height(dimensions: np.ndarray) -> float:
    """Smallest distance between opposite faces of the box, ångström."""
    vectors = triclinic_vectors(dimensions).astype(np.float64)
    volume = abs(np.linalg.det(vectors))
    faces = [np.linalg.norm(np.cross(vectors[i], vectors[j])) for i, j in ((0, 1), (1, 2), (2, 0))]
    return volume / max(faces)
