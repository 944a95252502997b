"""What a compute node offers: GPU, driver, PyTorch, scratch, shared file system; with advice where it falls short."""

import importlib.util
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

from mdllm.core.text_tables import aligned

SCRATCH_GB = 5
LATENCY_MS = 200
_FILES = 20


def inspect_node(gpu: bool, shared_folder: Path) -> dict:
    """Report on the node that this process runs on.

    Args:
        gpu: whether the job has asked for one.
        shared_folder: a folder of the file system on which the results lie.

    Returns:
        what was found, and under `problems` what would stop a run, each with advice.
    """
    scratch = tempfile.gettempdir()
    report = {
        "host": platform.node(),
        "partition": os.environ.get("SLURM_JOB_PARTITION", "none (not a SLURM job)"),
        "cuda_visible_devices": os.environ.get("CUDA_VISIBLE_DEVICES", "not set"),
        **_gpu_of_driver(),
        **_gpu_of_torch(),
        "scratch": scratch,
        "scratch_free_gb": round(shutil.disk_usage(scratch).free / 1e9, 1),
        "results_free_gb": round(shutil.disk_usage(shared_folder).free / 1e9, 1),
        "shared_file_latency_ms": round(_latency_ms(shared_folder), 2),
    }
    return {**report, "problems": advice(report, gpu)}


def table(reports: dict[str, dict]) -> str:
    """The reports side by side, one line per finding."""
    keys = [key for key in next(iter(reports.values())) if key != "problems"]
    rows = [["", *reports], *([key, *(report[key] for report in reports.values())] for key in keys)]
    return "\n".join(aligned(rows))


def _gpu_of_driver() -> dict[str, str]:
    """Name and driver version of the GPUs, as nvidia-smi tells them."""
    if shutil.which("nvidia-smi") is None:
        return {"gpu": "none", "driver": "none (no nvidia-smi)"}
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    result = subprocess.run(query, capture_output=True, text=True)
    if result.returncode:
        return {"gpu": "none", "driver": f"none ({(result.stdout or result.stderr).strip().splitlines()[0]})"}
    names, versions = zip(*(line.split(", ") for line in result.stdout.splitlines()), strict=True)
    return {"gpu": " + ".join(names), "driver": versions[0]}


def _gpu_of_torch() -> dict:
    """What PyTorch sees; it is imported here only, since it takes seconds."""
    if importlib.util.find_spec("torch") is None:
        return {"torch": "not installed", "torch_cuda": "none", "torch_gpus": 0, "bfloat16": False}
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return {
        "torch": torch.__version__,
        "torch_cuda": torch.version.cuda or "none (a build for CPUs)",
        "torch_gpus": gpus,
        "bfloat16": gpus > 0 and torch.cuda.is_bf16_supported(),
    }


def _latency_ms(folder: Path) -> float:
    """Median time to write a small file to disk, find it, read it and remove it."""
    times = []
    for _ in range(_FILES):
        path = folder / f"latency-{uuid.uuid4().hex}"
        started = time.perf_counter()
        with open(path, "wb") as file:
            file.write(b"x" * 1024)
            file.flush()
            os.fsync(file.fileno())
        path.read_bytes()
        path.unlink()
        times.append((time.perf_counter() - started) * 1e3)
    return statistics.median(times)


def advice(report: dict, gpu: bool) -> list[str]:
    """What would stop a run on a node with this report, and what to do about it."""
    problems = []
    if report["torch"] == "not installed":
        problems.append("PyTorch is not installed here; run `make venv`, or add --sdm conda to every command")
    elif gpu and report["gpu"] == "none":
        problems.append(
            "the node has no working GPU driver; set the GPU partition (4) and the GPU type (5) of the profile, "
            "or ask the administrators about this host"
        )
    elif gpu and report["cuda_visible_devices"] == "not set":
        problems.append("the scheduler has given no GPU to this job; set `gpu` and `gpu_model` (5) in the profile")
    elif gpu and report["torch_gpus"] == 0:
        problems.append(
            "PyTorch sees no GPU; install a build of torch whose CUDA is not newer than the driver "
            "(`nvidia-smi` shows the newest that it can run)"
        )
    elif gpu and not report["bfloat16"]:
        problems.append("the GPU has no bfloat16; ask for an A100 or newer (5), or set training.precision: float32")
    if not gpu and report["cuda_visible_devices"] not in ("not set", ""):
        problems.append("a CPU job holds a GPU; set the CPU partition (3) of the profile to one without GPUs")
    if report["scratch_free_gb"] < SCRATCH_GB:
        problems.append(f"less than {SCRATCH_GB} GB free in {report['scratch']}; set TMPDIR to a larger scratch folder")
    if report["shared_file_latency_ms"] > LATENCY_MS:
        problems.append(
            f"a small file takes more than {LATENCY_MS} ms; move the project to a faster file system (not an archive)"
        )
    return problems
