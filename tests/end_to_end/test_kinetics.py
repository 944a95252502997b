"""Kinetics from end to end: a model potential with all models, and alanine dipeptide simulated, in three forms."""

import csv
import json
import re
import shutil

import MDAnalysis as mda
import numpy as np
import pytest

from mdllm.config.plan import Plan
from mdllm.core.errors import InputError
from mdllm.core.records import read_json, read_npz
from mdllm.figures.registry import groups
from project import PAGE, ROOT, Project, rules_in, small_kinetics

pytestmark = pytest.mark.slow
FIGURES = [kind.name for kind in groups()["variants_kinetics"]]
DRAW = {"draw_variants_kinetics", "draw_training", "draw_causal_trace", "draw_kinetic_distance"}
TRAININGS = ("lstm", "lstm_training2")


def figures(folder) -> set[str]:
    return {path.name for path in folder.glob("*.p*") if path.suffix in (".png", ".pdf")}


@pytest.fixture(scope="module")
def four_state(tmp_path_factory, cache):
    folder = tmp_path_factory.mktemp("kinetics")
    system = small_kinetics("four_state", walkers=40, frames=120, grid=0.5)
    system["variants"]["lstm"]["kinetics"] = {"trainings": 2}
    project = Project(folder, cache, {}, {"four_state": system})
    project.run()
    return project


def test_all_models_and_figures_of_the_model_potential(four_state):
    results = four_state.folder / "results" / "four_state"
    assert figures(results / "figures") == {f"{name}.{ending}" for name in FIGURES for ending in ("png", "pdf")}
    assert figures(results / "nanogpt" / "figures") == {
        f"{name}.{ending}" for name in ("causal_trace", "kinetic_distance", "loss") for ending in ("png", "pdf")
    }
    for variant in ("nanogpt", "lstm", "markov"):
        summary = json.loads((results / variant / "summary.json").read_text())
        assert summary["kinetics"]["reference"] == "exact"
        assert summary["kinetics"]["share_kept"]["md"] == 1.0
        assert summary["training"]["trainings"] == (2 if variant == "lstm" else 1)
    with open(results / "figures" / "mfpt_table.csv") as table:
        pairs = {(row["start"], row["end"]) for row in csv.DictReader(table)}
    assert len(pairs) == 12


def test_nothing_is_left_to_do_and_a_style_change_only_redraws_every_figure(four_state):
    assert "Nothing to be done" in four_state.run()
    listed = four_state.run("--dry-run", "--forcerun", "draw_variants_kinetics")
    assert rules_in(listed) == {"draw_variants_kinetics"}
    assert all(f"results/four_state/figures/{name}.png" in listed for name in FIGURES)


def test_another_confidence_is_analyzed_again_and_trains_nothing(four_state):
    changed = four_state.would_run("--config", "overrides={analysis: {confidence: 0.8}}")
    assert changed == {"md_kinetics", "kinetics", "summarize", *DRAW, *PAGE}


def test_a_lag_longer_than_the_trajectories_is_refused_before_any_training(tmp_path, cache):
    system = small_kinetics("four_state", walkers=40, frames=30, grid=0.5)
    system["stages"]["kinetics"]["lag"] = 20
    project = Project(tmp_path, cache, {}, {"four_state": system})
    out = project.run("--keep-going", ok=False)
    assert "the longest trajectory has 30 frames" in out
    assert "Traceback" not in out
    assert not (project.folder / "results" / "four_state" / "markov" / "model").exists()


def test_the_code_of_a_training_holds_that_of_its_trainer_and_a_rollout_does_not(four_state):
    results = four_state.folder / "results" / "four_state" / "nanogpt"
    trained, rolled = (read_json(results / name / "provenance.json")["code_of"] for name in ("model", "rollout"))
    assert "mdllm.models.training.scheduled_sampling" in trained
    assert "mdllm.models.training.scheduled_sampling" not in rolled


def test_variants_share_what_no_override_touches(four_state):
    results = four_state.folder / "results" / "four_state"
    assert (results / "nanogpt" / "tokens" / "codes.npz").is_file()
    assert not (results / "lstm" / "tokens").exists()
    assert not (results / "markov" / "exact").exists()
    assert (results / "nanogpt" / "md_kinetics" / "mfpt.csv").is_file()
    assert not (results / "markov" / "md_kinetics").exists()


def test_several_trainings_are_models_of_their_own(four_state):
    results = four_state.folder / "results" / "four_state"
    first, second = (read_npz(results / name / "rollout" / "codes.npz")["codes"] for name in TRAININGS)
    assert first.shape == second.shape
    assert (first != second).any()
    losses = [read_json(results / name / "model" / "training.json")["validation_loss"] for name in TRAININGS]
    summary = read_json(results / "lstm" / "summary.json")
    assert losses[0] != losses[1]
    assert summary["training"]["validation_loss"] == pytest.approx(sum(losses) / 2)
    assert not (results / TRAININGS[1] / "summary.json").exists()
    assert "of LSTM 2 trainings; else 5 groups" in (results / "figures" / "mfpt_table.md").read_text()


