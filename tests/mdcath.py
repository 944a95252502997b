"""Small files in the layout of mdCATH."""

import warnings
from pathlib import Path

import h5py
import MDAnalysis as mda
import numpy as np

NTL9 = "2hbaA00"


def write_mdcath(path: Path, domain: str, structure: Path, runs: dict[tuple[int, int], np.ndarray], box_nm=6.0) -> Path:
    """Write runs {(temperature in K, replica): positions (F, A, 3) in angstrom} with the atoms of a PDB file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        group = file.create_group(domain)
        group["pdbProteinAtoms"] = Path(structure).read_bytes()
        for (temperature_k, replica), positions in runs.items():
            run = group.create_group(f"{temperature_k}/{replica}")
            run.create_dataset("coords", data=positions.astype(np.float32), chunks=(1, *positions.shape[1:]))
            run["box"] = box_nm * np.eye(3, dtype=np.float32)
            run.attrs["numFrames"] = len(positions)
    return path


def read_positions(*files: Path) -> np.ndarray:
    """All frames (F, A, 3) in angstrom of a topology and trajectories, or of the models of a structure."""
    universe = mda.Universe(*map(str, files))
    return np.array([frame.positions.copy() for frame in universe.trajectory])


def first_model(structure: Path, path: Path) -> Path:
    """Write the first model of a structure as a PDB file of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        atoms = mda.Universe(str(structure)).atoms
        atoms.write(str(path), bonds=None)
    return path
