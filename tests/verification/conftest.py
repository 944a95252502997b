"""Simulated proposals that several files look at."""

from pathlib import Path

import pytest

from mdllm.molecules.reading import open_raw
from mdllm.verification.atoms import RawAtoms
from mdllm.verification.rebuild import rebuild
from mdllm.verification.run import run_jobs
from verification.proposals import SETTINGS, listed


@pytest.fixture(scope="session")
def heavy_atoms(trp_cage_files, tmp_path_factory) -> Path:
    """Folder of three proposals: a training frame, one whose oxygens lie on carbons, one with a broken chain."""
    raw = open_raw(*map(Path, trp_cage_files))
    known = RawAtoms(raw, "protein", "trp_cage.pdb")
    backbone, positions = known.read(raw.trajectory[700].positions.copy(), raw.trajectory[700].dimensions)
    on_each_other, broken = backbone.copy(), backbone.copy()
    on_each_other[:, 3] = on_each_other[:, 2]
    broken[12:] += 1.0
    folder = tmp_path_factory.mktemp("structures")
    for name, points in {"good": backbone, "oxygens": on_each_other, "broken": broken}.items():
        rebuild(points, known, [(backbone, positions)]).write(folder / f"{name}.pdb")
    return folder


@pytest.fixture(scope="session")
def undisturbed(heavy_atoms, tmp_path_factory):
    work = tmp_path_factory.mktemp("work")
    chosen = listed(["good"], work)
    run_jobs(chosen, heavy_atoms, SETTINGS, 1)
    return chosen