def only_markov(system: dict) -> None:
    """Keep the one variant, and of all stages what has an effect on it."""
    stages, windows = system["stages"], ("validation_share", "validation_windows")
    system["variants"] = {"markov": system["variants"]["markov"]}
    stages["language"] = {key: stages["language"][key] for key in ("context_frames", "judged_frames")}
    stages["training"] = {key: value for key, value in stages["training"].items() if key in windows}
    stages.pop("causal_trace", None)


@pytest.fixture(scope="module")
def alanine(tmp_path_factory, cache):
    """Alanine dipeptide: one simulation, psi in bins and k-centers by RMSD, a Markov model each."""
    folder = tmp_path_factory.mktemp("alanine")
    systems = {
        "alanine_psi": small_kinetics("alanine_psi", replicas=2, nvt_ps=1, production_ps=40, checkpoint_interval_ps=20),
        "alanine_rmsd": small_kinetics("alanine_rmsd"),
    }
    for content in systems.values():
        only_markov(content)
    systems["alanine_rmsd"]["stages"]["tokenizer"]["centers"] = 12
    systems["alanine_rmsd"]["states"] = {"low": {"psi": [-3.2, 1.2]}, "high": {"psi": [1.2, 3.2]}}
    systems["alanine_psi"]["states"] = {"low": {"psi": [-3.2, 1.2]}, "high": {"psi": [1.2, 3.2]}}
    project = Project(folder, cache, {}, systems)
    shutil.copytree(ROOT / "config" / "structures", folder / "config" / "structures")
    project.run("results/alanine_psi/figures/mfpt.png", *(f"results/{name}/markov/summary.json" for name in systems))
    return project


def test_alanine_dipeptide_from_a_structure_to_figures(alanine):
    results = alanine.folder / "results"
    assert "mfpt.png" in figures(results / "alanine_psi" / "figures")
    assert sorted(path.name for path in (results / "alanine_psi" / "raw").glob("replica_*")) == [
        "replica_0",
        "replica_1",
    ]
    assert not (results / "alanine_rmsd" / "raw" / "replica_0").exists()
    for system in ("alanine_psi", "alanine_rmsd"):
        summary = json.loads((results / system / "markov" / "summary.json").read_text())
        assert summary["kinetics"]["reference"] == "md"
        with open(results / system / "markov" / "tokens" / "tokenizer" / "codebook.csv") as table:
            counts = [int(row["count"]) for row in csv.DictReader(table)]
        assert sum(counts) == 800
    provenance = json.loads((results / "alanine_rmsd" / "markov" / "tokens" / "provenance.json").read_text())
    assert 0 < provenance["cover_radius_nm"] < 0.2


def test_the_users_trajectories_of_a_protein_as_fip35(tmp_path, cache, trp_cage_files):
    """config/systems/fip35.yaml with another protein in its place: Trp-cage, its frames in two DCD files."""
    topology, trajectory = trp_cage_files
    data = tmp_path / "data" / "fip35"
    data.mkdir(parents=True)
    shutil.copy(topology, data / "topology.pdb")
    universe = mda.Universe(str(topology), str(trajectory))
    for number, half in enumerate(np.array_split(np.arange(universe.trajectory.n_frames), 2)):
        universe.atoms.write(data / f"{number}.dcd", frames=universe.trajectory[half])
    system = small_kinetics("fip35")
    del system["sequence"]
    system["frame_interval_ps"] = 200.0
    system["collective_variables"] = {
        "turn": {"type": "distance", "a": "resid 11 and name CA", "b": "resid 15 and name CA"}
    }
    system["states"] = {"folded": {"turn": [0, 0.7]}, "unfolded": {"turn": [0.7, 10]}}
    system["stages"]["tokenizer"]["centers"] = 10
    only_markov(system)
    project = Project(tmp_path, cache, {}, {"fip35": system})
    project.run("results/fip35/markov/summary.json")
    results = project.folder / "results" / "fip35"
    summary = read_json(results / "markov" / "summary.json")["kinetics"]
    assert summary["interval_ps"] == 200.0
    assert summary["nanoseconds"]["md"] == pytest.approx(0.2 * universe.trajectory.n_frames)
    assert len(summary["comparisons"]["model"]["mfpt_ps"]) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": {"type": "shared", "system": "four_state"}}, "type coordinate is measured on points"),
        ({"states": {"A": {"x": [0, 9]}, "B": {"z": [0, 1]}}}, "states.B names 'z', which is not defined"),
        ({"variants": {"figures": {}}}, "this name is taken by a folder of results"),
        ({"variants": {"nanogpt": {"modle": {}}}}, "modle: unknown key; did you mean 'model'"),
    ],
)
def test_mistakes_in_a_system_file_are_found_before_any_job(tmp_path, cache, change, message):
    project = Project(tmp_path, cache, {}, {"four_state": {**small_kinetics("four_state"), **change}})
    with pytest.raises(InputError, match=re.escape(message)):
        Plan(project.read("config/config.yaml"), project.folder / "config")


def test_a_simulation_that_is_not_there_cannot_be_shared(tmp_path, cache):
    content = {**small_kinetics("alanine_rmsd"), "source": {"type": "shared", "system": "four_state"}}
    project = Project(tmp_path, cache, {}, {"alanine_rmsd": content, "four_state": small_kinetics("four_state")})
    with pytest.raises(InputError, match="'four_state' is not simulated"):
        Plan(project.read("config/config.yaml"), project.folder / "config")
