"""The whole workflow on real MD: what it makes, and what a change makes again."""

import contextlib
import json
import os
import shutil

import jsonschema
import pandas as pd
import pytest

from mdllm.core.records import read_json, read_npz, sha256
from project import AFTER_ROLLOUT, DRAW, FIGURES_ALONE, ROOT, SUMMED_UP

VARIANTS = ("main", "from_b")
FIGURES = ("plane", "time_series", "loss", "fidelity", "discovery", "quality", "novelty", "dynamics")


@contextlib.contextmanager
def changed(project, path, edit):
    """`edit` applied to a YAML file of the project for as long as the context lasts; its time stamp is put back."""
    file = project.folder / path
    before, times = file.read_text(), (file.stat().st_atime, file.stat().st_mtime)
    content = project.read(path)
    edit(content)
    project.write(path, content)
    try:
        yield
    finally:
        file.write_text(before)
        os.utime(file, times)


def test_every_output_is_there(finished):
    results = finished.folder / "results" / "trp_cage"
    for path in ("raw/sources.json", "frames/topology.pdb", "frames/trajectory.xtc", "frames/frames.parquet"):
        assert (results / path).stat().st_size > 0
    for variant in VARIANTS:
        folder = results / variant
        for path in ("model/model.safetensors", "training_log.csv", "ensemble/ensemble.xtc", "analysis/cvs.parquet"):
            assert (folder / path).stat().st_size > 0
        for figure in FIGURES:
            for ending in ("pdf", "png", "csv"):
                assert (folder / "figures" / f"{figure}.{ending}").stat().st_size > 0


def test_a_base_stands_where_a_model_would(finished):
    folder = finished.folder / "results" / "trp_cage" / "base"
    assert not (folder / "model").exists()
    assert not (folder / "rollout").exists()
    assert {path.stem for path in (folder / "figures").glob("*.png")} == {*FIGURES} - {"loss"}
    summary = read_json(folder / "summary.json")
    assert summary["training"] is None
    assert summary["base"]["base"] == "medium"
    assert summary["conditions"]["replicas"] == summary["conditions"]["frames"] == 4
    assert summary["conditions"]["top_k"] is None
    assert summary["discovery"]["B"]["residue_types"]["frames"] == 16
    made = read_npz(folder / "redrawn" / "structures.npz")["model"]
    assert made.shape == (4, 4, 20, 3, 3)
    cvs = pd.read_parquet(folder / "analysis" / "cvs.parquet")
    assert cvs["source"].value_counts()[["model", "frequencies", "residue_types", "synonyms"]].tolist() == [16] * 4


def test_every_stage_has_a_provenance_record(finished):
    results = finished.folder / "results" / "trp_cage"
    records = {
        path.parent.name: read_json(path)
        for path in results.rglob("*provenance.json")
        if path.name != "fidelity_provenance.json"
    }
    stages = {"raw", "frames", "tokens", "model", "rollout", "ensemble", "analysis", "novelty", "dynamics", "figures"}
    assert set(records) == stages | {"page", "redrawn", "trp_cage", *VARIANTS, "base"}
    for record in records.values():
        assert record["wall_time_s"] > 0
        assert record["peak_memory_mb"] > 0
        assert record["versions"]["python"]
    assert records["tokens"]["settings"]["seed"] == 0
    assert records["rollout"]["inputs_sha256"].keys() == {"codes", "weights"}
    assert not list(results.rglob(".work/*"))


def test_the_summary_follows_its_schema(finished):
    schema = json.loads((ROOT / "workflow" / "schemas" / "summary.schema.json").read_text())
    for variant in VARIANTS:
        summary = read_json(finished.folder / "results" / "trp_cage" / variant / "summary.json")
        jsonschema.validate(summary, schema)
        assert summary["kinetics"] is None
        assert set(summary["discovery"]) == {"A", "B"}


def test_only_codes_are_generated(finished):
    rollout = read_npz(finished.folder / "results" / "trp_cage" / "main" / "rollout" / "codes.npz")
    assert rollout["codes"].shape == (4, 16, 20)
    assert rollout["codes"].min() >= 0
    assert rollout["codes"].max() < 64
    assert (rollout["log_likelihood"] < 0).all()
    assert (rollout["entropy"] > 0).all()


def test_a_second_run_has_nothing_to_do(finished):
    assert finished.would_run() == set()


