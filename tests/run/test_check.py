"""What `mdllm check` says before a run, against what the demo has taken."""

import json

import pytest

from mdllm.cli import main
from mdllm.config.plan import Plan
from mdllm.cost import Size, costs, size_of
from project import ROOT, Project

SIZE = Size(frames=4999, residues=20, raw_bytes=20_000_000)


@pytest.fixture
def project(tmp_path, cache, trp_cage_files, monkeypatch):
    made = Project(tmp_path, cache, {})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MDLLM_CACHE", str(cache))
    return made


def system(project):
    return Plan(project.read("config/config.yaml"), project.folder / "config").systems["trp_cage"]


def test_sizes_are_those_of_the_files(project):
    size = size_of(system(project), project.folder)
    assert (size.frames, size.residues) == (4999, 20)


def test_times_are_of_the_order_of_those_measured(project):
    record = json.loads((ROOT / "benchmarks" / "records" / "workflow.json").read_text())["results"]["stages"]
    found = {(cost.variant, cost.stage): cost for cost in costs(system(project), SIZE)}
    for stage in ("tokenize", "fidelity", "train", "rollout", "decode", "analyze"):
        measured = record[stage][0]
        assert found["main", stage].seconds == pytest.approx(measured["wall_time_s"] + 4, rel=0.6), stage
        assert found["main", stage].memory_mb == pytest.approx(measured["peak_memory_mb"], rel=0.35), stage


def test_a_base_redraws_in_the_time_that_was_measured_and_is_not_trained(project):
    """Trp-cage, proposals of the base and of both nulls (benchmarks/proposals.py)."""
    record = json.loads((ROOT / "benchmarks" / "records" / "proposals.json").read_text())["results"]
    content = project.read("config/systems/trp_cage.yaml")
    content["variants"]["base"]["model"]["spans"] = {"drawings": record["settings"]["drawings"]}
    sources = record["cases"]["Trp-cage, A to B"]["sources"]
    content["variants"]["base"]["rollout"] = {"replicas": sources["base"]["proposals"] // 8, "frames": 8}
    project.write("config/systems/trp_cage.yaml", content)
    found = {(cost.variant, cost.stage): cost for cost in costs(system(project), SIZE)}
    measured = sum(source["processor_s"] for source in sources.values())
    assert found["base", "redraw"].seconds == pytest.approx(measured + 4, rel=0.2)
    assert found["main", "redraw"].seconds < 0.2 * found["base", "redraw"].seconds
    assert ("base", "train") not in found
    assert ("base", "rollout") not in found
    assert {stage for variant, stage in found if variant == "base"} >= {"decode", "analyze", "novelty", "dynamics"}


def test_md_that_tests_proposals_is_named_where_it_is_not_counted(project, capsys):
    content = project.read("config/systems/trp_cage.yaml")
    content["stages"] = {"verification": {"proposals": 5}}
    project.write("config/systems/trp_cage.yaml", content)
    with pytest.raises(SystemExit):
        main(["check", "trp_cage"])
    out = capsys.readouterr().out
    assert "note: base: MD that tests 5 new clusters of the model, and as many of each null, 2 × 20 ps each" in out
    assert "models of other kinds" not in out
    assert "on a cluster" not in out


def test_a_larger_protein_takes_longer(project):
    small, large = (costs(system(project), Size(500, residues, 0)) for residues in (20, 200))
    for one, other in zip(small, large, strict=True):
        assert one.stage == other.stage
        assert other.seconds >= one.seconds
    train = [cost.seconds for cost in (*small, *large) if (cost.variant, cost.stage) == ("main", "train")]
    assert train[1] > 50 * (train[0] - 4)  # the output layer grows with the residues, and so do the tokens


def test_what_is_missing_ends_with_status_1(project, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["check", "trp_cage"])
    out = capsys.readouterr().out
    assert ended.value.code == 0
    assert out.splitlines()[0] == "nothing is missing"
    assert "4999 frames of 20 residues" in out
    assert "on 2 cores" in out
    content = project.read("config/systems/trp_cage.yaml")
    content["source"] = {"type": "files", "topology": "none.pdb", "trajectories": ["none.xtc"]}
    project.write("config/systems/mine.yaml", content)
    with pytest.raises(SystemExit) as ended:
        main(["check", "mine"])
    assert ended.value.code == 1
    assert "missing: raw files of mine: config/systems/mine.yaml: source.topology: none.pdb" in capsys.readouterr().out
