"""Simulations of proposals: what is kept, what continues, what falls apart."""

import json
import signal
import subprocess
import sys
import time

import MDAnalysis as mda
import numpy as np
import pytest

from mdllm.verification.judge import inverted, read_simulated
from mdllm.verification.run import failures, run_jobs
from project import ROOT
from verification.proposals import SETTINGS, listed

pytestmark = pytest.mark.slow
SCRIPT = """
import json, sys
from pathlib import Path
import pandas as pd
from mdllm.config.settings.verification import VerificationSettings
from mdllm.verification.run import jobs, run_jobs
settings, names, structures, work = json.loads(sys.argv[1])
settings = VerificationSettings.model_validate(settings)
run_jobs(jobs(pd.DataFrame({"proposal": names}), settings, 0, Path(work)), Path(structures), settings, 1)
"""


def content(chosen) -> list[bytes]:
    return [
        (job.folder / name).read_bytes()
        for job in chosen
        for name in ("topology.pdb", "trajectory.xtc", "state.xml", "result.json")
    ]


def test_a_training_frame_is_simulated_with_all_its_atoms(undisturbed):
    times, backbone = read_simulated(undisturbed[0].topology, undisturbed[0].trajectory)
    np.testing.assert_allclose(times, 0.1 * np.arange(1, 21), rtol=1e-5)
    assert backbone.shape == (20, 20, 4, 3)
    assert undisturbed[0].result()["minimized_energy_kj_mol"] < -2000
    assert inverted(undisturbed[0].topology, undisturbed[0].trajectory) == []
    assert undisturbed[0].trajectory.read_bytes() != undisturbed[1].trajectory.read_bytes()


def test_what_cannot_be_relaxed_is_reported_and_stops_nothing(heavy_atoms, tmp_path):
    chosen = listed(["oxygens", "broken", "good"], tmp_path, SETTINGS.model_copy(update={"replicas": 1}))
    notes = run_jobs(chosen, heavy_atoms, SETTINGS, 1)
    assert (notes["simulations"], notes["failed"]) == (3, 2)
    reasons = {job.proposal: reason for job, reason in failures(chosen)}
    assert set(reasons) == {"oxygens", "broken"}
    assert "atoms lie on each other" in reasons["oxygens"]
    assert "chain is broken between PRO 12 and SER 13" in reasons["broken"]
    assert str(heavy_atoms) not in json.dumps(reasons)


def test_any_number_of_jobs_makes_the_same_bytes(undisturbed, heavy_atoms, tmp_path):
    chosen = listed(["good"], tmp_path)
    run_jobs(chosen[1::2], heavy_atoms, SETTINGS, 1)
    run_jobs(chosen[0::2], heavy_atoms, SETTINGS, 1)
    assert content(chosen) == content(undisturbed)


def test_a_killed_run_ends_with_the_same_bytes(undisturbed, heavy_atoms, tmp_path):
    arguments = json.dumps([SETTINGS.model_dump(mode="json"), ["good"], str(heavy_atoms), str(tmp_path)])
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, arguments], env=environment, stderr=subprocess.DEVNULL)
    log, deadline = tmp_path / "good_0" / "work" / "log.csv", time.monotonic() + 120
    while not (log.is_file() and log.read_text().count("production") >= 8):
        assert process.poll() is None, "ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "good_0" / "result.json").is_file()
    chosen = listed(["good"], tmp_path)
    run_jobs(chosen, heavy_atoms, SETTINGS, 1)
    assert content(chosen) == content(undisturbed)


def test_what_is_done_is_not_done_again(undisturbed, heavy_atoms):
    before = [path.stat().st_mtime_ns for job in undisturbed for path in sorted(job.folder.iterdir())]
    run_jobs(undisturbed, heavy_atoms, SETTINGS, 1)
    assert before == [path.stat().st_mtime_ns for job in undisturbed for path in sorted(job.folder.iterdir())]


def test_a_residue_turned_inside_out_is_seen(undisturbed, tmp_path):
    universe = mda.Universe(str(undisturbed[0].topology))
    leucine = universe.select_atoms("resid 2")
    ca = leucine.select_atoms("name CA")[0].position
    beta = leucine.select_atoms("name CB")
    n, c = (leucine.select_atoms(f"name {name}")[0].position for name in ("N", "C"))
    normal = np.cross(n - ca, c - ca)
    normal /= np.linalg.norm(normal)
    beta.positions = beta.positions - 2 * ((beta.positions - ca) @ normal)[:, None] * normal
    universe.atoms.write(str(tmp_path / "mirror.pdb"))
    universe.atoms.write(str(tmp_path / "mirror.xtc"))
    assert inverted(tmp_path / "mirror.pdb", tmp_path / "mirror.xtc") == ["LEU 2"]
