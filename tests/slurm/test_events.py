"""What clusters do to a run, and that the same files come out: scancel, time limit, node loss, preemption, lost head.

Each test disturbs a training job after its first checkpoint, follows docs/cluster.md, and compares with a run that
nothing disturbed. `events` collects what a user sees, from the real output.
"""

import re
import shutil
import signal
import time

import pytest

from mdllm.core.records import read_json, sha256
from project import Project
from slurm.conftest import LONG
from slurm.slurm_project import SlurmProject

pytestmark = [pytest.mark.slurm, pytest.mark.slow]
TARGET = "results/trp_cage/main/rollout/codes.npz"
FINAL = [
    TARGET,
    "results/trp_cage/main/model/model.safetensors",
    "results/trp_cage/main/training_log.csv",
]
PATIENCE_S = 400


def run_undisturbed(tokenized, folder, cache, overrides) -> dict[str, str]:
    """Checksums of the final files of a run on this host, without SLURM, that nothing disturbed."""
    shutil.copytree(tokenized, folder)
    project = Project(folder, cache, overrides)
    project.forks = False
    project.run(TARGET)
    return checksums(project)


@pytest.fixture(scope="module")
def undisturbed(tokenized, tmp_path_factory, cache) -> dict[str, str]:
    """Those of the long run."""
    return run_undisturbed(tokenized, tmp_path_factory.mktemp("undisturbed") / "p", cache, LONG)


def checksums(project: Project) -> dict[str, str]:
    return {path: sha256(project.folder / path) for path in FINAL}


def wait_for(ready, project: SlurmProject) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not ready():
        assert time.monotonic() < deadline, project.printed()[-4000:]
        time.sleep(0.1)


def start_training(project: SlurmProject):
    """The head, as soon as the training job has a checkpoint; and the id of that job."""
    head = project.start(TARGET)
    work = project.folder / "results" / "trp_cage" / "main" / ".work"
    wait_for(lambda: head.poll() is not None or any(work.glob("train-*/checkpoint-*/complete")), project)
    assert head.poll() is None, project.printed()[-4000:]
    return head, training_job(project)


def training_job(project: SlurmProject) -> str:
    return re.findall(r"has been submitted with SLURM jobid (\d+) \(log: \S*rule_train", project.printed())[-1]


def finish(head, project: SlurmProject) -> None:
    head.wait(PATIENCE_S)
    assert head.returncode == 0, project.printed()[-4000:]


FAILURE = r"SLURM-job .* status is: '\w+'"
NOTICE = FAILURE + r"|A Job preemption +occured"


def seen(project: SlurmProject, pattern: str) -> str:
    """What the first match of `pattern` reads in the output, with the numbers of this run taken out; or "nothing"."""
    found = re.search(pattern, project.printed())
    return "`" + re.sub(r"\d+", "N", found[0]) + "`" if found else "nothing"


def assert_resumed(project: SlurmProject) -> None:
    """The last attempt of the training did not begin at step 0, as the first line of its progress bar says."""
    logs = sorted((project.folder / "logs" / "slurm" / "rule_train").rglob("*.log"), key=lambda p: p.stat().st_mtime)
    starts = re.findall(r"\| (\d+)/\d+ \[00:00<\?", logs[-1].read_text())
    assert starts, logs[-1].read_text()[-2000:]
    assert int(starts[-1]) > 0


def assert_as_if_nothing_had_happened(project: SlurmProject, undisturbed: dict[str, str]) -> None:
    """The same files, each from one job that went on where an earlier one had stopped, and nothing half-written."""
    assert_resumed(project)
    assert checksums(project) == undisturbed
    completed = [job["rule"] for job in project.jobs() if job["state"] == "COMPLETED"]
    assert sorted(rule.split("_wildcards")[0] for rule in completed) == ["rule_rollout", "rule_train"]
    assert not list((project.folder / "results" / "trp_cage" / "main" / ".work").glob("*"))


