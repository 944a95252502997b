"""A study from the command line: shared stages once, a table, a figure per measure."""

import pandas as pd
import pytest

from project import Project, small_kinetics

pytestmark = pytest.mark.slow
STUDY = {
    "description": "frames held out from a Markov model",
    "system": "four_state",
    "base": "markov",
    "axes": {"training.validation_share": [0.1, 0.2]},
    "measures": ["validation_loss"],
}
RUNS = [f"validation_share_{share}_seed_0" for share in ("0p1", "0p2", "0p3")]


@pytest.fixture(scope="module")
def project(tmp_path_factory, cache):
    """A study of a system that no run has selected."""
    system = small_kinetics("four_state", walkers=40, frames=120, grid=0.5)
    project = Project(tmp_path_factory.mktemp("study"), cache, {}, {"four_state": system, "other": system})
    (project.folder / "config" / "studies").mkdir()
    project.write("config/config.yaml", {"systems": ["other"]})
    project.write("config/studies/held_out.yaml", STUDY)
    project.run("study_held_out")
    return project


def test_a_study_is_its_runs_a_table_and_a_figure_per_measure(project):
    results = project.folder / "results"
    runs = pd.read_csv(results / "study_held_out" / "runs.csv")
    assert runs["run"].unique().tolist() == RUNS[:2]
    means = pd.read_csv(results / "study_held_out" / "study.csv")
    assert set(means["source"]) == {"model", "frequencies", "persistence"}
    assert means["training.validation_share"].unique().tolist() == [0.1, 0.2]
    drawn = (results / "study_held_out" / "measures").glob("validation_loss.*")
    assert {path.suffix for path in drawn} == {".png", ".pdf", ".csv"}
    assert (results / "four_state" / "frames" / "frames.parquet").is_file()
    assert not (results / "study_held_out" / "frames").exists()
    assert (results / "study_held_out" / RUNS[0] / "tokens").exists()
    assert not (results / "study_held_out" / RUNS[1] / "tokens").exists()


def test_nothing_is_left_to_do_and_another_value_runs_alone(project):
    assert "Nothing to be done" in project.run("study_held_out")
    project.write("config/studies/held_out.yaml", {**STUDY, "axes": {"training.validation_share": [0.1, 0.2, 0.3]}})
    assert project.would_run("study_held_out") == {"train", "study", "draw_study", "study_held_out"}
    listed = project.run("--dry-run", "study_held_out")
    assert f"output: results/study_held_out/{RUNS[2]}/model" in listed
    assert f"output: results/study_held_out/{RUNS[0]}/model" not in listed
    project.write("config/studies/held_out.yaml", STUDY)


def test_mistakes_stop_before_any_job(project):
    for change, message in (
        ({"axes": {"model.lags": [1, 2]}}, "model.lags: unknown key"),
        ({"axes": {"prepare.stride": [1, 2]}}, "share the prepared frames"),
        ({"measures": ["nothing"]}, "measures names 'nothing'"),
    ):
        project.write("config/studies/held_out.yaml", {**STUDY, **change})
        out = project.run("--dry-run", "study_held_out", ok=False)
        assert message in out
        assert "defect" not in out
    project.write("config/studies/held_out.yaml", STUDY)
