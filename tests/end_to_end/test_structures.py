"""Proteins of which one structure is known and no MD, from a few lines, and what one of them teaches another."""

import pandas as pd
import pytest

from mdllm.core.records import read_json
from project import Project

pytestmark = pytest.mark.slow
BASE = {
    "tokenizer": {"name": "chain", "codebook_size": 512},
    "model": {"name": "base", "spans": {"drawings": 8}},
    "rollout": {"replicas": 6, "frames": 4},
}


@pytest.fixture(scope="module")
def results(tmp_path_factory, cache, structures):
    """Trp-cage from the first model of 1L2Y; its variant TC10b from 2JOF, which learns from the former as well."""
    folder = tmp_path_factory.mktemp("structures_alone")
    first = (structures / "1l2y.pdb").read_text().partition("ENDMDL")[0] + "ENDMDL\nEND\n"
    (folder / "one.pdb").write_text(first)
    (folder / "many.pdb").write_bytes((structures / "2jof.pdb").read_bytes())
    source = {"type": "structure", "file": "one.pdb"}
    tuned = {**BASE, "model": {**BASE["model"], "tuning": {"steps": 2, "system": "one"}}}
    systems = {
        "one": {"source": source, "main": False, "variants": {"base": BASE}},
        "many": {
            "source": {**source, "file": "many.pdb"},
            "main": False,
            "variants": {"base": BASE, "taught": tuned},
        },
    }
    project = Project(folder, cache, {"analysis": {"resamples": 100}}, systems)
    project.run("results/one/report.html", "results/one/base/figures/plane.png", "results/many/taught/summary.json")
    return folder / "results"


def test_an_ensemble_and_what_is_new_in_it(results):
    summary = read_json(results / "one" / "base" / "summary.json")
    assert summary["novelty"]["held_out"].startswith("the structures themselves")
    assert summary["novelty"]["held_out_frames"] == 1
    assert summary["dynamics"] is None
    assert not (results / "one" / "base" / "dynamics").exists()
    frames = pd.read_parquet(results / "one" / "base" / "novelty" / "frames.parquet")
    assert (frames["source"] == "model").sum() == 24
    assert set(frames["nearest_training_frame"]) == {0}
    plane = pd.read_csv(results / "one" / "base" / "figures" / "plane.csv")
    assert plane.filter(like="slow_1").max().max() < 3
    clusters = pd.read_csv(results / "one" / "base" / "novelty" / "clusters.csv")
    assert clusters["more_often_than_nulls"].notna().all()
    discovery = pd.read_csv(results / "one" / "base" / "analysis" / "discovery.csv")
    assert not discovery["verdict"].str.contains("not judged", na=False).any()
    assert "How it moves" not in (results / "one" / "report.html").read_text()


def test_models_of_a_file_are_frames_of_which_none_follows_another(results):
    table = pd.read_parquet(results / "many" / "frames" / "frames.parquet")
    assert len(table) == 28
    assert table["segment"].is_unique
    assert table["time_ps"].isna().all()


def test_another_system_is_learned_from(results):
    record = read_json(results / "many" / "taught" / "redrawn" / "provenance.json")
    read = [path for path in record["inputs_sha256"] if "taught" in path]
    assert len(read) == 3
    log = (results.parent / "logs" / "many" / "taught" / "redraw.log").read_text()
    assert "18 of 20 residues have one that they learn from" in log
