"""A rollout spread over several jobs gives the bytes of one job."""

import shutil

from mdllm.core.records import sha256
from project import TOKENS, copy_of

ROLLOUT = "results/trp_cage/main/rollout/codes.npz"


def test_one_job_and_three_make_the_same_bytes(finished, tmp_path):
    project = copy_of(finished, tmp_path / "p", *TOKENS, "main/model", rollout={"frames": 6, "batch": 1})
    log = "results/trp_cage/main/training_log.csv"
    shutil.copy2(finished.folder / log, project.folder / log)
    project.forks = False
    project.run(ROLLOUT)
    project.forks = True
    alone = sha256(project.folder / ROLLOUT)
    (project.folder / ROLLOUT).unlink()
    project.run("--set-scatter", "rollout=3", "--", ROLLOUT)
    assert sha256(project.folder / ROLLOUT) == alone
