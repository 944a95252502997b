"""A rollout spread over several jobs gives the bytes of one job."""

from mdllm.core.records import sha256
from project import SMALL, Project

ROLLOUT = "results/trp_cage/main/rollout/codes.npz"


def test_one_two_and_four_jobs_make_the_same_bytes(tmp_path, cache, trp_cage_files):
    rollout = {"frames": 6, "replicas": 4, "batch": 1, "checkpoint_every": 4}
    project = Project(tmp_path / "p", cache, {**SMALL, "rollout": rollout})
    project.run(ROLLOUT)
    alone = sha256(project.folder / ROLLOUT)
    for parts in ("2", "4"):
        (project.folder / ROLLOUT).unlink()
        project.run("--set-scatter", f"rollout={parts}", "--", ROLLOUT)
        assert sha256(project.folder / ROLLOUT) == alone
