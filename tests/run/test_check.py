"""What `mdllm check` says before a run, against what the demo has taken."""

import json
import shutil

import pytest

from mdllm.bases.base import SHIPPED
from mdllm.check import check_target
from mdllm.cli import main
from mdllm.config.plan import Plan
from mdllm.core.records import read_json
from mdllm.cost import Size, costs, size_of
from mdllm.sources.mdcath import domain_path
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


@pytest.mark.parametrize("protein", ["Trp-cage, A to B", "T4 lysozyme, native to excited"])
def test_tuning_a_base_takes_time(project, protein):
    """As long as it was measured (benchmarks/redraw.py); of each code that is drawn, two networks are asked then."""
    record = json.loads((ROOT / "benchmarks" / "records" / "redraw.json").read_text())["results"]["cases"][protein]
    content = project.read("config/systems/trp_cage.yaml")
    found = []
    for tuning in (None, {"steps": 1}, {"steps": 1001}):
        content["variants"]["base"]["model"]["tuning"] = tuning
        project.write("config/systems/trp_cage.yaml", content)
        size = Size(frames=500, residues=record["residues"], raw_bytes=0)
        found += [cost for cost in costs(system(project), size) if (cost.variant, cost.stage) == ("base", "redraw")]
    alone, asked, tuned = found
    assert tuned.seconds - asked.seconds == pytest.approx(1000 * record["processor_s_per_update"], rel=0.25)
    rollout, of_each = content["variants"]["base"]["rollout"], record["processor_s_per_structure"]
    more = asked.seconds - alone.seconds - record["processor_s_per_update"]
    made = rollout["replicas"] * rollout["frames"]
    assert more / made == pytest.approx(of_each["product"] - of_each["copy"], rel=0.6)
    assert tuned.memory_mb > alone.memory_mb


def test_a_base_and_its_collection_are_told_before_either_is_there(project, tmp_path, capsys):
    for folder in ("bases", "collections"):
        shutil.copytree(ROOT / "config" / folder, project.folder / "config" / folder)
    with pytest.raises(SystemExit) as ended:
        main(["check", "base_large", "base_medium"])
    assert ended.value.code == 0
    large, medium = capsys.readouterr().out.strip().split("\n\n")
    assert large.splitlines()[0].startswith("base_large: 14,703,696 parameters; 40,000 updates of 1,024 windows")
    assert large.splitlines()[-1].startswith(
        "collect_mdcath: not made yet; to be fetched: 491 of 491 domains of mdCATH"
    )
    # medium is what was measured, by its own record; large takes so many times the rows and the parameters.
    measured = read_json(SHIPPED / "medium" / "base.json")
    assert f"at most {measured['training_seconds'] / 60:.0f} min on one {measured['device']}" in medium
    ratio = 40_000 * 1024 / (4000 * 340) * 14_703_696 / measured["parameters"]
    assert f"at most {ratio * measured['training_seconds'] / 3600:.1f} h on one" in large
    path = domain_path("12asA00", tmp_path / "cache")
    path.parent.mkdir(parents=True)
    path.touch()
    assert "490 of 491 domains" in "".join(check_target("collect_mdcath", project.folder, tmp_path / "cache")[0])


def test_a_collection_of_files_that_are_not_there_is_lacking(project, capsys):
    source = {"type": "files", "folder": "none", "members": "*.pdb", "protein": "(?P<protein>.*)"}
    (project.folder / "config" / "collections").mkdir()
    project.write("config/collections/mine.yaml", {"description": "x", "sources": [source]})
    with pytest.raises(SystemExit) as ended:
        main(["check", "collect_mine"])
    assert ended.value.code == 1
    assert "missing: config/collections/mine.yaml: sources.0: folder none does not exist" in capsys.readouterr().out


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
