"""Check: what a run, a base or a collection will take, and what it lacks, before it starts."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from mdllm.bases.config import base_names, read_base
from mdllm.bases.cost import cost_of_training
from mdllm.config.collections import collection_names, raw_files, read_collection
from mdllm.config.plan import Plan
from mdllm.config.systems import System
from mdllm.core.errors import InputError
from mdllm.core.records import read_json
from mdllm.core.text_tables import aligned
from mdllm.cost import Cost, costs, disk_mb, known, size_of
from mdllm.preflight import missing, remarks
from mdllm.run import resources

_CLUSTER = Path("profiles") / "slurm"


def check(plan: Plan, project: Path, cache: Path, cores: int) -> tuple[list[str], bool]:
    """Lines on every system of a plan, and whether something is lacking.

    Args:
        cores: that the run is given.
    """
    lacking = missing(plan, cache)
    lines = [f"missing: {item}" for item in lacking] or ["nothing is missing"]
    lines += [f"note: {remark}" for remark in remarks(plan)]
    for system in plan.systems.values():
        lines += ["", *_of_system(system, project, cores)]
    if any(not known(variant) for system in plan.systems.values() for variant in system.variants.values()):
        lines += ["", *_on_a_cluster(plan, project)]
    return lines, bool(lacking)


def targets(config: Path) -> dict[str, str]:
    """The names by which the workflow makes collections and bases: `collect_NAME` and `base_NAME`, each to NAME."""
    found = {f"collect_{name}": name for name in collection_names(config)}
    return found | {f"base_{name}": name for name in base_names(config)}


def check_target(target: str, project: Path, cache: Path) -> tuple[list[str], bool]:
    """Lines on one of `targets`, and whether a file of the user's own is lacking; nothing is fetched.

    Raises:
        InputError: its config file is misspelled or inconsistent.
    """
    name = targets(project / "config")[target]
    if target.startswith("collect_"):
        return _of_collection(name, project, cache)
    settings = read_base(project / "config", name)
    cost, training = cost_of_training(settings), settings.training
    lines, lacking = _of_collection(settings.collection, project, cache)
    gpus = _gpus_of_profile(project)
    shared = f", on the {gpus} of {_CLUSTER} {_time(cost.gpu_s / gpus)}" if gpus > 1 else ""
    return [
        f"{target}: {cost.parameters:,} parameters; {training.steps:,} updates of {training.batch_size:,} windows of "
        f"{training.rows} rows, {cost.rows / 1e6:,.0f} million in all",
        f"training takes at most {_time(cost.gpu_s)} on one {cost.gpu}{shared}; about {_time(cost.core_s)} on one core",
        *lines,
    ], lacking


def _gpus_of_profile(project: Path) -> int:
    path = project / _CLUSTER / "config.yaml"
    profile = yaml.safe_load(path.read_text()) if path.is_file() else {}  # profiles, unlike our files, have anchors
    return profile.get("set-resources", {}).get("base", {}).get("gpu", 1)


def _of_collection(name: str, project: Path, cache: Path) -> tuple[list[str], bool]:
    folder = project / "results" / "collections" / name
    if (folder / "proteins.parquet").is_file():
        made = read_json(folder / "provenance.json")
        return [f"collect_{name}: made, {made['proteins']:,} proteins with {made['frames']:,} frames"], False
    settings = read_collection(project / "config", name)
    try:
        raw_files(project / "config", name)
    except InputError as error:
        return [f"missing: {error}"], True
    wanted = [what for source in settings.sources if (what := source.to_fetch(cache))]
    return [f"collect_{name}: not made yet" + (f"; to be fetched: {'; '.join(wanted)}" if wanted else "")], False


def _of_system(system: System, project: Path, cores: int) -> list[str]:
    try:
        size = size_of(system, project)
    except InputError as error:  # the same is among what is missing
        return [f"{system.name}: sizes are not known: {error}"]
    if size is None:
        return [
            f"{system.name}: what it takes is known once there are frames: ask again after snakemake "
            f"results/{system.name}/frames/frames.parquet"
        ]
    found = costs(system, size)
    rows = [("stage", "variant", "about", "memory")]
    rows += [(cost.stage, cost.variant or "all", _time(cost.seconds), f"{cost.memory_mb:.0f} MB") for cost in found]
    disk, free = disk_mb(system, size), shutil.disk_usage(project).free / 1e6
    memory = sum(sorted((cost.memory_mb for cost in found), reverse=True)[:cores])
    here = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6
    lines = [
        f"{system.name}: {size.frames} frames of {size.residues} residues",
        *aligned(rows, rule=True),
        f"in all about {_time(_together(found, cores))} on {cores} cores, up to {memory / 1000:.1f} GB of memory "
        f"({here / 1000:.0f} GB here), {disk:.0f} MB of disk ({free / 1000:.0f} GB free here); no GPU is needed",
    ]
    for name, variant in system.variants.items():
        if variant.verified:
            verified = variant.settings.verification
            counts = {"new clusters": verified.proposals, "random frames": verified.random_frames}
            tested = " and ".join(f"{count} {what}" for what, count in counts.items() if count)
            lines.append(
                f"note: {name}: MD that tests {tested} of the model, and as many of each null, {verified.replicas} × "
                f"{verified.length_ps:g} ps each, is not counted"
            )
    if memory > here:
        lines.append("note: the memory is not enough: lower training.batch_size and raise training.accumulation")
    if disk > free:
        lines.append("note: the disk is not large enough")
    return lines


def _together(found: list[Cost], cores: int) -> float:
    """Seconds of all stages on some cores: variants run side by side, the stages of each one after another."""
    first = sum(cost.seconds for cost in found if not cost.variant)
    of_variants = [sum(c.seconds for c in found if c.variant == v) for v in {c.variant for c in found if c.variant}]
    return first + max([sum(of_variants) / cores, *of_variants], default=0)


def _on_a_cluster(plan: Plan, project: Path) -> list[str]:
    """Jobs and GPU-hours by the time limits of the cluster's profile, as `mdllm estimate` counts them."""
    names = ",".join(plan.systems)
    command = ["snakemake", "--profile", str(_CLUSTER), "--config", f"only={names}", "--dry-run"]
    if not (project / _CLUSTER).is_dir():
        return [f"models of other kinds: GPU-hours are counted by {' '.join(command)} | mdllm estimate"]
    made = subprocess.run([sys.executable, "-m", *command], cwd=project, capture_output=True, text=True)
    return [
        f"on a cluster, by the time limits of {_CLUSTER}:",
        resources.table(resources.jobs_of_dry_run(made.stdout + made.stderr)),
    ]


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
