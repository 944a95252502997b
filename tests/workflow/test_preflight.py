"""Everything that a run lacks, in one list, before it starts."""

import subprocess

import pytest
import torch
import yaml

import forked
from mdllm.config.plan import Plan
from mdllm.config.reading import read_yaml
from mdllm.preflight import missing, remarks
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
    assert listed[0].startswith("missing: 4 things")
    lines = ["my.pdb", "known.pdb", "external/code", "external/ckpt.pth", "external/config.yaml", "external/base"]
    for line, what in zip(listed[1:], lines, strict=True):
        assert what in line
    assert not (project.folder / "results").exists()


def test_every_one_of_several_files_is_asked_for(tmp_path, system):
    """Two references, and two tokenizers of variants, one of each there and one not; the latter comes first."""
    tokenizer = {"name": "foldtoken4", "weights": "ckpt.pth"}
    system["references"] = {
        "absent": {"file": str(tmp_path / "absent.pdb"), "state": "A"},
        "present": {"file": str(tmp_path / "present.pdb"), "state": "B"},
    }
    system["variants"] = {name: {"tokenizer": {**tokenizer, "checkout": name}} for name in ("one", "other")}
    (tmp_path / "present.pdb").touch()
    project = Project(tmp_path / "p", tmp_path / "cache", {}, {"x": system})
    found = missing(Plan(project.read("config/config.yaml"), project.folder / "config"), tmp_path / "cache")
    for expected in ("absent.pdb", "one", "other"):
        assert any(expected in line for line in found), expected


def test_a_simulation_asks_for_what_simulates(tmp_path, monkeypatch):
    system = yaml.safe_load((ROOT / "config" / "systems" / "alanine_psi.yaml").read_text())
    project = Project(tmp_path / "p", tmp_path / "cache", {}, {"x": system})
    plan = Plan(project.read("config/config.yaml"), project.folder / "config")
    assert missing(plan, tmp_path / "cache") == []
    monkeypatch.setattr("mdllm.preflight.find_spec", lambda name: None)
    assert any("pip install 'mdllm[simulation]'" in line for line in missing(plan, tmp_path / "cache"))


class Offline(Project):
    """A project whose jobs have no network, as on many compute nodes."""

    forks = False

    def command(self, *arguments: str) -> list[str]:
        return ["unshare", "--net", *super().command(*arguments)]


def test_after_preflight_no_job_needs_a_network(tmp_path, cache, trp_cage_files):
    if subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode:
        pytest.skip("no right to cut a process off the network here")
    Project(tmp_path / "p", cache, SMALL).run("preflight")
    offline = Offline(tmp_path / "p", cache, SMALL)
    offline.run("results/trp_cage/raw/sources.json")
    assert (offline.folder / "results" / "trp_cage" / "raw" / "sources.json").stat().st_size > 0


def test_paper_lists_every_job_and_needs_nothing_fetched(tmp_path):
    command = [forked.python(), "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--dry-run", "--cores", "1"]
    (tmp_path / "config").symlink_to(ROOT / "config")
    result = subprocess.run(
        [*command, "--configfile", "config/paper.yaml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-3000:]
    counts = dict(line.split() for line in result.stdout.splitlines() if len(line.split()) == 2)
    for stage in (
        "simulate",
        "acquire",
        "prepare",
        "tokenize",
        "train",
        "rollout",
        "decode",
        "analyze",
        "draw_structures",
    ):
        assert counts[stage] == "3"
    assert counts["fetch_structure"] == "5"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_gpu_that_is_asked_for_and_absent_is_a_remark(cache):
    run = {**read_yaml(ROOT / "config" / "paper.yaml"), "only": "mad2"}
    (remark,) = remarks(Plan(run, ROOT / "config"))
    assert "model.device is cuda, and there is no GPU here" in remark
    assert remarks(Plan({**run, "preset": "cpu"}, ROOT / "config")) == []


def test_only_systems_that_run_are_asked_for(tmp_path, cache, trp_cage_files):
    run = {**read_yaml(ROOT / "config" / "paper.yaml"), "preset": "cpu", "only": "trp_cage"}
    assert missing(Plan(run, ROOT / "config"), cache) == []