def test_expensive_stages_are_measured_and_a_lost_measurement_runs_nothing(finished, tmp_path):
    measured = finished.folder / "results" / "benchmarks"
    for variant in ("main", "from_b"):
        stages = {path.stem for path in (measured / "trp_cage" / variant).glob("*.tsv")}
        assert stages == {"tokenize", "redraw", "train", "rollout", "decode", "analyze", "novelty", "dynamics"}
    seconds = float(pd.read_csv(measured / "trp_cage" / "main" / "train.tsv", sep="\t")["s"].iloc[0])
    record = read_json(finished.folder / "results" / "trp_cage" / "main" / "model" / "provenance.json")
    assert seconds >= record["wall_time_s"]
    shutil.move(measured, tmp_path)
    assert finished.would_run() == set()
    shutil.move(tmp_path / "benchmarks", measured)


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"rollout": {"temperature": 1.3}}, {"rollout", "redraw", *AFTER_ROLLOUT}),
        ({"decode": {"samples": 2}}, {*AFTER_ROLLOUT}),
        ({"analysis": {"confidence": 0.9}}, {"analyze", "novelty", *SUMMED_UP}),
        (
            {"training": {"learning_rate": 0.01}},
            {"train", "rollout", *AFTER_ROLLOUT},
        ),
        ({"fidelity": {"training_rmsd_nm": 0.5}}, {"fidelity", "analyze", "novelty", *SUMMED_UP}),
    ],
)
def test_a_changed_setting_runs_its_stage_and_later_ones(finished, section, expected):
    (name, values), *_ = section.items()
    with changed(finished, "config/config.yaml", lambda c: c["overrides"].setdefault(name, {}).update(values)):
        assert finished.would_run() == expected


def test_a_new_collective_variable_trains_nothing_again(finished):
    new = {"type": "angle", "a": "resid 1", "b": "resid 10", "c": "resid 20"}
    path = "config/systems/trp_cage.yaml"
    with changed(finished, path, lambda c: c["collective_variables"].update(bend=new)):
        assert finished.would_run() == {"fidelity", "analyze", "novelty", *SUMMED_UP}


def test_what_was_changed_and_put_back_leaves_nothing_to_do(finished):
    assert finished.would_run() == set()


def test_a_changed_style_redraws_and_nothing_else(elsewhere):
    with open(elsewhere.root / "src" / "mdllm" / "figures" / "mdllm.mplstyle", "a") as style:
        style.write("lines.linewidth: 3\n")
    assert elsewhere.would_run() == DRAW
    assert elsewhere.would_run("--snakefile", str(elsewhere.root / "workflow" / "figures.smk")) == DRAW


def test_figures_are_redrawn_from_the_tables_alone(finished, tmp_path):
    """On another computer: tables and config, but no trajectory, no model, no codes."""
    laptop = tmp_path / "laptop"
    shutil.copytree(finished.folder / "config", laptop / "config")
    source = finished.folder / "results" / "trp_cage"
    before = {}
    variants = (*VARIANTS, "base")
    for variant in variants:
        trained = ("training_log.csv",) if variant != "base" else ()
        for path in ("analysis", "novelty", "dynamics", "summary.json", "tokens/fidelity.csv", *trained):
            target = laptop / "results" / "trp_cage" / variant / path
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (source / variant / path).is_dir() else shutil.copy)(source / variant / path, target)
        for file in (source / variant / "figures").glob("*.[pc][dns]*"):
            before[variant, file.name] = sha256(file)
    project = type(finished)(laptop, tmp_path / "no_cache", {}, root=finished.root)
    project.write("config/config.yaml", finished.read("config/config.yaml"))
    assert project.would_run(*FIGURES_ALONE) == DRAW
    drawn = laptop / "results" / "trp_cage"
    project.forks = False
    project.run(*FIGURES_ALONE, "results/trp_cage/base/figures/plane.png")
    project.forks = True
    drawn_of = ("base/figures/dynamics.png", "main/figures/loss.png")
    project.run(*FIGURES_ALONE, *(f"results/trp_cage/{path}" for path in drawn_of))
    after = {(v, f.name): sha256(f) for v in variants for f in (drawn / v / "figures").glob("*.[pc][dns]*")}
    assert after == {key: before[key] for key in after}
    assert {name for _, name in after} == {name for _, name in before}
    assert not (drawn / "frames").exists()


def test_the_page_has_every_variant_and_the_index_leads_to_it(finished):
    results = finished.folder / "results"
    page = (results / "trp_cage" / "report.html").read_text()
    for variant in VARIANTS:
        for section in ("explorer", "novelty", "discovery", "quality", "training", "methods", "downloads"):
            assert f'<section id="{variant}-{section}"' in page
        assert f'href="trp_cage/report.html#{variant}"' in (results / "index.html").read_text()
    assert len(page.encode()) < 15_000_000


def test_the_report_is_one_offline_page_with_captions(finished):
    finished.run("--report", "report.html")
    page = (finished.folder / "report.html").read_text()
    for text in ("trp_cage", "from_b", "discovery", "state"):
        assert text in page
