"""Prepare: frames, times, segments and states, in one pass over the raw files."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pandas as pd
import pytest
from MDAnalysis.analysis.dihedrals import Ramachandran
from MDAnalysisTests.datafiles import DCD, DCD2, PSF

from mdllm.config.settings.system import Observables
from mdllm.core.errors import InputError
from mdllm.core.trajectories import open_backbone, read_backbone
from mdllm.prepare.run import prepare
from mdllm.sources.acquire import acquire
from mdllm.sources.files import FilesSource

STATES = Observables.model_validate(
    {
        "collective_variables": {"phi11": {"type": "phi", "residue": 11}},
        "states": {"A": {"phi11": [0, 3.1416]}, "B": {"phi11": [-3.1416, 0]}},
    }
)
ADK = Observables.model_validate(
    {
        "collective_variables": {"d": {"type": "distance", "a": "resid 30", "b": "resid 130"}},
        "states": {"any": {"d": [0, 100]}},
    }
)


def run(output, topology, *trajectories, observables=STATES, selection="protein", interval=None, stride=1, **more):
    source = FilesSource(type="files", topology=str(topology), trajectories=[str(path) for path in trajectories])
    output.mkdir(exist_ok=True)
    counts = prepare(
        acquire(source, output),
        residues=selection,
        atoms=None,
        frame_interval_ps=interval,
        stride=stride,
        observables=observables,
        output=output,
        **more,
    )
    return counts, pd.read_parquet(output / "frames.parquet")


def test_frames_and_states_equal_an_independent_reading(tmp_path, trp_cage_files):
    counts, frames = run(tmp_path, *trp_cage_files)
    universe = mda.Universe(*map(str, trp_cage_files))
    phi11 = np.radians(Ramachandran(universe.select_atoms("resid 11")).run().results.angles[:, 0, 0])
    assert (frames["state"] == np.where(phi11 >= 0, "A", "B")).all()
    assert counts["frames_per_state"] == {"A": 2313, "B": 2686, "none": 0}
    prepared = open_backbone(tmp_path / "topology.pdb", tmp_path / "trajectory.xtc")
    universe.trajectory[1234]
    expected = universe.select_atoms("name CA").positions / 10
    np.testing.assert_allclose(read_backbone(prepared, np.array([1234]))[0, :, 1], expected, atol=0.0006)


def test_several_files_are_segments_and_numbered_through(tmp_path):
    _, frames = run(tmp_path, PSF, DCD, DCD2, observables=ADK, interval=2.0, stride=10)
    assert frames["frame"].tolist() == list(range(0, 200, 10))
    assert frames["time_ps"].tolist() == [2.0 * number for number in range(0, 200, 10)]
    assert frames["segment"].tolist() == [0] * 10 + [1] * 10


def test_ranges_of_raw_frames_keep_their_numbers_and_are_segments(tmp_path):
    _, frames = run(tmp_path / "a", PSF, DCD, DCD2, observables=ADK, frames=[(10, 19), (95, 102)], stride=2)
    assert frames["frame"].tolist() == [10, 12, 14, 16, 18, 96, 98, 100, 102]
    assert frames["segment"].tolist() == [0] * 5 + [1, 2, 2, 2]  # frame 98 begins the second file
    _, every = run(tmp_path / "b", PSF, DCD, DCD2, observables=ADK)
    same = every.set_index("frame").loc[frames["frame"], "d_nm"]
    assert np.array_equal(frames["d_nm"], same)
    with pytest.raises(InputError, match=r"prepare\.frames: range \[0, 200\], but raw frames end with 199"):
        run(tmp_path / "c", PSF, DCD, DCD2, observables=ADK, frames=[(0, 200)])


def test_a_gap_in_time_starts_a_segment(tmp_path):
    universe = mda.Universe(PSF, DCD)
    with mda.Writer(str(tmp_path / "gap.xtc"), n_atoms=len(universe.atoms)) as writer:
        for time in (0, 1, 2, 10, 11, 5, 6):
            universe.trajectory.ts.time = time
            writer.write(universe.atoms)
    _, frames = run(tmp_path / "out", PSF, tmp_path / "gap.xtc", observables=ADK)
    assert frames["segment"].tolist() == [0, 0, 0, 1, 1, 2, 2]


def test_an_empty_state_says_what_the_frames_have(tmp_path, caplog):
    """Bounds in angstrom, as of the values that are printed in other programs."""
    observables = Observables.model_validate(
        {
            "collective_variables": {
                "d": {"type": "distance", "a": "resid 30 and name CA", "b": "resid 40 and name CA"}
            },
            "states": {"near": {"d": [0, 3]}, "far": {"d": [13, 25]}},
        }
    )
    _, frames = run(tmp_path, PSF, DCD, observables=observables)
    low, high = frames["d_nm"].min(), frames["d_nm"].max()
    assert (
        f"d: [13, 25] in the state, {low:.3g} to {high:.3g} nm in the frames (are the bounds in ångström?"
        in caplog.text
    )
    assert "no frame is in state near" not in caplog.text


def test_nan_names_file_frame_and_residue(tmp_path, trp_cage_files):
    universe = mda.Universe(*map(str, trp_cage_files))
    with mda.Writer(str(tmp_path / "nan.dcd"), n_atoms=len(universe.atoms)) as writer:
        for ts in universe.trajectory[:12]:
            if ts.frame == 7:
                universe.select_atoms("resid 3 and name C").positions = [np.nan] * 3
            writer.write(universe.atoms)
    with pytest.raises(InputError, match=r"nan\.dcd, frame 7: coordinates of TYR 3 are not finite"):
        run(tmp_path / "out", trp_cage_files[0], tmp_path / "nan.dcd")


def test_a_file_that_changed_after_acquire_is_noticed(tmp_path, trp_cage_files):
    source = FilesSource(type="files", topology=str(trp_cage_files[0]), trajectories=[str(trp_cage_files[1])])
    sources = acquire(source, tmp_path)
    sources["trajectories"][0]["frames"] = 6000
    with pytest.raises(InputError, match=r"trp_cage\.dcd ends after 4999 of 6000 frames"):
        prepare(
            sources,
            residues="protein",
            atoms=None,
            frame_interval_ps=None,
            stride=1,
            observables=STATES,
            output=tmp_path,
        )


def test_raw_files_that_have_moved_since_they_were_listed_are_named(tmp_path, trp_cage_files):
    sources = acquire(
        FilesSource(type="files", topology=str(trp_cage_files[0]), trajectories=[str(trp_cage_files[1])]), tmp_path
    )
    for listed in (sources["trajectories"][0], sources["topology"]):
        listed["path"] = "gone/file.dcd"
        with pytest.raises(InputError, match=r"gone/file\.dcd does not exist; .* snakemake --forcerun acquire"):
            prepare(
                sources,
                residues="protein",
                atoms=None,
                frame_interval_ps=None,
                stride=1,
                observables=STATES,
                output=tmp_path,
            )


@pytest.mark.slow
def test_reading_frames_needs_no_library_of_models():
    """torch, which deeptime imports, doubles the memory of the stage."""
    code = "import sys, mdllm.prepare.run; print(sorted({'torch', 'deeptime', 'sklearn'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


@pytest.mark.slow
def test_memory_stays_flat(tmp_path, trp_cage_files):
    """Five times the frames may not take more memory, measured in processes of their own."""
    code = (
        "import resource, sys; from pathlib import Path; from test_trajectory import run\n"
        "run(Path(sys.argv[1]), *sys.argv[2:])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )

    def peak(name, files):
        command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / name), str(trp_cage_files[0])]
        path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
        copies = [shutil.copy(trp_cage_files[1], tmp_path / f"{name}_{number}.dcd") for number in range(files)]
        result = subprocess.run([*command, *map(str, copies)], env={"PYTHONPATH": path}, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        return int(result.stdout.split()[-1])

    assert peak("five", 5) < 1.1 * peak("one", 1)
