"""A system without a trajectory: the workflow simulates it, from a structure in a cache that was filled by hand."""

import json
import shutil

import MDAnalysis as mda
import numpy as np
import pandas as pd
import pytest
import yaml

from mdllm.core.records import sha256
from project import ROOT, SMALL, Project, kill_when

TARGET = "results/simulated/frames/frames.parquet"
FRAMES = 40
RAW = [f"results/simulated/raw/replica_0/{name}" for name in ("topology.pdb", "trajectory.xtc", "simulation.csv")]


@pytest.fixture(scope="module")
def make_project(tmp_path_factory, structures):
    """A project with Trp-cage in implicit solvent: 0.1 ps of equilibration and 2 ps of production, 8 checkpoints."""
    cache = tmp_path_factory.mktemp("cache")
    (cache / "structures").mkdir()
    shutil.copy(structures / "2jof.pdb", cache / "structures")
    system = yaml.safe_load((ROOT / "config" / "systems" / "trp_cage.yaml").read_text())
    del system["sequence"]  # 2JOF is another one
    del system["frame_interval_ps"]  # unknown of the wheel's trajectory, not of this one
    system["source"] = {
        "type": "simulation",
        "structure": {"pdb": "2JOF"},
        "solvent": {"type": "implicit"},
        "platform": "CPU",
        "minimize_steps": 50,
        "nvt_ps": 0.1,
        "production_ps": 2,
        "save_interval_ps": 0.05,
        "time_step_ps": 0.0025,
        "checkpoint_interval_ps": 0.25,
        "temperature_tolerance_k": 50,  # two picoseconds after a short minimization
    }
    system["references"] = {"native": {"pdb": "2JOF", "state": "A"}}
    system["training_set"] = {"state": "A"}
    del system["variants"]

    def make(name: str) -> Project:
        return Project(tmp_path_factory.mktemp(name) / "p", cache, SMALL, {"simulated": system})

    return make


@pytest.fixture(scope="module")
def undisturbed(make_project):
    project = make_project("undisturbed")
    project.run(TARGET)
    return project


def test_from_a_structure_to_labelled_frames(undisturbed):
    frames = pd.read_parquet(undisturbed.folder / TARGET)
    np.testing.assert_allclose(frames["time_ps"], 0.05 * np.arange(1, FRAMES + 1), rtol=1e-5)
    assert set(frames["state"]) <= {"A", "B", "none"}
    folder = undisturbed.folder / "results" / "simulated" / "frames"
    backbone = mda.Universe(str(folder / "topology.pdb"), str(folder / "trajectory.xtc"))
    assert (backbone.residues.n_residues, backbone.trajectory.n_frames) == (20, FRAMES)


def test_the_log_and_its_check_are_kept(undisturbed):
    log = pd.read_csv(undisturbed.folder / RAW[2])
    assert log["phase"].tolist() == ["nvt"] * 2 + ["production"] * FRAMES
    assert np.isfinite(log[["potential_energy_kj_mol", "kinetic_energy_kj_mol", "temperature_k"]]).all(axis=None)
    record = json.loads((undisturbed.folder / "results/simulated/raw/replica_0/provenance.json").read_text())
    deviation = abs(record["mean_temperature_k"] - 300)
    assert deviation < record["temperature_allowed_deviation_k"]
    assert record["mean_temperature_k"] == pytest.approx(log["temperature_k"][2:].mean(), abs=0.01)


def test_killed_in_production_and_still_the_same(undisturbed, make_project):
    project = make_project("killed")
    work = project.folder / "results" / "simulated" / "raw" / ".work"
    kill_when(project, TARGET, lambda: any(path.stat().st_size for path in work.glob("simulate_0-*/trajectory.xtc")))
    assert not (project.folder / RAW[1]).exists()
    project.forks = False
    project.run(TARGET)
    assert "continuing after" in (project.folder / "logs" / "simulated" / "simulate_0.log").read_text()
    for path in [*RAW, "results/simulated/frames/trajectory.xtc"]:
        assert sha256(project.folder / path) == sha256(undisturbed.folder / path), path
