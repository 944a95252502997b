"""Frames that cannot be what a simulation wrote: found in every frame, named with the likely cause.

Axes: F frames, L residues.
"""

from dataclasses import dataclass

import MDAnalysis as mda
import numpy as np

from mdllm.core.geometry import CA, PEPTIDE_BOND_NM, C, N
from mdllm.molecules.chains import residue_name

# N-CA 0.146 nm and CA-C 0.153 nm; a thermal or coarsely minimized bond stays well inside this range.
_BOND_RANGE_NM = (0.11, 0.20)
_ACROSS_BOX_NM = 0.5  # a bond as long as this is no strained bond: an atom is in another image
_STRAINED = 5  # wrong bonds that a first frame may have of itself; more are those of another order of atoms
_FARTHEST_NM = 1e5  # coordinates beyond are no places

CUT = (
    "the molecule is cut by the periodic box, and the file has no box. Write it whole (gmx trjconv -pbc mol, cpptraj "
    "autoimage, pbc wrap -compound fragment of VMD), or with its box"
)


@dataclass(frozen=True)
class Damage:
    """One damaged frame: its number among those looked at, what is wrong in words, and why, where that is known."""

    frame: int
    what: str
    cause: str | None = None

    def at(self, place: str) -> str:
        """The message for a frame at a place."""
        return f"{place} is damaged: {self.what}" if self.cause is None else f"{place}: {self.what}: {self.cause}"


def bond_lengths(backbone: np.ndarray) -> dict[str, np.ndarray]:
    """Lengths (..., L) in nm of the bonds N-CA and CA-C of backbones (..., L, 4, 3), by their names."""
    return {
        "N-CA": np.linalg.norm(backbone[..., CA, :] - backbone[..., N, :], axis=-1),
        "CA-C": np.linalg.norm(backbone[..., C, :] - backbone[..., CA, :], axis=-1),
    }


def no_bond(length: np.ndarray) -> np.ndarray:
    """Whether lengths in nm are none that N-CA or CA-C can have."""
    return ~((length >= _BOND_RANGE_NM[0]) & (length <= _BOND_RANGE_NM[1]))


def damaged_backbones(
    backbone: np.ndarray, boxed: np.ndarray, residues: mda.ResidueGroup, bonded: np.ndarray, first: bool = False
) -> list[Damage]:
    """Damage of backbones (F, L, 4, 3) in nm.

    Args:
        boxed: (F,) whether a frame has a periodic box.
        bonded: (L - 1,) whether a residue is bound to the next in the first frame.
        first: whether nothing is known yet of the order of the atoms.
    """
    shortest, longest = (np.float32(bound**2) for bound in _BOND_RANGE_NM)
    with np.errstate(invalid="ignore", over="ignore"):
        inner = np.stack(
            [_squared(backbone[:, :, CA], backbone[:, :, N]), _squared(backbone[:, :, C], backbone[:, :, CA])]
        )
        to_next = _squared(backbone[:, 1:, N], backbone[:, :-1, C])[:, bonded]
        good = ((inner >= shortest) & (inner <= longest)).all(axis=(0, 2)) & (to_next <= PEPTIDE_BOND_NM**2).all(axis=1)
    wrong = ~good | ~np.isfinite(backbone[:, :, -1]).all(axis=(1, 2))
    return [
        Damage(int(frame), *_reason(backbone[frame], boxed[frame], bonded, residues, first))
        for frame in np.flatnonzero(wrong)
    ]


def _squared(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    steps = points - others
    return np.einsum("...i,...i->...", steps, steps)


def _reason(
    backbone: np.ndarray, boxed: bool, bonded: np.ndarray, residues: mda.ResidueGroup, first: bool
) -> tuple[str, str | None]:
    lost = ~np.isfinite(backbone).all(axis=(1, 2))
    if lost.any():
        return f"coordinates of {residue_name(residues[np.flatnonzero(lost)[0]])} are not finite", "a damaged frame"
    with np.errstate(over="ignore"):
        bonds = {name: (length, no_bond(length)) for name, length in bond_lengths(backbone).items()}
        to_next = np.linalg.norm(backbone[1:, N] - backbone[:-1, C], axis=-1)
    bonds["C-N"] = to_next, bonded & ~(to_next <= PEPTIDE_BOND_NM)
    bonds = {name: (length, bad) for name, (length, bad) in bonds.items() if bad.any()}
    name, (length, bad) = next(iter(bonds.items()))
    at = int(np.flatnonzero(bad)[0])
    count = sum(int(bad.sum()) for _, bad in bonds.values())
    place = residue_name(residues[at]) + (f" and {residue_name(residues[at + 1])}" if name == "C-N" else "")
    what = f"{name} of {place} is {length[at]:.3f} nm, which is no bond ({count} bonds alike)"
    if np.ptp(backbone.reshape(-1, 3), axis=0).max() == 0:
        return f"{what}; all atoms are in one place, as in a frame that was never written", None
    if np.abs(backbone).max() > _FARTHEST_NM:
        return f"{what}; coordinates reach {np.abs(backbone).max():.3g} nm", None
    few = count <= len(residues) // 2
    if not boxed and few and all((length[bad] > _ACROSS_BOX_NM).all() for length, bad in bonds.values()):
        return what, CUT
    if first and count > _STRAINED:
        return what, (
            "the atoms of the trajectory and the topology are not in the same order, or the topology is that of "
            "another molecule"
        )
    return what, None
