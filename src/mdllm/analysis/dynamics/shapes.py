"""What shape a residue has in each frame: bins of its torsions, its class of DSSP, its surface.

Axes: F frames, L residues.
"""

import mdtraj
import numpy as np

from mdllm.analysis.dynamics.molecule import Molecule
from mdllm.analysis.dynamics.properties import ANGLE_BINS, DSSP_CLASSES
from mdllm.core.geometry import BACKBONE_ATOMS, backbone_torsions, dihedral

_GAMMA = ("CG", "CG1", "SG", "OG", "OG1")  # the fourth atom of chi1


def angle_bins(angle: np.ndarray) -> np.ndarray:
    """Bins (F, L) of 30 degrees from -pi upwards, of angles in radian; -1 where one is NaN."""
    known = np.isfinite(angle)
    bins = np.floor((np.where(known, angle, 0) + np.pi) / (2 * np.pi / ANGLE_BINS)).astype(int)
    return np.where(known, np.clip(bins, 0, ANGLE_BINS - 1), -1)


def torsions(backbone: np.ndarray, bonded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """phi and psi (F, L) in radian of backbones (F, L, 4, 3); NaN at ends and breaks of chains, `bonded` (L - 1,)."""
    phi, psi, _ = backbone_torsions(backbone.astype(np.float64))
    phi[:, 1:][:, ~bonded] = np.nan
    psi[:, :-1][:, ~bonded] = np.nan
    return phi, psi


def chi1(molecule: Molecule, points: np.ndarray) -> np.ndarray:
    """chi1 (F, L) in radian of all atoms (F, A, 3); NaN of GLY, ALA and residues that lack an atom of it."""
    result = np.full((len(points), len(molecule)), np.nan)
    for gamma in _GAMMA:
        for name in set(molecule.resnames):
            rows = molecule.rows(name, "N", "CA", "CB", gamma)
            four = points[:, rows].astype(np.float64).transpose(2, 0, 1, 3)
            result[:, molecule.residue[rows[:, 0]]] = dihedral(*four)
    return result


def dssp(backbone: np.ndarray, resnames: np.ndarray, chain: np.ndarray) -> np.ndarray:
    """Classes (F, L) as in DSSP_CLASSES, of backbones (F, L, 4, 3) in nm; hydrogens are placed by the method itself.

    Source: Kabsch and Sander, Biopolymers 22, 2577 (1983), in mdtraj.
    """
    topology = mdtraj.Topology()
    of_number = {number: topology.add_chain() for number in np.unique(chain)}
    for name, number in zip(resnames, chain, strict=True):
        residue = topology.add_residue(str(name), of_number[number])
        for atom in BACKBONE_ATOMS:
            topology.add_atom(atom, mdtraj.element.Element.getBySymbol(atom[0]), residue)
    frames = mdtraj.Trajectory(backbone.reshape(len(backbone), -1, 3), topology)
    letters = mdtraj.compute_dssp(frames, simplified=False)
    blank = DSSP_CLASSES.index("none")
    classes = np.full(letters.shape, blank)
    for number, letter in enumerate(DSSP_CLASSES):
        classes[letters == letter] = number
    return classes


def surface(molecule: Molecule, points: np.ndarray) -> np.ndarray:
    """Solvent-accessible surface (F, L) in nm2 of all atoms (F, A, 3), by Shrake and Rupley with 960 points an atom.

    The points lie on spheres that do not turn with the molecule: by its orientation a residue varies by up to 0.02 nm2.
    """
    topology = mdtraj.Topology()
    chain, residues = topology.add_chain(), []
    for name in molecule.resnames:
        residues.append(topology.add_residue(str(name), chain))
    for name, element, residue in zip(molecule.names, molecule.elements, molecule.residue, strict=True):
        topology.add_atom(name, mdtraj.element.Element.getBySymbol(str(element)), residues[residue])
    return mdtraj.shrake_rupley(mdtraj.Trajectory(points, topology), mode="residue")
