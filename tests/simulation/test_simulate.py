"""Simulations from structure to trajectory, small but real: what is written, what continues, what is refused."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import MDAnalysis as mda
import numpy as np
import openmm
import pandas as pd
import pytest
from openmm import app, unit

from mdllm.config.settings.simulation import SimulationSource
from mdllm.core.errors import InputError
from mdllm.core.geometry import rmsd
from mdllm.core.records import read_npz
from mdllm.simulation.log import check_log
from mdllm.simulation.platform import open_device
from mdllm.simulation.simulate import simulate

pytestmark = pytest.mark.slow  # simulations run first

ROOT = Path(__file__).resolve().parents[2]
# The rule's script, run as Snakemake runs it: with an object `snakemake` in its namespace.
SCRIPT = """
import json, runpy, sys
from types import SimpleNamespace
job = json.loads(sys.argv[1])
job |= {key: SimpleNamespace(**value) for key, value in job.items() if isinstance(value, dict)}
runpy.run_path(sys.argv[2], init_globals={"snakemake": SimpleNamespace(**job)})
"""


def settings(structures, name="alanine_dipeptide.pdb", **changes):
    """Alanine dipeptide in implicit solvent, 20 ps in 100 frames with 5 checkpoints: about a second of computing."""
    content = {
        "type": "simulation",
        "structure": {"file": str(structures / name)},
        "solvent": {"type": "implicit"},
        "platform": "Reference",
        "nvt_ps": 2,
        "production_ps": 20,
        "save_interval_ps": 0.2,
        "checkpoint_interval_ps": 4,
        **changes,
    }
    return SimulationSource.model_validate(content)


def box_of_water(structures):
    """Alanine dipeptide in about 140 waters, with a barostat."""
    solvent = {"type": "explicit", "padding_nm": 0.8, "cutoff_nm": 0.7, "box_shape": "cube", "npt_ps": 0.4}
    lengths = {"nvt_ps": 0.2, "production_ps": 1.2, "save_interval_ps": 0.1, "checkpoint_interval_ps": 0.3}
    return settings(structures, platform="CPU", solvent=solvent, **lengths)


class Job:
    """The rule simulate in a folder of its own."""

    def __init__(self, folder, source):
        raw = folder / "results" / "one" / "raw"
        raw.mkdir(parents=True)
        self.work = folder / "results" / "one" / ".work"
        self.topology, self.trajectory = raw / "topology.pdb", raw / "trajectory.xtc"
        self.log, self.provenance = raw / "simulation.csv", raw / "provenance.json"
        self._snakemake = {
            "params": {"source": source.model_dump(mode="json")},
            "wildcards": {"replica": "0"},
            "input": {"structure": source.structure.file},
            "output": {key: str(getattr(self, key)) for key in ("topology", "trajectory", "log", "provenance")},
            "log": [str(folder / "simulate.log")],
            "threads": 1,
        }

    def start(self):
        script = str(ROOT / "workflow" / "scripts" / "simulate.py")
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT, json.dumps(self._snakemake), script],
            env={"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"},
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self):
        """Run to the end; what it printed."""
        process = self.start()
        printed = process.communicate()[1]
        assert process.returncode == 0, printed
        return printed

    def stop(self, number):
        """Start, and send a signal in production, some frames after a checkpoint; the return code, what it printed."""
        process = self.start()
        while process.poll() is None:
            point = self.checkpoint()
            if point is not None and point["trajectory_bytes"] > 0:
                (work,) = self.work.glob("simulate_0-*")
                if (work / "trajectory.xtc").stat().st_size > point["trajectory_bytes"]:
                    process.send_signal(number)
                    break
            time.sleep(0.002)
        printed = process.communicate()[1]
        return process.returncode, printed

    def checkpoint(self):
        found = list(self.work.glob("simulate_0-*/checkpoint.npz"))
        if not found:
            return None
        content = read_npz(found[0])
        return dict(zip(("phase", "frame", "trajectory_bytes", "log_bytes"), content["numbers"], strict=True))

    def files(self):
        return [path.read_bytes() for path in (self.topology, self.trajectory, self.log)]


def run(folder, source):
    """The library call; the notes, and where its files are."""
    paths = {"topology": folder / "topology.pdb", "trajectory": folder / "trajectory.xtc", "log": folder / "log.csv"}
    notes = simulate(source, Path(source.structure.file), work_folder=folder / "work", **paths)
    return notes, SimpleNamespace(**paths)


@pytest.fixture(scope="module")
def alanine(structures, tmp_path_factory):
    """An undisturbed run by the rule's script."""
    job = Job(tmp_path_factory.mktemp("alanine"), settings(structures))
    job.finish()
    return job


def test_frames_lie_at_their_times(alanine):
    universe = mda.Universe(str(alanine.topology), str(alanine.trajectory))
    times = [ts.time for ts in universe.trajectory]
    np.testing.assert_allclose(times, 0.2 * np.arange(1, 101), rtol=1e-6)
    assert list(universe.residues.resnames) == ["ACE", "ALA", "NME"]
    assert universe.dimensions is None
    table = pd.read_csv(alanine.log)
    assert table["phase"].tolist() == ["nvt"] * 10 + ["production"] * 100
    np.testing.assert_allclose(table["time_ps"][10:], times, rtol=1e-6)
    assert table["step"].iloc[-1] == 5000


