"""The rule collect, from the command line."""

import json

import pandas as pd
import pytest
import yaml

from mdllm.collections.reader import Collection
from project import SMALL, Project

SOURCE = {"type": "files", "folder": "data", "members": "*.pdb", "protein": r"^(?P<protein>\w+)\.pdb$"}


@pytest.fixture
def project(tmp_path, structures) -> Project:
    """A project with two collections, one of which leaves out the other."""
    project = Project(tmp_path / "p", tmp_path / "cache", SMALL)
    (project.folder / "data").mkdir()
    for name in ("1l2y", "1s2h", "3dmv"):
        (project.folder / "data" / f"{name}.pdb").write_bytes((structures / f"{name}.pdb").read_bytes())
    (project.folder / "config" / "collections").mkdir()
    held = {"description": "held out", "validation_share": 0, "leave_out": {"systems": False}}
    project.write("config/collections/held.yaml", {**held, "sources": [{**SOURCE, "members": "3*.pdb"}]})
    training = {"description": "training", "leave_out": {"collections": ["held"]}, "validation_share": 0.5}
    project.write("config/collections/training.yaml", {**training, "sources": [SOURCE]})
    return project


def test_collections_are_made_one_after_the_other(project):
    project.forks = False  # its memory is looked at
    project.run("collect_training")
    found = Collection(project.folder / "results" / "collections" / "training")
    assert set(found.names("left_out")) == {"1l2y", "3dmv"}
    left_out = pd.read_csv(found.folder / "left_out.csv").set_index("protein")
    assert left_out["nearest"].to_dict() == {"1l2y": "system trp_cage", "3dmv": "held: 3dmv"}
    assert left_out["identity"].to_dict() == {"1l2y": 1.0, "3dmv": 1.0}
    record = json.loads((found.folder / "provenance.json").read_text())
    assert record["proteins"] == 3
    assert sorted(record["inputs_sha256"]) == ["data/1l2y.pdb", "data/1s2h.pdb", "data/3dmv.pdb", "held"]
    assert record["peak_memory_mb"] < 500
    assert project.would_run("collect_training") == set()
    with open(project.folder / "data" / "1s2h.pdb", "a") as file:
        file.write("END\n")
    assert project.would_run("collect_training") == {"collect", "collect_training"}


def test_mistakes_are_found_by_a_dry_run(project):
    content = yaml.safe_load((project.folder / "config/collections/training.yaml").read_text())
    content["sources"][0]["members"] = "*.ent"
    project.write("config/collections/training.yaml", content)
    out = project.run("--dry-run", "collect_training", ok=False)
    assert "config/collections/training.yaml: sources.0: nothing in data matches *.ent" in out
    assert "collect_held" in project.run("--dry-run", "collect_held")
    project.would_run()  # systems do not depend on collections


def test_the_target_of_a_collection_that_is_not_there(project):
    out = project.run("--dry-run", "results/collections/trainig/proteins.parquet", ok=False)
    assert "config/collections/trainig.yaml does not exist; did you mean 'training'?" in out


def test_without_a_network_the_log_says_which_file_to_put_where(project):
    source = {"type": "url", "url": "http://127.0.0.1:9/set.zip", "members": "*.pdb", "protein": "(?P<protein>.*)"}
    project.write("config/collections/far.yaml", {"description": "x", "sources": [source]})
    out = project.run("collect_far", ok=False)
    assert "set.zip could not be fetched" in out
    assert f"put it at {project.cache}/downloads/127.0.0.1_9/set.zip" in out
    assert "Traceback" not in out
