"""What a user sees when a run cannot go on: the stage's message, no traceback, and everything before it kept."""

from mdllm.core.records import sha256
from project import FRAMES, TOKENS, copy_of


def test_a_fidelity_limit_stops_the_run_before_any_training(finished, tmp_path):
    project = copy_of(finished, tmp_path / "p", *TOKENS, fidelity={"training_rmsd_nm": 0.001})
    (project.folder / "results/trp_cage/main/tokens/fidelity.json").unlink()
    out = project.run("results/trp_cage/main/model", ok=False)
    assert "fidelity: fidelity.training_rmsd_nm is 0.001, the codes reach 0.0" in out
    assert "Raise tokenizer.codebook_size" in out
    assert "Traceback" not in out
    results = project.folder / "results" / "trp_cage"
    assert (results / "main" / "tokens" / "codes.npz").exists()
    assert not (results / "main" / "model").exists()
    assert not (results / "main" / "tokens" / "fidelity.json").exists()


def test_fewer_frames_than_a_window_are_counted(finished, tmp_path):
    project = copy_of(finished, tmp_path / "p", *FRAMES, language={"context_frames": 20})
    system = project.read("config/systems/trp_cage.yaml")
    system["training_set"]["frames"] = [[442, 500]]
    project.write("config/systems/trp_cage.yaml", system)
    out = project.run("results/trp_cage/main/model", ok=False)
    assert "train: of 59 training frames in 1 contiguous stretches" in out
    assert "lower language.context_frames" in out
    assert "Traceback" not in out


def test_a_disk_that_fills_up_is_told_and_the_same_command_goes_on(finished, small_disk):
    """The training does not fit; with more room it ends with the bytes of one that always had enough."""
    target = "results/trp_cage/main/training_log.csv"
    results = small_disk.folder / "results"
    small_disk.change("size=20m")
    project = copy_of(finished, small_disk.folder, *TOKENS)
    used = sum(file.stat().st_blocks * 512 for file in small_disk.folder.rglob("*"))
    small_disk.change(f"size={used + 1_000_000}")
    out = project.run(target, ok=False)
    assert "train: the disk is full: " in out
    assert str(results) in out
    assert "Make room, and give the same command again" in out
    assert "Traceback" not in out
    assert "defect" not in out
    assert not (project.folder / target).exists()
    small_disk.change("size=20m")
    assert "tokenize" not in project.would_run(target)
    project.run(target)  # as a fork: `test_interruption` trains the same without
    for path in (target, "results/trp_cage/main/model/model.safetensors"):
        assert sha256(project.folder / path) == sha256(finished.folder / path), path
