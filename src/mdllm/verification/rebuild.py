"""From a backbone to heavy atoms: side chains of training frames, carried over in each residue's own axes.

The side chains of the nearest training frame are tried first. Where one overlaps with another residue, those that the
same residue has in the next nearest training frames are tried, and the one with the fewest overlaps is taken. A side
chain that still lies on other atoms is left out, and so are all where the trajectory holds backbones only: the
simulation builds what is missing (`mdllm.simulation.solute`, PDBFixer), and all hydrogens and terminal oxygens.

Axes: L residues, K training frames, nearest first.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from mdllm.core.geometry import CA, PEPTIDE_BOND_NM, C, N
from mdllm.core.trajectories import ANGSTROM_PER_NM
from mdllm.verification.atoms import Group, RawAtoms

# Heavy atoms of residues that are not bound to each other are 0.27 nm (hydrogen bonds) and more apart.
OVERLAP_NM = 0.25
# A side chain that comes nearer than this is left out: a minimization would knot its bonds with others.
_ON_EACH_OTHER_NM = 0.15
_PASSES = 3
_CHAINS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True)
class Rebuilt:
    """Heavy atoms of a proposal.

    Attributes:
        carried, exchanged, left_out: side chains of the nearest training frame, of another one, and still to be built.
        rows: (chain, residue number in it, residue name, atom name, position in nm), in order.
    """

    carried: int
    exchanged: int
    left_out: int
    rows: list[tuple[str, int, str, str, np.ndarray]]

    def write(self, path: Path) -> None:
        """As PDB."""
        lines = []
        for serial, (chain, number, resname, name, position) in enumerate(self.rows, start=1):
            x, y, z = position * ANGSTROM_PER_NM
            lines.append(
                f"ATOM  {serial % 100000:5d}  {name:<3} {resname:>3} {chain}{number % 10000:4d}    "
                f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {name[0]:>2}"
            )
        path.write_text("\n".join([*lines, "END", ""]))


def rebuild(backbone: np.ndarray, known: RawAtoms, frames: list[tuple[np.ndarray, np.ndarray]]) -> Rebuilt:
    """Heavy atoms of a backbone (L, 4, 3) in nm.

    Args:
        frames: K backbones and raw positions of training frames (`RawAtoms.read`), nearest first.
    """
    backbone = backbone.astype(float)
    choices = [[carried(group, backbone, *frame) for frame in frames] for group in known.side_chains]
    chosen, left_out = _choose(backbone, choices)
    nearest = frames[0][0]
    starts = np.r_[True, np.linalg.norm(nearest[1:, N] - nearest[:-1, C], axis=-1) > PEPTIDE_BOND_NM]
    rows, chain, number = [], -1, 0
    for residue, group in enumerate(known.side_chains):
        if starts[residue]:
            chain, number = chain + 1, 0
        parts = [(known.names[residue], ("N", "CA", "C", "O"), backbone[residue])]
        if residue not in left_out:
            name, names, points = parts[0]
            parts[0] = (name, (*names, *group.names), np.concatenate([points, chosen[residue]]))
        for cap in (cap for cap in known.caps if cap.residue == residue):
            place = 0 if cap.name == "ACE" else len(parts)
            parts.insert(place, (cap.name, cap.names, carried(cap, backbone, *frames[0])))
        for name, names, points in parts:
            number += 1
            rows += [
                (_CHAINS[chain % len(_CHAINS)], number, name, atom, xyz)
                for atom, xyz in zip(names, points, strict=True)
            ]
    there = [residue for residue, group in enumerate(known.side_chains) if len(group.index) and residue not in left_out]
    exchanged = sum(chosen[residue] is not choices[residue][0] for residue in there)
    needed = sum(name != "GLY" for name in known.names)
    return Rebuilt(len(there) - exchanged, exchanged, needed - len(there), rows)


def carried(group: Group, backbone: np.ndarray, from_backbone: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Positions (A, 3) of a group beside `backbone`, placed as in another frame in the axes of its residue."""
    old, new = (_axes(frame[group.residue]) for frame in (from_backbone, backbone))
    local = (positions[group.index] - from_backbone[group.residue, CA]) @ old.T
    return local @ new + backbone[group.residue, CA]


def _axes(residue: np.ndarray) -> np.ndarray:
    """Orthonormal axes (3, 3), in rows, of N, CA, C (>=3, 3): the middle of CA-N and CA-C, their plane, its normal."""
    to_n, to_c = (_unit(residue[k] - residue[CA]) for k in (N, C))
    middle, across = _unit(to_n + to_c), _unit(to_c - to_n)
    return np.stack([middle, across, np.cross(middle, across)])


def _unit(vector: np.ndarray) -> np.ndarray:
    """Of length 1; zero where atoms lie on each other, so that the side chain falls on CA and is left out."""
    return vector / max(np.linalg.norm(vector), 1e-9)


def _choose(backbone: np.ndarray, choices: list[list[np.ndarray]]) -> tuple[list[np.ndarray], set[int]]:
    """One of the K side chains of each residue, and the residues whose side chain is to be left out."""
    chosen = [options[0] for options in choices]
    for _ in range(_PASSES):
        crowded = [r for r in range(len(chosen)) if _overlaps(r, chosen[r], backbone, chosen, OVERLAP_NM)]
        if not crowded:
            break
        for residue in crowded:
            counts = [_overlaps(residue, option, backbone, chosen, OVERLAP_NM) for option in choices[residue]]
            chosen[residue] = choices[residue][int(np.argmin(counts))]
    left_out: set[int] = set()
    for residue in range(len(chosen)):
        if _overlaps(residue, chosen[residue], backbone, chosen, _ON_EACH_OTHER_NM, left_out):
            left_out.add(residue)
    return chosen, left_out


def _overlaps(
    residue: int,
    side: np.ndarray,
    backbone: np.ndarray,
    chosen: list[np.ndarray],
    distance_nm: float,
    without: set[int] | frozenset = frozenset(),
) -> int:
    """Pairs of atoms that are too near, of a side chain beyond CB, which has no choice, and of other residues.

    The backbones of the two bound neighbours do not count: N and C are three bonds from CG.
    """
    if len(side) < 2:
        return 0
    others = [r for r in range(len(chosen)) if r != residue]
    points = [backbone[[r for r in others if abs(r - residue) > 1]].reshape(-1, 3)]
    points += [chosen[r] for r in others if r not in without and len(chosen[r])]
    return sum(len(found) for found in cKDTree(np.concatenate(points)).query_ball_point(side[1:], distance_nm))
