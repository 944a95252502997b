"""What `mdllm init` proposes for files of which the states are known."""

import subprocess
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pandas as pd
import pytest
import yaml
from MDAnalysis.lib.distances import calc_bonds, calc_dihedrals
from MDAnalysisTests.datafiles import DCD, PSF, PDB_small

import forked
from mdllm.config.settings.system import Observables, SystemSettings
from mdllm.molecules.backbone import BackboneAtoms
from mdllm.observables.bound import bind

pytestmark = pytest.mark.slow


def settings(project: Path, name: str) -> SystemSettings:
    return SystemSettings.model_validate(yaml.safe_load((project / "config" / "systems" / f"{name}.yaml").read_text()))


def text(project: Path, name: str) -> str:
    return (project / "config" / "systems" / f"{name}.yaml").read_text()


def labels(chosen: SystemSettings, topology: Path, trajectory: Path, every: int = 1) -> np.ndarray:
    """The state of each frame, by the sections of a system file alone."""
    universe = mda.Universe(str(topology), str(trajectory))
    atoms = BackboneAtoms.select(universe, chosen.selection, str(topology))
    bound = bind(atoms.universe(), Observables.model_validate(chosen.model_dump(include=set(Observables.model_fields))))
    frames = [atoms.cut(ts.positions, ts.dimensions) for ts in universe.trajectory[::every]]
    return bound.measure(np.stack(frames), np.arange(len(frames)))[1]


def angle(universe: mda.Universe, chain: str, first: int) -> np.ndarray:
    """phi of residue 11 in every frame, by MDAnalysis, of the chain whose residue 1 has the index `first`."""
    residues = universe.residues[first + 9 : first + 11]
    names = [(0, "C"), (1, "N"), (1, "CA"), (1, "C")]
    rows = [residues[i].atoms.select_atoms(f"name {name}")[0].index for i, name in names]
    return np.array([calc_dihedrals(*(ts.positions[row] for row in rows)) for ts in universe.trajectory])


def test_the_two_states_of_trp_cage_are_found(project, trp_cage_files):
    chosen = settings(project, "trp_cage")
    assert set(chosen.states) == {"A", "B"}
    found = labels(chosen, *trp_cage_files)
    positive = angle(mda.Universe(*map(str, trp_cage_files)), "A", 0) > 0
    agreement = max(np.mean(np.where(positive, one, other) == found) for one, other in ("AB", "BA"))
    assert agreement >= 0.95


def test_the_file_says_what_is_in_the_trajectory(project):
    chosen = settings(project, "trp_cage")
    assert chosen.frame_interval_ps == "unknown"
    assert chosen.sequence == "NLYIQWLKDGGPSSGRPPPS"
    assert set(chosen.plane) <= set(chosen.collective_variables)
    assert chosen.training_set.state in chosen.states
    assert chosen.source.topology == "data/trp_cage.pdb"
    for words in ("4999 frames in 1 file", "3.68 x 3.68 x 3.68 nm", "20 residues in 1 chain"):
        assert words in text(project, "trp_cage")


def test_what_was_seen_is_drawn_from_tables(project):
    folder = project / "results" / "trp_cage" / "survey"
    frames, contacts = (pd.read_csv(folder / f"{name}.csv", keep_default_na=False) for name in ("frames", "contacts"))
    assert len(frames) == 4999
    assert frames["rmsd_to_first_nm"].iloc[0] == pytest.approx(0, abs=1e-4)
    assert {"A", "B", "none"} == set(frames["state"])
    assert (contacts["change"].abs() >= 0.1).all()
    assert (folder / "survey.png").stat().st_size > 10_000


