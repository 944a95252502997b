"""The estimate, and the advice of check_cluster; neither needs SLURM here."""

import os
import re
import subprocess

import pytest
import yaml

import forked
from mdllm.run.node import advice, inspect_node
from mdllm.run.resources import jobs_of_dry_run
from project import ROOT, SMALL, Project

HEALTHY = {
    "gpu": "NVIDIA A100",
    "cuda_visible_devices": "0",
    "torch": "2.13.0",
    "torch_gpus": 1,
    "bfloat16": True,
    "scratch": "/scratch",
    "scratch_free_gb": 100.0,
    "shared_file_latency_ms": 2.0,
}


def estimate(text: str) -> subprocess.CompletedProcess:
    """`mdllm estimate` at the end of a pipe."""
    command = [forked.python(), "-m", "mdllm", "estimate"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(command, input=text, env=environment, capture_output=True, text=True)


def test_the_dry_run_of_the_demo_becomes_fourteen_jobs(tmp_path, cache):
    pytest.importorskip("snakemake_executor_plugin_slurm")
    project = Project(tmp_path / "p", cache, SMALL)
    text = project.run("--profile", str(ROOT / "profiles" / "slurm"), "--dry-run")
    jobs = jobs_of_dry_run(text)
    across = ["draw_variants_structures", "page", "index"]
    assert sorted(job.name for job in jobs) == sorted(
        ["before_gpu", *["redraw"] * 3, *["train"] * 2, *["rollout"] * 2, *["after_gpu"] * 3, *across]
    )
    assert sorted(job.gpus for job in jobs) == [0] * 10 + [1] * 4
    assert sum(job.gpu_hours for job in jobs) == 2 * (8 + 4)
    (before,) = [job for job in jobs if job.name == "before_gpu"]
    of_a_variant = ["fidelity", "tokenize"]
    assert sorted(before.stages) == sorted(["acquire", "prepare", *of_a_variant * 3])
    out = estimate(text)
    assert re.search(r"^before_gpu\s+1\s+8\s+0\s+0.0", out.stdout, re.MULTILINE)
    assert re.search(r"^train\s+2\s+2\s+1\s+16.0", out.stdout, re.MULTILINE)
    assert re.search(r"^total\s+14\s+44\s+24.0", out.stdout, re.MULTILINE)


def test_a_dry_run_that_fails_is_not_taken_for_one_without_jobs(tmp_path, cache):
    out = estimate(Project(tmp_path / "p", cache, {"rollout": {"frame": 3}}).run("--dry-run", ok=False))
    assert out.returncode == 1
    assert "rollout.frame: unknown key; did you mean 'frames'?" in out.stderr
    assert "no dry run has got through" in out.stderr
    assert "Traceback" not in out.stderr


def test_more_gpus_for_the_fine_tuning_are_not_held_by_others():
    text = (ROOT / "profiles" / "slurm" / "config.yaml").read_text().replace("    gpu: 1  ", "    gpu: 2  ")
    resources = yaml.safe_load(text)["set-resources"]
    gpus = {rule: chosen["gpu"] for rule, chosen in resources.items() if "gpu" in chosen}
    assert gpus == {
        "train": 2,
        "dance": 2,
        "base": 4,
        "rollout": 1,
        "rollout_part": 1,
        "simulate": 1,
        "verify_part": 1,
        "check_gpu": 1,
    }


def test_a_healthy_node_needs_no_advice():
    assert advice(HEALTHY, gpu=True) == []


@pytest.mark.parametrize(
    ("found", "gpu", "words"),
    [
        ({"torch": "not installed"}, True, "make venv"),
        ({"gpu": "none"}, True, "no working GPU driver"),
        ({"cuda_visible_devices": "not set"}, True, "given no GPU to this job"),
        ({"torch_gpus": 0}, True, "PyTorch sees no GPU"),
        ({"bfloat16": False}, True, "no bfloat16"),
        ({}, False, "a CPU job holds a GPU"),
        ({"scratch_free_gb": 1.0}, True, "set TMPDIR"),
        ({"shared_file_latency_ms": 500.0}, True, "faster file system"),
    ],
)
def test_every_shortcoming_has_its_advice(found, gpu, words):
    problems = advice({**HEALTHY, **found}, gpu=gpu)
    assert len(problems) == 1
    assert words in problems[0]


def test_this_host_is_described(tmp_path):
    report = inspect_node(gpu=False, shared_folder=tmp_path)
    assert report["host"]
    assert report["shared_file_latency_ms"] > 0
    assert not list(tmp_path.iterdir())
