"""What `mdllm status` reads from the files of a run."""

import re

import pytest
from tqdm import tqdm

from mdllm.cli import main
from mdllm.config.systems import VARIANT_STAGES
from mdllm.core.errors import InputError
from mdllm.core.records import write_json
from mdllm.run import progress
from mdllm.run.stage import stage
from mdllm.status import _RECORDED_AS
from project import ROOT, SMALL, Project
from run.test_progress import wait_for


@pytest.fixture
def project(tmp_path, cache, monkeypatch):
    """The demo system in a folder in which nothing has run."""
    made = Project(tmp_path, cache, SMALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(progress, "_EVERY_S", 0.02)
    return made


def status(capsys) -> list[str]:
    with pytest.raises(SystemExit) as ended:
        main(["status"])
    assert ended.value.code == 0
    return capsys.readouterr().out.splitlines()


def places(project, stage_name: str, folder: str) -> dict:
    variant = "" if folder in ("raw", "frames") else "/main"
    record = project.folder / f"results/trp_cage{variant}/{folder}/provenance.json"
    record.parent.mkdir(parents=True, exist_ok=True)
    log = project.folder / f"logs/trp_cage{variant}/{stage_name}.log"
    return {"output": record, "log": log, "settings": {}, "inputs": {}}


def line_of(variant: str, lines: list[str]) -> str:
    return next(line for line in lines if line.split()[:2] == ["trp_cage", variant])


def count(variant: str, lines: list[str]) -> tuple[int, int]:
    """Stages that are done, and all of them."""
    done, needed = line_of(variant, lines).split()[2].split("/")
    return int(done), int(needed)


def test_before_anything_all_waits(project, capsys):
    lines = status(capsys)
    done, needed = count("main", lines)
    assert done == 0
    assert needed >= 12
    assert "0 %" in line_of("from_b", lines)


def test_every_stage_of_a_variant_is_recorded_under_its_name():
    scripts = "\n".join(path.read_text() for path in (ROOT / "workflow" / "scripts").glob("*.py"))
    for name in VARIANT_STAGES:
        recorded = _RECORDED_AS.get(name, name)
        # trained in the library; discretized by the script of tokenize, told by its folder
        assert re.search(rf'stage\(\s*"{recorded}"', scripts) or name in ("train", "discretize"), name


def test_done_running_failed_and_stopped(project, capsys):
    for name, folder in (("acquire", "raw"), ("prepare", "frames"), ("tokenize", "tokens")):
        with stage(name, **places(project, name, folder)):
            pass
    with stage("train", **places(project, "train", "model")), tqdm(total=30, desc="train", unit="step") as bar:
        bar.update(12)
        file = project.folder / "logs/trp_cage/main/train.running.json"
        wait_for(lambda: progress.Progress.read(file).done == 12)
        lines = status(capsys)
        running = file.read_text()
    needed = count("main", lines)[1]
    assert count("main", lines)[0] == 3
    assert "train" in line_of("main", lines)
    assert count("from_b", lines)[0] == 2
    remark = next(line for line in lines if line.startswith("trp_cage/main train:"))
    assert "12 of 30 steps (40 %)" in remark
    assert " left " in remark

    assert count("main", status(capsys)) == (4, needed)
    with pytest.raises(SystemExit), stage("rollout", **places(project, "rollout", "rollout")):
        raise InputError("no window is long enough")
    assert "trp_cage/main rollout failed: no window is long enough" in status(capsys)

    (project.folder / "results/trp_cage/main/model/provenance.json").unlink()
    file.write_text(running.replace('"process": ', '"process": 99999'))
    assert any(line.startswith("trp_cage/main train:") and "it was killed" in line for line in status(capsys))


def test_a_stage_on_another_computer_is_known_by_its_age(project, capsys):
    file = project.folder / "logs/trp_cage/main/train.running.json"
    file.parent.mkdir(parents=True)
    about = {"stage": "train", "started": "2026-01-01T00:00:00+00:00", "host": "node7", "process": 1, "job": "815"}
    write_json(file, {**about, "updated": progress._now()})
    assert any("(job 815 on node7)" in line and "killed" not in line for line in status(capsys))
    write_json(file, {**about, "updated": "2026-01-01T01:00:00+00:00"})
    assert any("it was killed (job 815 on node7)" in line for line in status(capsys))
