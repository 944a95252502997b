"""Raw files of four proteins, as a user has them: nothing but a topology and a trajectory."""

import shutil
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysisTests.datafiles import DCD, PSF

from mdllm.cli import main


@pytest.fixture(scope="session")
def init():
    """Run `mdllm init` in a folder; its output is that of the process."""

    def run(folder: Path, *arguments: object) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            with pytest.raises(SystemExit) as ended:
                main(["init", *map(str, arguments)])
        assert ended.value.code == 0

    return run


def dimer(monomer: tuple[Path, Path], folder: Path) -> tuple[Path, Path]:
    """Two copies of a protein side by side, the second one backwards in time, every sixth frame, in chains A and B."""
    universe = mda.Universe(*map(str, monomer))
    both = mda.Merge(universe.atoms, universe.atoms)
    both.add_TopologyAttr("chainID", np.repeat(["A", "B"], len(universe.atoms)))
    both.residues.segments = np.repeat([both.add_Segment(segid=name) for name in "AB"], len(universe.residues))
    frames = range(0, len(universe.trajectory), 6)
    with mda.Writer(str(folder / "dimer.xtc"), len(both.atoms)) as writer:
        for number, (one, other) in enumerate(zip(frames, reversed(frames), strict=True)):
            first = universe.trajectory[one].positions.copy()
            second = universe.trajectory[other].positions + np.array([25.0, 0.0, 0.0])
            both.atoms.positions = np.vstack((first, second))
            both.trajectory.ts.time = 10.0 * number
            if number == 0:
                both.atoms.write(str(folder / "dimer.pdb"))
            writer.write(both.atoms)
    return folder / "dimer.pdb", folder / "dimer.xtc"


@pytest.fixture(scope="session")
def project(tmp_path_factory, trp_cage_files, init) -> Path:
    """A folder that held raw files alone, after `mdllm init` of three of them."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "data").mkdir()
    for path in trp_cage_files:
        shutil.copy(path, folder / "data")
    init(folder, "data/trp_cage.pdb", "data/trp_cage.dcd")
    init(folder, PSF, DCD, "--name", "adk")
    dimer(trp_cage_files, folder / "data")
    init(folder, "data/dimer.pdb", "data/dimer.xtc")
    return folder
