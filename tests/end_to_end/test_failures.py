"""What a user sees when a run cannot go on: the stage's message, no traceback, and everything before it kept."""

from project import SMALL, Project


def test_a_fidelity_limit_stops_the_run_before_any_training(tmp_path, cache):
    project = Project(tmp_path / "p", cache, {**SMALL, "fidelity": {"training_rmsd_nm": 0.001}})
    out = project.run("results/trp_cage/main/summary.json", ok=False)
    assert "fidelity: fidelity.training_rmsd_nm is 0.001, the codes reach 0.0" in out
    assert "Raise tokenizer.codebook_size" in out
    assert "Traceback" not in out
    results = project.folder / "results" / "trp_cage"
    assert (results / "main" / "tokens" / "codes.npz").exists()
    assert not (results / "main" / "model").exists()
    assert not (results / "main" / "tokens" / "fidelity.json").exists()


def test_fewer_frames_than_a_window_are_counted(tmp_path, cache):
    project = Project(tmp_path / "p", cache, {**SMALL, "language": {"context_frames": 20}})
    system = project.read("config/systems/trp_cage.yaml")
    system["training_set"]["frames"] = [[442, 500]]
    project.write("config/systems/trp_cage.yaml", system)
    out = project.run("results/trp_cage/main/model", ok=False)
    assert "train: of 59 training frames in 1 contiguous stretches" in out
    assert "lower language.context_frames" in out
    assert "Traceback" not in out
