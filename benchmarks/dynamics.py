"""The properties of a protein of 300 residues in 1,000 frames, on one core.

Prints and writes records/dynamics.json: seconds of all properties, of the contacts alone and of the surface alone, and
peak memory. The frames are T4 lysozyme (3DMV of tests/data, 164 residues) with hydrogens by PDBFixer, beside a copy of
its first 136 residues as a second chain, with noise of every atom.
Run it as ``OMP_NUM_THREADS=1 python benchmarks/dynamics.py``.
"""

import gzip
import io
import resource
import time

import MDAnalysis as mda
import numpy as np
import openmm.app
import pdbfixer
from record import ROOT, write_record

from mdllm.analysis.dynamics.contacts import ContactFinder
from mdllm.analysis.dynamics.measure import measure_properties
from mdllm.analysis.dynamics.molecule import Molecule
from mdllm.analysis.dynamics.shapes import surface
from mdllm.config.settings.dynamics import PropertySettings

RESIDUES, FRAMES, BLOCKS, NOISE_NM, CHUNK = 300, 1000, 10, 0.01, 50


def read_structure() -> mda.Universe:
    """3DMV with hydrogens, and part of it once more, 5 nm away."""
    text = gzip.decompress((ROOT / "tests" / "data" / "3dmv.pdb.gz").read_bytes()).decode()
    fixer = pdbfixer.PDBFixer(pdbfile=io.StringIO(text))
    fixer.removeHeterogens(keepWater=False)
    fixer.missingResidues = {}
    fixer.findMissingAtoms()
    fixer.addMissingAtoms(seed=0)
    fixer.addMissingHydrogens(7.0)
    with io.StringIO() as file:
        openmm.app.PDBFile.writeFile(fixer.topology, fixer.positions, file)
        whole = mda.Universe(io.StringIO(file.getvalue()), format="PDB")
    copy = whole.residues[: RESIDUES - len(whole.residues)].atoms
    both = mda.Merge(whole.atoms, copy)
    both.atoms[len(whole.atoms) :].chainIDs = "B"
    both.atoms[len(whole.atoms) :].translate([50, 0, 0])
    return both


def main() -> None:
    universe = read_structure()
    molecule = Molecule.of(universe)
    structure = universe.atoms.positions[molecule.atoms] / 10
    noise = np.random.default_rng(0).normal(scale=NOISE_NM, size=(FRAMES, *structure.shape))
    points = (structure + noise).astype(np.float32)
    settings = PropertySettings()
    started = time.perf_counter()
    measure_properties(molecule, points, np.arange(FRAMES) * BLOCKS // FRAMES, settings)
    everything = time.perf_counter() - started
    finder = ContactFinder.of(molecule, settings.contacts)
    started = time.perf_counter()
    for start in range(0, FRAMES, CHUNK):
        finder.find(points[start : start + CHUNK])
    contacts = time.perf_counter() - started
    started = time.perf_counter()
    surface(molecule, points[: settings.sasa_frames])
    write_record(
        "dynamics",
        {
            "residues": len(molecule),
            "atoms": len(molecule.atoms),
            "frames": FRAMES,
            "frames_of_surface": settings.sasa_frames,
            "all_properties_s": everything,
            "contacts_s": contacts,
            "surface_s": time.perf_counter() - started,
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        },
    )


if __name__ == "__main__":
    main()
