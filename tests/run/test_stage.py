"""The frame around a stage: errors, logs, provenance, work folders."""

import pytest

from mdllm.core.errors import InputError
from mdllm.core.records import read_json, sha256
from mdllm.run.code import code_digest, imported_by
from mdllm.run.stage import stage


@pytest.fixture
def places(tmp_path):
    (tmp_path / "in.txt").write_text("input")
    (tmp_path / "out").mkdir()
    return {
        "output": tmp_path / "out" / "provenance.json",
        "log": tmp_path / "logs" / "x.log",
        "settings": {"seed": 3},
        "inputs": {"file": tmp_path / "in.txt"},
    }


def test_provenance_says_from_what_and_with_what(places):
    with stage("x", **places) as running:
        running.note(frames=7, device="cuda:0")
    record = read_json(places["output"])
    assert record["inputs_sha256"] == {"file": sha256(places["inputs"]["file"])}
    assert (record["settings"], record["frames"], record["device"]) == ({"seed": 3}, 7, "cuda:0")
    assert {"python", "numpy", "MDAnalysis"} <= set(record["versions"])
    assert record["peak_memory_mb"] > 10


def test_provenance_says_by_which_code(places):
    with stage("x", **places):
        pass
    record = read_json(places["output"])
    assert record["code_of"] == imported_by(__file__)  # of this file, since it has called the stage
    assert {"mdllm.run.stage", "mdllm.core.records"} <= set(record["code_of"])
    assert record["code"] == code_digest(*record["code_of"])
    assert record["git_clean"] in (True, False, None)


def test_a_stage_may_name_its_code(places):
    with stage("x", **places, code="mdllm.core.records"):
        pass
    record = read_json(places["output"])
    assert (record["code_of"], record["code"]) == (["mdllm.core.records"], code_digest("mdllm.core.records"))


def test_an_input_error_ends_the_stage_with_its_message_and_no_record(places, capsys):
    with pytest.raises(SystemExit) as ended, stage("x", **places):
        raise InputError("frame 7 of a.xtc: NaN")
    assert ended.value.code == 1
    assert "x: frame 7 of a.xtc: NaN" in places["log"].read_text()
    assert "Traceback" not in capsys.readouterr().err
    assert not places["output"].exists()


def test_a_defect_is_not_hidden(places):
    with pytest.raises(ZeroDivisionError), stage("x", **places):
        1 / 0  # noqa: B018
    assert "ZeroDivisionError" in places["log"].read_text()


def test_work_survives_a_failure_belongs_to_its_input_and_goes_on_success(places):
    folders = []

    def fail(**change):
        with stage("x", **{**places, **change}) as running:
            folders.append(running.work_folder())
            folders[-1].mkdir(parents=True)
            raise InputError("stop")

    with pytest.raises(SystemExit):
        fail()
    with pytest.raises(SystemExit):
        fail(settings={"seed": 4})
    assert folders[0] != folders[1]
    assert folders[0].is_dir()
    (places["inputs"]["file"]).write_text("another input")
    with pytest.raises(SystemExit):
        fail()
    assert folders[2] not in folders[:2]
    (places["inputs"]["file"]).write_text("input")
    with pytest.raises(SystemExit):
        fail(code="mdllm.core.records")
    assert len(set(folders)) == 4
    with stage("x", **places) as running:
        assert running.work_folder() == folders[0]
    assert not folders[0].exists()
