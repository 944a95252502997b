"""The rule base, from the command line."""

import json

import pandas as pd
import pytest

from mdcath import NTL9, first_model, read_positions, write_mdcath
from mdllm.bases.base import load_base
from mdllm.bases.settings import BaseSettings
from mdllm.bases.train import train_base
from mdllm.collections.reader import Collection
from mdllm.config.reading import read_yaml
from project import ROOT, SMALL, Project

COLLECTION = {
    "description": "two proteins",
    "sources": [{"type": "files", "folder": "data", "members": "*.pdb", "protein": r"^(?P<protein>\w+)\.pdb$"}],
    "leave_out": {"systems": False},
    "validation_share": 0.5,
}
BASE = {
    "description": "x",
    "collection": "two",
    "codebook_size": 64,
    "network": {"width": 16, "blocks": 1},
    "training": {"steps": 4, "batch_size": 2, "window": 40, "evaluate_every": 2, "validation_windows": 4},
}


@pytest.fixture
def project(tmp_path, structures) -> Project:
    """A project with a collection and a base on it."""
    project = Project(tmp_path / "p", tmp_path / "cache", SMALL)
    (project.folder / "data").mkdir()
    for name in ("1s2h", "3dmv"):
        (project.folder / "data" / f"{name}.pdb").write_bytes((structures / f"{name}.pdb").read_bytes())
    for folder in ("collections", "bases"):
        (project.folder / "config" / folder).mkdir()
    project.write("config/collections/two.yaml", COLLECTION)
    project.write("config/bases/tiny.yaml", BASE)
    return project


@pytest.mark.slow
def test_a_base_is_made_with_its_collection_and_is_up_to_date_afterwards(project):
    project.run("base_tiny")
    folder = project.folder / "results" / "bases" / "tiny"
    base = load_base(folder)
    assert base.record["steps"] == 4
    assert base.record["settings"]["network"] == {"width": 16, "blocks": 1, "dropout": 0.15}
    record = json.loads((folder / "provenance.json").read_text())
    assert sorted(record["inputs_sha256"]) == ["proteins", "segments"]
    assert project.would_run("base_tiny") == set()
    project.write("config/bases/tiny.yaml", {**BASE, "seed": 1})
    assert project.would_run("base_tiny") == {"base", "base_tiny"}


def test_mistakes_are_found_by_a_dry_run(project):
    for change, message in (
        ({"collection": "twoo"}, "config/bases/tiny.yaml: collection: there is no twoo, but two"),
        ({"codebook_size": 100}, "no codebook of 100 steps comes with mdllm"),
        ({"trainin": {}}, "config/bases/tiny.yaml"),
    ):
        project.write("config/bases/tiny.yaml", {**BASE, **change})
        assert message in project.run("--dry-run", "base_tiny", ok=False)


def test_a_collection_whose_proteins_a_system_shares_its_updates_with_has_to_be_made(project):
    """The tables of one that is made are inputs of the rule that redraws."""
    system = project.read("config/systems/trp_cage.yaml")
    system["variants"]["base"]["model"] = {"name": "base", "tuning": {"mixed": {"collection": "two"}}}
    project.write("config/systems/trp_cage.yaml", system)
    out = project.run("--dry-run", ok=False)
    assert "results/collections/two/proteins.parquet is not there" in out
    assert "snakemake collect_two" in out
    project.run("collect_two")
    out = project.run("--dry-run", "results/trp_cage/base/redrawn/structures.npz")
    (redraw,) = (part for part in out.split("\n\n") if "rule redraw:" in part)
    assert "results/collections/two/segments.parquet" in redraw
    system["variants"]["base"]["model"]["tuning"]["mixed"]["collection"] = "three"
    project.write("config/systems/trp_cage.yaml", system)
    assert "there is no collection three in config/collections, but two" in project.run("--dry-run", ok=False)


@pytest.fixture
def of_mdcath(tmp_path, shared, structures) -> Project:
    """config/bases/large.yaml and its collection, of two domains in files of mdCATH's layout, made small."""
    project = Project(tmp_path / "p", tmp_path / "cache", SMALL)
    folder = shared / "trajectories" / "ntl9"
    frames = read_positions(folder / f"{NTL9}.pdb", folder / f"{NTL9}_320_0.xtc")
    runs = {(320, 0): frames[:40], (348, 1): frames[400:430], (413, 0): frames[:5]}
    for domain, pdb, own in (
        (NTL9, folder / f"{NTL9}.pdb", runs),
        ("1l2yA00", first_model(structures / "1l2y.pdb", tmp_path / "cage.pdb"), {(320, 0): None, (348, 0): None}),
    ):
        own = {run: read_positions(structures / "1l2y.pdb") if found is None else found for run, found in own.items()}
        write_mdcath(project.folder / "h5" / f"mdcath_dataset_{domain}.h5", domain, pdb, own)
    collection, base = (read_yaml(ROOT / "config" / path) for path in ("collections/mdcath.yaml", "bases/large.yaml"))
    collection["sources"][0] |= {"domains": [NTL9, "1l2yA00"], "folder": "h5"}
    collection |= {"leave_out": {"systems": False}, "validation_share": 0.5}
    base["frames"], base["network"] = 20, {"width": 32, "blocks": 1, "dropout": 0.0}
    base["training"] |= {"steps": 30, "batch_size": 8, "window": 40, "evaluate_every": 10, "validation_windows": 9}
    base["training"] |= {"warmup_steps": 3, "augmentation": 0.0}
    for folder in ("collections", "bases"):
        (project.folder / "config" / folder).mkdir()
    project.write("config/collections/mdcath.yaml", collection)
    project.write("config/bases/large.yaml", base)
    return project


@pytest.mark.slow
def test_several_processes_make_a_base_from_mdcath_as_one_does(of_mdcath, tmp_path):
    """They share the windows of each update and of each validation; the collection keeps temperatures apart."""
    project, folder = of_mdcath, of_mdcath.folder / "results" / "bases" / "large"
    paths = tmp_path / "work", tmp_path / "alone"
    project.run("--set-resources", "base:gpu=2", "--set-threads", "base=2", "--", "base_large")
    shared, log = load_base(folder).record, pd.read_csv(folder / "training_log.csv")
    provenance = json.loads((folder / "provenance.json").read_text())
    assert (shared["processes"], provenance["processes"], shared["steps"]) == (2, 2, 30)
    assert (project.folder / "logs/bases/large/base.log").read_text().count("validation loss") == 1
    segments = pd.read_parquet(project.folder / "results/collections/mdcath/segments.parquet").set_index("segment")
    assert segments["temperature_k"].to_dict() == {
        f"{NTL9}/0": 320.0,
        f"{NTL9}/1": 348.0,
        "1l2yA00/0": 320.0,
        "1l2yA00/1": 348.0,
    }
    settings = BaseSettings.model_validate(project.read("config/bases/large.yaml"))
    alone = train_base(settings, Collection(project.folder / "results/collections/mdcath"), *paths, threads=1)
    log_alone = pd.read_csv(paths[1] / "training_log.csv")
    assert alone["processes"] == 1
    assert shared["validation_codes"] == alone["validation_codes"]
    # Every validation, before and after training has told them apart: a process's own rows weigh a little more or less.
    assert log["validation_loss"].dropna().tolist() == pytest.approx(
        log_alone["validation_loss"].dropna().tolist(), rel=0.01
    )
    assert shared["validation_loss"] < shared["baseline_residue_types"]
