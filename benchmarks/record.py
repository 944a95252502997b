"""The form of every benchmark record: what was measured, on what, with which versions."""

import importlib.metadata
import json
import os
import platform
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIBRARIES = ("numpy", "torch", "transformers", "MDAnalysis", "snakemake")


def machine(libraries: tuple[str, ...] = LIBRARIES) -> dict:
    """CPU model, cores, Python and library versions; no names of hosts or folders."""
    info = Path("/proc/cpuinfo")
    models = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in libraries},
    }


def write_record(name: str, results: dict, libraries: tuple[str, ...] = LIBRARIES) -> None:
    """Print `results` and write them to records/{name}.json, with the machine and versions of `libraries`."""
    record = {"machine": machine(libraries), "results": results}
    path = ROOT / "benchmarks" / "records" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(record, indent=2) + "\n")
    print(json.dumps(results, indent=2))
