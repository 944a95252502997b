"""Everything that a run lacks, in one list, before it starts."""

import subprocess
import sys

import pytest
import yaml

from mdllm.core.config import Plan, read_yaml
from mdllm.preflight import missing
from project import ROOT, SMALL, Project


@pytest.fixture
def system() -> dict:
    return yaml.safe_load((ROOT / "config" / "systems" / "trp_cage.yaml").read_text())


def test_a_run_that_has_everything_may_start(tmp_path, cache, trp_cage_files):
    out = Project(tmp_path / "p", cache, SMALL).run("preflight")
    assert "nothing is missing; the run can start" in out


def test_all_that_is_missing_is_in_one_list(tmp_path, cache, system):
    system["source"] = {"type": "files", "topology": "my.pdb", "trajectories": ["my.xtc"]}
    system["references"] = {"known": {"file": "known.pdb", "state": "B"}}
    grid = {
        "tokenizer": {"name": "foldtoken4", "checkout": "external/code", "weights": "external/ckpt.pth"},
        "model": {"name": "pretrained", "base": "external/base"},
    }
    project = Project(tmp_path / "p", cache, grid, {"x": system})
    project.run("preflight", ok=False)
    listed = (project.folder / "logs" / "preflight.log").read_text().splitlines()
    assert len(listed) == 4
    for line, what in zip(listed, ("my.pdb", "known.pdb", "external/code", "external/base"), strict=True):
        assert what in line
    assert not (project.folder / "results").exists()


def test_paper_lists_every_job_and_needs_nothing_fetched(tmp_path):
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--dry-run", "--cores", "1"]
    (tmp_path / "config").symlink_to(ROOT / "config")
    result = subprocess.run(
        [*command, "--configfile", "config/paper.yaml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-3000:]
    counts = dict(line.split() for line in result.stdout.splitlines() if len(line.split()) == 2)
    for stage in ("simulate", "acquire", "prepare", "tokenize", "finetune", "rollout", "decode", "analyze", "draw"):
        assert counts[stage] == "3"
    assert counts["fetch_structure"] == "5"


def test_only_systems_that_run_are_asked_for(tmp_path, cache, trp_cage_files):
    run = {**read_yaml(ROOT / "config" / "paper.yaml"), "preset": "cpu", "only": "trp_cage"}
    assert missing(Plan(run, ROOT / "config"), cache) == []
