"""The demo through SLURM, what is refused, what is checked before a run, and many systems at once."""

import re
import shutil
import time
from pathlib import Path

import pytest
import yaml

from mdllm.core.records import read_json, sha256
from project import ROOT, SMALL, small_kinetics
from slurm.slurm_project import JOBS_OF_A_MODEL, SlurmProject, run_demo

pytestmark = [pytest.mark.slurm, pytest.mark.slow]
MANY = 100
HEAD_MEMORY_MB = 1000


@pytest.mark.ci
def test_the_demo(cluster, tmp_path, cache, trp_cage_files):
    project = run_demo(tmp_path / "p", cache, cluster, with_a_base=False)
    assert "Nothing to be done" in project.run()
    assert len(list((project.folder / "logs" / "slurm").rglob("*.log"))) == JOBS_OF_A_MODEL


@pytest.mark.ci
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"slurm_partition": "nowhere"}, "invalid partition specified: nowhere"),
        ({"gpu_model": "h100"}, "Requested node configuration is not available"),
    ],
)
def test_a_refused_submission_shows_the_reason_of_the_scheduler(project, change, reason):
    project.profile["set-resources"]["train"].update(change)
    project.profile["retries"] = 0
    project.save_profile()
    out = project.run("results/trp_cage/main/training_log.csv", ok=False)
    assert reason in out
    # SLURM keeps a job that no node could ever run, as failed and without a node.
    assert [job for job in project.jobs() if job["state"] != "FAILED" or job["node"] not in ("", "(null)")] == []


def test_kinetics_are_one_job_before_the_gpu_and_one_per_model_after_it(cluster, tmp_path, cache):
    """The figures of all models wait for all of them: one more job."""
    system = small_kinetics("four_state", walkers=40, frames=120, grid=0.25)
    project = SlurmProject(tmp_path / "p", cache, {}, cluster, {"four_state": system})
    project.run()
    assert {job["state"] for job in project.jobs()} == {"COMPLETED"}
    rules = [re.sub("_wildcards.*", "", job["rule"]) for job in project.jobs()]
    names = ("rule_before_gpu", "rule_train", "rule_rollout", "rule_after_gpu", "rule_draw_variants_kinetics")
    counts = [sum(rule.startswith(name) for rule in rules) for name in names]
    assert counts == [1, 3, 3, 3, 1], rules
    assert len(rules) == sum(counts)


def test_a_rollout_in_one_two_and_four_jobs_is_the_same(project):
    content = project.read("config/config.yaml")
    content["overrides"]["rollout"]["batch"] = 1
    content["overrides"]["training"]["max_steps"] = 10
    project.write("config/config.yaml", content)
    codes = "results/trp_cage/main/rollout/codes.npz"
    found = set()
    for parts in (1, 2, 4):
        project.profile["set-scatter"] = {"rollout": parts}
        project.save_profile()
        before = len(project.jobs())
        shutil.rmtree(project.folder / "results" / "trp_cage" / "main" / "rollout", ignore_errors=True)
        project.run(codes)
        found.add(sha256(project.folder / codes))
        on_gpu = [job for job in project.jobs()[before:] if job["gpus"] and "rollout" in job["rule"]]
        assert len(on_gpu) == parts
    assert len(found) == 1


def test_the_resource_gpu_alone_puts_the_training_on_two_gpus(project):
    content = project.read("config/config.yaml")
    content["overrides"]["training"]["max_steps"] = 10
    project.write("config/config.yaml", content)
    project.profile["set-resources"]["train"]["gpu"] = 2
    project.save_profile()
    project.run("results/trp_cage/main/training_log.csv")
    (job,) = project.jobs()
    assert job["gpus"] == "gres:gpu:a100:2"
    assert read_json(project.folder / "results/trp_cage/main/model/provenance.json")["processes"] == 2


@pytest.mark.ci
def test_check_cluster_reports_both_partitions_and_advises(project):
    out = project.run("check_cluster", ok=False)
    assert re.search(r"partition\s+cpu\s+gpu\n", out)
    assert re.search(r"cuda_visible_devices\s+not set\s+0\n", out)
    assert "gpu: the node has no working GPU driver; set the GPU partition (4)" in out
    assert not (project.folder / "results" / "check_cluster").exists() or not list(
        (project.folder / "results" / "check_cluster").glob("latency-*")
    )


def head_memory_mb(process: int) -> float:
    """Largest resident memory that a process has had; 0 once it has ended."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def test_many_small_systems_are_one_job_each(cluster, tmp_path, cache, trp_cage_files, record_property):
    """As far as the tokens: what happens to a hundred jobs does not depend on how long they train."""
    system = yaml.safe_load((ROOT / "config" / "systems" / "trp_cage.yaml").read_text())
    del system["variants"]
    tiny = {**SMALL, "tokenizer": {"name": "torsion_grid", "bins": 15, "fit_frames": 200}}
    project = SlurmProject(tmp_path / "p", cache, tiny, cluster, {f"s{number:03d}": system for number in range(MANY)})
    project.one_job_per_system()
    head = project.start(*[f"results/s{number:03d}/main/tokens/codes.npz" for number in range(MANY)])
    memory = [0.0]
    while head.poll() is None:
        memory.append(head_memory_mb(head.pid) or memory[-1])
        time.sleep(1)
    assert head.returncode == 0, project.printed()[-4000:]
    assert [job["state"] for job in project.jobs()] == ["COMPLETED"] * MANY
    assert max(memory) < HEAD_MEMORY_MB
    record_property("head_memory_mb", max(memory))