def test_a_dimer_has_variables_of_one_chain_each(project, trp_cage_files):
    chosen = settings(project, "dimer")
    assert chosen.sequence == ["NLYIQWLKDGGPSSGRPPPS"] * 2
    assert len(chosen.states) >= 2
    for variable in chosen.collective_variables.values():
        if variable.type == "distance":
            assert "chainID" in variable.a
            assert "chainID" in variable.b
        else:
            assert variable.segment in ("A", "B")
    files = project / "data" / "dimer.pdb", project / "data" / "dimer.xtc"
    universe = mda.Universe(*map(str, files))
    both = [angle(universe, chain, first) > 0 for chain, first in (("A", 0), ("B", 20))]
    known = both[0].astype(int) + 2 * both[1]
    found = labels(chosen, *files)
    of_one = [max(np.bincount(known[found == state], minlength=4)) for state in chosen.states]
    assert sum(of_one) / len(found) >= 0.75


def test_adenylate_kinase_goes_from_closed_to_open(project):
    chosen = settings(project, "adk")
    assert chosen.selection == "protein"
    assert "a path, not an equilibrium" in text(project, "adk")
    found = labels(chosen, PSF, DCD)
    runs = [name for name, before in zip(found, ["", *found], strict=False) if name not in (before, "none")]
    order = list(dict.fromkeys(runs))
    assert len(order) == len(chosen.states) >= 2
    # tip of the lid to the core: the states are ordered by how far it is open
    universe = mda.Universe(PSF, DCD)
    lid, core = (universe.select_atoms(f"resid {number} and name CA")[0].index for number in (128, 42))
    width = np.array([calc_bonds(ts.positions[lid], ts.positions[core]) for ts in universe.trajectory])
    means = [width[found == state].mean() for state in order]
    assert means == sorted(means)


def test_few_windows_are_not_shown_a_hundred_times(project):
    assert settings(project, "trp_cage").stages == {}
    # 98 frames have 93 windows of 6: four times each is 46 steps of 8, rounded to those between validations
    assert settings(project, "adk").stages == {"training": {"max_steps": 40}, "rollout": {"frames": 100}}


def test_a_base_is_offered_where_there_is_little_to_learn_from(project):
    written = text(project, "adk")
    (line,) = (line for line in written.splitlines() if line.startswith("# variants: {base"))
    with_base = SystemSettings.model_validate(yaml.safe_load(written + line.removeprefix("# ")))
    assert with_base.variants["base"]["model"] == {"name": "base"}
    assert "base" not in text(project, "trp_cage")


def test_a_reference_that_md_has_not_seen_becomes_a_state(init, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    universe = mda.Universe(PSF, DCD)
    universe.atoms.write(str(tmp_path / "closed.dcd"), frames=universe.trajectory[:30])
    universe.trajectory[-1]
    universe.atoms.write(str(tmp_path / "open.pdb"))
    init(tmp_path, PSF, "closed.dcd", "--name", "closed", "--reference", "open.pdb")
    chosen = settings(tmp_path, "closed")
    assert set(chosen.states) == {"A", "reference_open"}
    assert chosen.references["reference_open"].state == "reference_open"
    assert set(labels(chosen, PSF, tmp_path / "closed.dcd")) <= {"A", "none"}
    assert list(labels(chosen, tmp_path / "open.pdb", tmp_path / "open.pdb")) == ["reference_open"]


def test_a_reference_that_md_visits_stands_for_a_state_of_md(init, project):
    init(project, PSF, DCD, "--name", "visited", "--reference", PDB_small)
    chosen = settings(project, "visited")
    assert set(chosen.states) == set(settings(project, "adk").states)
    assert chosen.references["reference_adk_open"].state in chosen.states


def test_every_proposed_file_is_a_plan(project, shared, init):
    folder = shared / "trajectories" / "ntl9"
    init(project, folder / "2hbaA00.pdb", folder / "2hbaA00_320_0.xtc", "--name", "ntl9")
    command = [forked.python(), "-m", "snakemake", "--profile", "profiles/local", "--cores", "2", "--dry-run"]
    names = "trp_cage,adk,dimer,ntl9"
    made = subprocess.run([*command, "--config", f"only={names}"], cwd=project, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    for name in names.split(","):
        assert f"results/{name}/main/summary.json" in made.stdout