def test_each_row_of_the_log_belongs_to_its_frame(alanine):
    """Energies of the saved frames, by a force field set up here; what is left is the rounding of the coordinates."""
    topology = app.PDBFile(str(alanine.topology)).topology
    system = app.ForceField("amber99sbildn.xml", "amber99_obc.xml").createSystem(topology, nonbondedMethod=app.NoCutoff)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    universe = mda.Universe(str(alanine.topology), str(alanine.trajectory))
    energies = []
    for ts in universe.trajectory:
        context.setPositions(ts.positions / 10)
        constrained = context.getState(energy=True).getPotentialEnergy()
        energies.append(constrained.value_in_unit(unit.kilojoule_per_mole))
    logged = pd.read_csv(alanine.log).query("phase == 'production'")["potential_energy_kj_mol"].to_numpy()
    assert np.corrcoef(energies, logged)[0, 1] > 0.98


def test_the_record_says_what_was_done(alanine):
    record = json.loads(alanine.provenance.read_text())
    assert record["frames"] == 100
    assert record["device"].startswith("Reference, OpenMM 8")
    assert record["speed_ns_per_day"] > 0
    assert record["settings"]["time_step_ps"] == 0.004
    assert not list(alanine.work.glob("simulate_0-*"))


def test_a_killed_run_continues_to_the_same_bytes(structures, tmp_path, alanine):
    job = Job(tmp_path, settings(structures))
    returned, _ = job.stop(signal.SIGKILL)
    assert returned == -signal.SIGKILL
    at = job.checkpoint()
    assert at["phase"] == 1
    assert 0 < at["trajectory_bytes"] < len(alanine.trajectory.read_bytes())
    (work,) = job.work.glob("simulate_0-*")
    assert (work / "trajectory.xtc").stat().st_size > at["trajectory_bytes"]
    assert f"continuing after {2 + at['frame'] * 0.2:g} ps" in job.finish()
    assert job.files() == alanine.files()


def test_a_killed_run_in_a_box_of_water_continues_to_the_same_bytes(structures, tmp_path):
    """Neighbour lists and the barostat are what a mere checkpoint of OpenMM does not restore."""
    source = box_of_water(structures)
    undisturbed = Job(tmp_path / "undisturbed", source)
    undisturbed.finish()
    job = Job(tmp_path / "stopped", source)
    returned, printed = job.stop(signal.SIGTERM)
    assert returned == 128 + signal.SIGTERM
    assert "stopped by SIGTERM at production" in printed
    job.finish()
    assert job.files() == undisturbed.files()

    universe = mda.Universe(str(job.topology), str(job.trajectory))
    assert len(universe.atoms) == 22
    volumes = pd.read_csv(job.log).set_index("phase")["volume_nm3"]
    assert np.ptp(volumes["nvt"]) == 0
    assert volumes["production"].nunique() > 3
    boxes = [np.prod(ts.dimensions[:3]) / 1000 for ts in universe.trajectory]
    np.testing.assert_allclose(boxes, volumes["production"], rtol=1e-4)
    record = json.loads(job.provenance.read_text())
    assert record["atoms"] > 300


def test_seed_and_chosen_settings_matter(structures, tmp_path, alanine):
    short = {"nvt_ps": 0, "production_ps": 0.4, "temperature_tolerance_k": 300}
    trajectories = []
    for number, changes in enumerate([{}, {}, {"seed": 1}, {"temperature_k": 310}]):
        (tmp_path / str(number)).mkdir()
        _, files = run(tmp_path / str(number), settings(structures, **short, **changes))
        trajectories.append(files.trajectory.read_bytes())
    assert trajectories[0] == trajectories[1]
    assert len(set(trajectories)) == 3


def test_a_finished_run_is_not_run_again(structures, tmp_path):
    source = settings(structures, production_ps=1)
    first, files = run(tmp_path, source)
    content = files.trajectory.read_bytes()
    second, _ = run(tmp_path, source)
    assert first["speed_ns_per_day"] > 0
    assert second["speed_ns_per_day"] is None
    assert files.trajectory.read_bytes() == content


def test_trp_cage_stays_folded(structures, tmp_path):
    changes = {"nvt_ps": 0.2, "production_ps": 0.8, "minimize_steps": 50, "platform": "CPU"}
    _, files = run(tmp_path, settings(structures, "2jof.pdb", **changes))
    universe = mda.Universe(str(files.topology), str(files.trajectory))
    assert universe.select_atoms("protein").n_residues == 20
    assert universe.dimensions is None  # the entry's placeholder of a unit cell is not a box
    backbone = universe.select_atoms("protein and name N CA C")
    frames = np.array([backbone.positions / 10 for _ in universe.trajectory])
    deposited = mda.Universe(str(structures / "2jof.pdb")).select_atoms("name N CA C").positions / 10
    assert rmsd(frames, deposited).max() < 0.15
    bonds = np.linalg.norm(frames[:, 1::3] - frames[:, 2::3], axis=-1)
    assert abs(bonds.mean() - 0.152) < 0.003


