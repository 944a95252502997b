"""kill -9 at any moment, then the same command: the same bytes as an undisturbed run."""

from mdllm.config.plan import Plan
from mdllm.config.systems import System
from mdllm.core.records import sha256
from mdllm.status import stages_of
from project import FRAMES, Project, copy_of, kill_when

TARGET = "results/trp_cage/main/rollout/codes.npz"
FINAL = [
    "results/trp_cage/main/tokens/codes.npz",
    "results/trp_cage/main/tokens/tokenizer/tokenizer.safetensors",
    "results/trp_cage/main/model/model.safetensors",
    "results/trp_cage/main/training_log.csv",
    TARGET,
]


def plan_of(project: Project) -> System:
    return Plan(project.read("config/config.yaml"), project.folder / "config").systems["trp_cage"]


def test_killed_in_three_stages_and_still_the_same(finished, tmp_path):
    project = copy_of(finished, tmp_path / "killed", *FRAMES)
    results = project.folder / "results" / "trp_cage" / "main"
    log = project.folder / "logs" / "trp_cage" / "main"

    kill_when(
        project, TARGET, lambda: (log / "tokenize.log").exists() and "fitting" in (log / "tokenize.log").read_text()
    )
    assert not (results / "tokens" / "codes.npz").exists()

    project.forks = False
    kill_when(project, TARGET, lambda: any(results.glob(".work/train-*/checkpoint-*/complete")))
    assert not (results / "model" / "provenance.json").exists()
    states = {(stage.variant, stage.name): stage.state for stage in stages_of(plan_of(project), project.folder)}
    assert states["", "prepare"] == states["main", "tokenize"] == "done"
    assert states["main", "train"] == "stopped"
    assert states["main", "rollout"] == "waiting"

    project.forks = True
    kill_when(project, TARGET, lambda: any(results.glob(".work/rollout-*/batch-*/frames-*.npz")))
    assert not (results / "rollout" / "codes.npz").exists()

    project.run(TARGET)
    for path in FINAL:
        assert sha256(project.folder / path) == sha256(finished.folder / path), path
