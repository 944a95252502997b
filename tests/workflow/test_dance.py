"""The rule dance, from the command line."""

import json

import pandas as pd
import pytest

from mdllm.seqdance.model import load
from project import SMALL, Project

COLLECTION = {
    "description": "two proteins",
    "sources": [{"type": "files", "folder": "data", "members": "*.pdb", "protein": r"^(?P<protein>\w+)\.pdb$"}],
    "leave_out": {"systems": False},
    "validation_share": 0.5,
}
DANCE = {
    "description": "x",
    "data": {"type": "collection", "collection": "two"},
    "network": {"name": "seqdance", "layers": 1, "heads": 2, "width": 16, "feed_forward": 16},
    "training": {
        "steps": 4,
        "batch_size": 2,
        "warmup_steps": 1,
        "evaluate_every": 2,
        "crops": [{"from_step": 0, "residues": 40}],
    },
}


@pytest.fixture
def project(tmp_path, structures, cache) -> Project:
    """A project with a collection and a model on it, beside the demo system."""
    project = Project(tmp_path / "p", cache, SMALL)
    (project.folder / "data").mkdir()
    for name in ("1s2h", "3dmv"):
        (project.folder / "data" / f"{name}.pdb").write_bytes((structures / f"{name}.pdb").read_bytes())
    for folder in ("collections", "dances"):
        (project.folder / "config" / folder).mkdir()
    project.write("config/collections/two.yaml", COLLECTION)
    project.write("config/dances/tiny.yaml", DANCE)
    return project


@pytest.mark.slow
def test_a_model_is_made_with_its_collection_and_is_up_to_date_afterwards(project):
    project.run("dance_tiny")
    folder = project.folder / "results" / "dances" / "tiny"
    assert load(folder).record["steps"] == 4
    record = json.loads((folder / "provenance.json").read_text())
    assert sorted(record["inputs_sha256"]) == ["proteins", "segments"]
    assert project.would_run("dance_tiny") == set()
    project.write("config/dances/tiny.yaml", {**DANCE, "seeds": [1]})
    assert project.would_run("dance_tiny") == {"dance", "dance_tiny"}
    project.write("config/dances/tiny.yaml", DANCE)
    project.run("predict_tiny")
    made = project.folder / "results" / "trp_cage" / "dances" / "tiny"
    assert pd.read_csv(made / "proteins.csv")["sequence"].tolist() == ["NLYIQWLKDGGPSSGRPPPS"]
    assert {"gnm", "anm"} <= set(pd.read_csv(made / "agreement.csv")["source"])  # crystals teach no motion
    assert (made / "figures" / "system_maps.png").is_file()
    assert project.would_run("predict_tiny") == set()


def test_mistakes_are_found_by_a_dry_run(project):
    files = {"type": "files", "files": ["x.h5"], "proteins": "data/1s2h.pdb"}
    for change, message in (
        ({"data": {**DANCE["data"], "collection": "twoo"}}, "data.collection: there is no twoo, but two"),
        ({"data": files}, "config/dances/tiny.yaml: data: x.h5 does not exist"),
        ({"trainin": {}}, "config/dances/tiny.yaml"),
    ):
        project.write("config/dances/tiny.yaml", {**DANCE, **change})
        assert message in project.run("--dry-run", "dance_tiny", ok=False)