def test_t4_lysozyme_starts(structures, tmp_path):
    """A smoke test: 60 residues as deposited, completed, take some steps. A strong friction takes up what heat is left
    by a minimization of so few steps; each costs seconds."""
    part = tmp_path / "part.pdb"
    mda.Universe(str(structures / "3dmv.pdb")).select_atoms("protein and resid 81:140").write(str(part))
    lengths = {"nvt_ps": 0.008, "production_ps": 0.016, "save_interval_ps": 0.008, "checkpoint_interval_ps": 0.016}
    changes = {"minimize_steps": 5, "time_step_ps": 0.002, "platform": "CPU"}
    changes |= {"friction_per_ps": 200.0, "temperature_tolerance_k": 200}
    notes, files = run(tmp_path, settings(structures, part, **lengths, **changes))
    assert notes["atoms"] == notes["atoms_saved"] == 959
    universe = mda.Universe(str(files.topology), str(files.trajectory))
    assert universe.trajectory.n_frames == 2
    assert universe.dimensions is None
    residues = universe.select_atoms("protein").residues
    assert (len(residues), residues[18].resname, residues[18].resid) == (60, "ALA", 99)


def test_a_run_that_blows_up_says_where(structures, tmp_path):
    unstable = settings(structures, time_step_ps=0.02, hydrogen_mass_da=1.0, nvt_ps=0)
    with pytest.raises(InputError, match=r"production, step \d+ \([\d.]+ ps\): energy without bounds.*time_step_ps"):
        run(tmp_path, unstable)


def test_a_wrong_temperature_is_noticed(structures, alanine):
    degrees = 3 * 22 - 12 - 3
    means = check_log(alanine.log, settings(structures), degrees)
    assert abs(means["mean_temperature_k"] - 300) < means["temperature_allowed_deviation_k"] < 60
    with pytest.raises(InputError, match=r"mean temperature \d+\.\d+ K instead of 400 K \(100 frames, .*time_step_ps"):
        check_log(alanine.log, settings(structures, temperature_k=400), degrees)


def test_another_device_does_not_continue_a_run(structures, tmp_path):
    run(tmp_path, settings(structures, production_ps=0.2))
    with pytest.raises(InputError, match=r"begun on 'Reference, .*', and this is 'CPU, threads 1.*delete that folder"):
        run(tmp_path, settings(structures, production_ps=0.2, platform="CPU"))


def test_a_trajectory_changed_from_outside_is_noticed(structures, tmp_path):
    source = settings(structures, production_ps=1)
    run(tmp_path, source)
    (tmp_path / "work" / "trajectory.xtc").write_bytes(b"")
    with pytest.raises(InputError, match=r"trajectory\.xtc has 0 bytes, but had \d+ at the checkpoint"):
        run(tmp_path, source)


def test_a_platform_that_is_not_there():
    if open_device(None, 1).platform.getName() == "CUDA":
        pytest.skip("this machine has CUDA")
    with pytest.raises(InputError, match=r"platform: CUDA does not work here \(.+\)\. Choose one of .*CPU, Reference"):
        open_device("CUDA", 1)


@pytest.mark.skipif(not list(Path("/etc/OpenCL/vendors").glob("pocl*")), reason="PoCL is not installed")
def test_a_cpu_that_calls_itself_a_device_of_opencl_is_passed_over():
    assert open_device(None, 1).platform.getName() != "OpenCL"
    with pytest.raises(InputError, match=r"OpenCL does not work here .*this CPU"):
        open_device("OpenCL", 1)


@pytest.mark.parametrize(
    ("solvent", "message"),
    [
        ({"type": "implicit", "force_field": ["amber99sbildn.xml"]}, r"holds no implicit .* add one"),
        (
            {"type": "explicit", "force_field": ["amber99sbildn.xml", "tip3p.xml", "amber99_obc.xml"]},
            r"(holds an implicit .* leave that file out|does not cover the system)",
        ),
        ({"type": "explicit", "force_field": ["amber14-all.xml"]}, r"amber14-all\.xml does not cover the system"),
        ({"type": "implicit", "force_field": ["tip3p.xml"]}, r"tip3p\.xml does not cover the system: .*residue"),
        ({"type": "implicit", "force_field": ["amber2099.xml"]}, r"amber2099\.xml.*come with OpenMM"),
        (
            {"type": "explicit", "padding_nm": 0.1, "cutoff_nm": 1.0},
            r"padding_nm: the box is [\d.]+ nm high, less than",
        ),
    ],
)
def test_force_field_and_box_that_do_not_fit(structures, tmp_path, solvent, message):
    with pytest.raises(InputError, match=message):
        run(
            tmp_path,
            settings(structures, solvent={"npt_ps": 0, **solvent} if solvent["type"] == "explicit" else solvent),
        )
