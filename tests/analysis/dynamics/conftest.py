"""Proteins with all atoms: the models of 2JOF, and a few residues built by hand."""

import MDAnalysis as mda
import numpy as np
import pytest

from mdllm.analysis.dynamics.molecule import Molecule

_BACKBONE = {"N": np.zeros(3), "CA": np.array([0.146, 0, 0]), "C": np.array([0.2, 0.14, 0])}


@pytest.fixture(scope="session")
def trp_cage(structures):
    """Molecule and frames (28, A, 3) in nm of the NMR models of Trp-cage TC10b, with hydrogens."""
    universe = mda.Universe(str(structures / "2jof.pdb"))
    molecule = Molecule.of(universe)
    return molecule, np.stack([frame.positions[molecule.atoms] / 10 for frame in universe.trajectory])


def built(*residues: tuple[str, dict], chains: str | None = None) -> tuple[Molecule, np.ndarray]:
    """Molecule and one frame (1, A, 3) in nm of residues (name, {atom: position in nm}).

    Their N, CA and C are far from everything, each residue's 0.7 nm from the next one's, unless they are given.
    """
    names, points, of_residue = [], [], []
    for number, (_, atoms) in enumerate(residues):
        far = np.array([50, 0.7 * number, 0])
        backbone = {name: far + place for name, place in _BACKBONE.items()}
        for name, place in (backbone | atoms).items():
            names.append(name)
            points.append(np.asarray(place, float))
            of_residue.append(number)
    universe = mda.Universe.empty(
        len(names), n_residues=len(residues), n_segments=1, atom_resindex=of_residue, trajectory=True
    )
    universe.add_TopologyAttr("name", names)
    universe.add_TopologyAttr("resname", [name for name, _ in residues])
    universe.add_TopologyAttr("resid", range(1, len(residues) + 1))
    universe.add_TopologyAttr("chainID", [(chains or "A" * len(residues))[number] for number in of_residue])
    universe.add_TopologyAttr("segid", [""])
    universe.atoms.positions = np.array(points) * 10
    molecule = Molecule.of(universe)
    return molecule, universe.atoms.positions[molecule.atoms][None] / 10