@pytest.mark.ci
def test_scancel(tokenized, tmp_path, cache, cluster, events):
    """No longer than it takes to be told: 200 steps."""
    overrides = {**LONG, "training": {**LONG["training"], "max_steps": 200}}
    undisturbed = run_undisturbed(tokenized, tmp_path / "undisturbed", cache, overrides)
    shutil.copytree(tokenized, tmp_path / "p")
    project = SlurmProject(tmp_path / "p", cache, overrides, cluster)
    head, job = start_training(project)
    project.cluster.run("scancel", job)
    finish(head, project)
    events.append(
        (
            "`scancel` of a running training job",
            seen(project, FAILURE),
            "nothing: the next attempt runs",
        )
    )
    assert_as_if_nothing_had_happened(project, undisturbed)


def test_scancel_of_a_training_on_two_gpus(project):
    """The processes of both GPUs get SIGTERM from SLURM; the next attempt goes on with what they have written."""
    project.profile["set-resources"]["train"]["gpu"] = 2
    project.save_profile()
    head, number = start_training(project)
    assert project.job(number)["gpus"] == "gres:gpu:a100:2"
    project.cluster.run("scancel", number)
    finish(head, project)
    log = project.folder / "logs" / "slurm" / "rule_train"
    assert any("stopped by SIGTERM at step" in path.read_text() for path in log.rglob("*.log"))
    assert_resumed(project)
    assert read_json(project.folder / "results/trp_cage/main/model/provenance.json")["processes"] == 2


def test_time_limit(project, undisturbed, events):
    project.profile["set-resources"]["train"].update(runtime="1 * attempt", slurm_extra="'--signal=TERM@50'")
    project.save_profile()
    head, _ = start_training(project)
    finish(head, project)
    log = project.folder / "logs" / "slurm" / "rule_train"
    assert any("stopped by SIGTERM at step" in path.read_text() for path in log.rglob("*.log"))
    events.append(
        (
            "a job at its time limit",
            seen(project, FAILURE),
            "nothing: the next attempt has more time",
        )
    )
    assert_as_if_nothing_had_happened(project, undisturbed)


def test_node_failure(project, undisturbed, events):
    head, job = start_training(project)
    node = project.job(job)["node"]
    project.cluster.kill_node(node)
    wait_for(lambda: project.job(job)["node"] != node or project.job(job)["state"] != "RUNNING", project)
    project.cluster.start_node(node)
    finish(head, project)
    events.append(
        (
            "a node that goes down",
            seen(project, NOTICE),
            "nothing: SLURM starts the job again on another node",
        )
    )
    assert_as_if_nothing_had_happened(project, undisturbed)


def test_preemption(project, undisturbed, events):
    head, job = start_training(project)
    project.cluster.run("sbatch", "-p", "gpu_high", "-N2", "--exclusive", "-o", "/dev/null", "--wrap", "sleep 10")
    wait_for(lambda: project.job(job)["state"] != "RUNNING", project)
    finish(head, project)
    events.append(
        (
            "preemption by a higher partition",
            seen(project, NOTICE),
            "nothing: the next attempt goes on from the checkpoint",
        )
    )
    assert_as_if_nothing_had_happened(project, undisturbed)


def test_ctrl_c(project, undisturbed, events):
    head, job = start_training(project)
    project.interrupt(head)
    head.wait(PATIENCE_S)
    shown = seen(project, r"Terminating processes.*|Cancelling.*|Shutting down.*")
    assert shown != "nothing"
    wait_for(lambda: project.job(job)["state"] == "CANCELLED", project)
    finish(project.start(TARGET), project)
    events.append(("Ctrl-C of `snakemake`, once", shown + "; its jobs are cancelled", "the same command"))
    assert_as_if_nothing_had_happened(project, undisturbed)


def test_lost_head(project, undisturbed, events):
    head, job = start_training(project)
    project.interrupt(head, signal.SIGKILL)
    head.wait()
    assert project.job(job)["state"] == "RUNNING"
    run = re.search(r"SLURM run ID: (\S+)", project.printed())[1]
    project.cluster.run("scancel", f"--name={run}")
    wait_for(lambda: project.job(job)["state"] == "CANCELLED", project)
    assert "LockException" in project.run(TARGET, ok=False)
    project.run("--unlock")
    finish(project.start(TARGET), project)
    command = "`scancel --name=RUN_ID`, `snakemake --profile profiles/slurm --unlock`, then the same command"
    events.append(("`kill -9` of `snakemake`, or a rebooted login node", "jobs go on; then `LockException`", command))
    assert_as_if_nothing_had_happened(project, undisturbed)
