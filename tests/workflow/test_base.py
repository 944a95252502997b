"""The rule base, from the command line."""

import json

import pytest

from mdllm.bases.base import load_base
from project import SMALL, Project

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
