"""Simulations of proposals as jobs of a cluster: spread over nodes, one of which is lost."""

import shutil
import time

import pytest

from mdllm.core.records import sha256
from project import SMALL, Project
from slurm.slurm_project import SlurmProject

pytestmark = [pytest.mark.slurm, pytest.mark.slow]
PARTS, PATIENCE_S = 3, 400
PROPOSALS = "results/trp_cage/base/proposals/proposals.csv"
TARGET = "results/trp_cage/base/verification/verdict.json"
OVERRIDES = {
    **SMALL,
    "verification": {
        "proposals": 2,
        "replicas": 1,
        "length_ps": 4.0,
        "nvt_ps": 0.2,
        "save_interval_ps": 0.1,
        "checkpoint_interval_ps": 0.2,
        "minimize_steps": 100,
    },
}


@pytest.fixture(scope="module")
def proposed(tmp_path_factory, cache):
    """Folder of a project whose proposals are made, and what a run on this host without SLURM makes of them."""
    project = Project(tmp_path_factory.mktemp("proposed") / "p", cache, OVERRIDES)
    project.run(PROPOSALS)
    alone = tmp_path_factory.mktemp("alone") / "p"
    shutil.copytree(project.folder, alone)
    alone = Project(alone, cache, OVERRIDES)
    alone.run(TARGET)
    return project.folder, checksums(alone)


def checksums(project: Project) -> dict[str, str]:
    folder = project.folder / "results" / "trp_cage" / "base" / "verification"
    return {path.name: sha256(path) for path in (*(folder / "trajectories").iterdir(), *folder.glob("*.csv"))}


def test_a_lost_node_loses_nothing(proposed, tmp_path, cache, cluster):
    made, expected = proposed
    shutil.copytree(made, tmp_path / "p")
    project = SlurmProject(tmp_path / "p", cache, OVERRIDES, cluster)
    project.profile["set-scatter"] = {"verify": PARTS}
    project.save_profile()
    head = project.start(TARGET)
    work = project.folder / "results" / "trp_cage" / "base" / ".work"

    def running() -> list[dict[str, str]]:
        return [job for job in project.jobs() if "verify_part" in job["rule"] and job["state"] == "RUNNING"]

    def wait_for(ready) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not ready():
            assert head.poll() is None, project.printed()[-4000:]
            assert time.monotonic() < deadline, project.printed()[-4000:]
            time.sleep(0.1)

    wait_for(lambda: len({job["node"] for job in running()}) == 2 and list(work.glob("verify-*/*/work/checkpoint.npz")))
    lost = running()[0]
    assert lost["gpus"] == "gres:gpu:a100:1"
    project.cluster.kill_node(lost["node"])
    wait_for(lambda: project.job(lost["id"])["node"] != lost["node"] or project.job(lost["id"])["state"] != "RUNNING")
    project.cluster.start_node(lost["node"])
    head.wait(PATIENCE_S)
    assert head.returncode == 0, project.printed()[-4000:]
    assert checksums(project) == expected
    completed = [job["rule"] for job in project.jobs() if job["state"] == "COMPLETED"]
    assert sum("verify_part" in rule for rule in completed) == PARTS
    assert not list(work.glob("verify*"))
