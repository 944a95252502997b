"""New frames decided by MD, in the real workflow: what it makes, and what a kill in the middle changes: nothing."""

import jsonschema
import pandas as pd
import pytest

from mdllm.core.records import read_json, sha256
from project import FRAMES, copy_of, kill_when

VERIFICATION = {
    "proposals": 1,
    "replicas": 1,
    "length_ps": 0.4,
    "nvt_ps": 0.1,
    "save_interval_ps": 0.1,
    "checkpoint_interval_ps": 0.1,
    "minimize_steps": 20,
}
PARTS = (*FRAMES, "main/tokens", "main/model", "main/rollout", "main/ensemble", "main/analysis", "main/novelty")
FOLDER = "results/trp_cage/main"
TARGET = f"{FOLDER}/verification/verdict.json"


@pytest.fixture(scope="module")
def verified(finished, tmp_path_factory):
    project = copy_of(finished, tmp_path_factory.mktemp("verified"), *PARTS, verification=VERIFICATION)
    project.run("results/trp_cage/main/figures/verification.png", f"{FOLDER}/summary.json")
    return project


def trajectories(project) -> dict[str, str]:
    """Checksums of all trajectories, topologies and tables by name."""
    folder = project.folder / FOLDER
    files = [*(folder / "verification" / "trajectories").iterdir(), *(folder / "verification").glob("*.csv")]
    return {path.name: sha256(path) for path in files}


def test_each_source_has_its_simulations_and_a_verdict(verified):
    folder = verified.folder / FOLDER
    simulations = pd.read_csv(folder / "verification" / "simulations.csv")
    proposals = pd.read_csv(folder / "proposals" / "proposals.csv")
    assert set(proposals["source"]) >= {"model", "training"}
    assert set(proposals["kind"]) >= {"cluster", "training"}
    assert len(simulations) == len(proposals)
    assert simulations["minimized_energy_kj_mol"].notna().sum() == simulations["failure"].isna().sum()
    summary = read_json(folder / "summary.json")
    jsonschema.validate(summary, read_json(verified.root / "workflow" / "schemas" / "summary.schema.json"))
    assert len(summary["verification"]["proposals"]) == len(proposals)
    assert any("new cluster of the model" in sentence for sentence in summary["verification"]["sentences"])
    assert (folder / "figures" / "verification.png").stat().st_size > 1000
    assert not list(folder.glob(".work/verify*"))
    assert verified.would_run(TARGET) == set()


def test_killed_in_a_simulation_and_still_the_same(finished, verified, tmp_path):
    project = copy_of(finished, tmp_path / "killed", *PARTS, verification=VERIFICATION)
    work = project.folder / FOLDER / ".work"

    def within_a_simulation() -> bool:
        logs = [path.read_text() for path in work.glob("verify-*/*/work/log.csv")]
        return any(work.glob("verify-*/*/result.json")) and any(0 < text.count("production") < 4 for text in logs)

    project.forks = False
    kill_when(project, TARGET, within_a_simulation)
    assert list(work.glob("verify-*/*/work/checkpoint.npz"))
    assert not (project.folder / TARGET).exists()
    project.forks = True
    project.run(TARGET, "--set-scatter", "verify=2")
    assert trajectories(project) == trajectories(verified)


def test_a_second_round_stands_on_what_the_first_has_kept(finished, tmp_path):
    parts = (*FRAMES, *(f"base/{name}" for name in ("tokens", "redrawn", "ensemble", "analysis", "novelty")))
    wanted = {**VERIFICATION, "restarts": 1, "rounds": 2}
    project = copy_of(finished, tmp_path / "rounds", *parts, verification=wanted)
    later = project.folder / "results" / "trp_cage" / "base_round_2"
    project.run("results/trp_cage/base_round_2/figures/verification.png", "results/trp_cage/base_round_2/summary.json")
    first = pd.read_csv(later.parent / "base" / "verification" / "proposals.csv")
    kept = first[(first["source"] == "model") & ~first["outcome"].isin(["returned", "elsewhere", "fell apart"])]
    frames = pd.read_parquet(later / "frames" / "frames.parquet")
    joined = pd.read_csv(later / "frames" / "joined.csv")
    assert set(joined["proposal"]) == set(kept["proposal"])
    assert (frames["round"] == 1).sum() == len(joined)
    assert read_json(later / "tokens" / "provenance.json")["fitted_frames"] == 0
    summary = read_json(later / "summary.json")
    assert summary["conditions"]["round"] == 2
    rounds = pd.DataFrame(summary["verification"]["rounds"])
    assert rounds["round"].unique().tolist() == [1, 2]
    assert set(rounds["source"]) >= {"model", "residue_types", "last_frames", "least_visited"}
    assert {"restart", "training"} <= set(pd.read_csv(later / "proposals" / "proposals.csv")["kind"])
    assert project.would_run("results/trp_cage/base_round_2/summary.json") == set()
