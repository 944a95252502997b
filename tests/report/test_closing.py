"""The last words of a run."""

from mdllm.core.records import write_json
from mdllm.report.closing import closing_lines

NOTHING = {"discovery": None, "novelty": None, "verification": None, "kinetics": None}
TRAINING = {"training": {"validation_loss": 2.5, "beats_baselines": True}}


def test_one_line_for_each_variant_that_has_just_been_made(tmp_path):
    (tmp_path / "a" / "main").mkdir(parents=True)
    (tmp_path / "a" / "hot").mkdir()
    states = {
        "A": {"training_state": True, "verdict": "trained on"},
        "B": {"training_state": False, "verdict": "no better than its null"},
    }
    write_json(tmp_path / "a" / "main" / "summary.json", {**NOTHING, **TRAINING, "discovery": states})
    write_json(tmp_path / "a" / "hot" / "summary.json", {**NOTHING, **TRAINING, "novelty": {"verdict": "nothing new"}})
    made = (tmp_path / "a" / "hot" / "summary.json").stat().st_mtime
    runs = [("a", "main"), ("a", "hot"), ("b", "main")]
    assert closing_lines(tmp_path, runs, since=0) == [
        f"a/main: state B no better than its null. See {tmp_path}/a/main/summary.json",
        f"a/hot: nothing new. See {tmp_path}/a/hot/summary.json",
    ]
    assert closing_lines(tmp_path, runs, since=made + 1) == []


def test_a_base_is_not_asked_for_a_training_that_it_never_had(tmp_path):
    (tmp_path / "a" / "base").mkdir(parents=True)
    write_json(tmp_path / "a" / "base" / "summary.json", {**NOTHING, "training": None, "novelty": {"verdict": "new"}})
    assert closing_lines(tmp_path, [("a", "base")], since=0) == [f"a/base: new. See {tmp_path}/a/base/summary.json"]


def test_the_page_is_named_where_there_is_one(tmp_path):
    (tmp_path / "a" / "main").mkdir(parents=True)
    write_json(tmp_path / "a" / "main" / "summary.json", {**NOTHING, **TRAINING})
    (tmp_path / "a" / "report.html").write_text("<html>")
    words = f"a/main: validation loss 2.500 nats per code, below its baselines. See {tmp_path}/a/report.html"
    assert closing_lines(tmp_path, [("a", "main")], since=0) == [words]
