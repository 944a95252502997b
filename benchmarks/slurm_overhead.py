"""What SLURM costs. Starts a cluster on this host (root; see tests/slurm/cluster.py).

``python benchmarks/slurm_overhead.py`` runs the demo, stage by stage and in the groups of the profile, and writes
records/slurm.json. Overhead is the wall time less that of the same run without a scheduler (profiles/local), one after
the other on the same cores.

``python benchmarks/slurm_overhead.py FOLDER SYSTEM ...`` runs systems of config/systems/ once, as they are, in the
groups of the profile, in FOLDER, and writes records/slurm_long.json. Idle is the part of the wall time in which no
stage was at work: before the first, between two that wait for one another, after the last. It holds the scheduler, the
starts of Snakemake and the wait for its next look at the queue, and needs no second run.
"""

import json
import shutil
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

import yaml
from record import ROOT, write_record

sys.path.insert(0, str(ROOT / "tests"))
from project import Project
from slurm.cluster import Cluster, missing
from slurm.slurm_project import SlurmProject

CACHE = ROOT / ".cache" / "mdllm"
# Jobs that wait for one another; the two variants of the demo run side by side.
IN_A_ROW = {"stage_by_stage": 9, "grouped": 4}


def wall_s(project: Project) -> float:
    started = time.monotonic()
    project.run()
    return time.monotonic() - started


def measure(folder: Path, cluster: Cluster, name: str, without_s: float) -> dict:
    project = SlurmProject(folder, CACHE, {}, cluster)
    if name == "stage_by_stage":
        del project.profile["groups"]
        project.save_profile()
    wall = wall_s(project)
    overhead = wall - without_s
    return {
        "jobs": len(project.jobs()),
        "jobs_in_a_row": IN_A_ROW[name],
        "wall_s": round(wall, 1),
        "overhead_s": round(overhead, 1),
        "overhead_share": round(overhead / wall, 3),
        "overhead_per_job_in_a_row_s": round(overhead / IN_A_ROW[name], 1),
    }


def demo(cluster: Cluster, scratch: Path) -> None:
    without_s = wall_s(Project(scratch / "local", CACHE, {}))
    results = {name: measure(scratch / name, cluster, name, without_s) for name in IN_A_ROW}
    write_record("slurm", {"without_scheduler_s": round(without_s, 1), **results})


def busy_s(results: Path) -> float:
    """Seconds in which at least one stage was at work, by the records of all stages."""
    records = [json.loads(path.read_text()) for path in results.rglob("provenance.json")]
    starts = [datetime.fromisoformat(record["started"]).timestamp() for record in records]
    spans = sorted((start, start + record["wall_time_s"]) for start, record in zip(starts, records, strict=True))
    busy, until = 0.0, 0.0
    for start, end in spans:
        busy += max(0.0, end - max(start, until))
        until = max(until, end)
    return busy


def long_run(cluster: Cluster, folder: Path, names: list[str]) -> None:
    systems = {name: yaml.safe_load((ROOT / "config" / "systems" / f"{name}.yaml").read_text()) for name in names}
    project = SlurmProject(folder, CACHE, {}, cluster, systems)
    shutil.copytree(ROOT / "config" / "structures", folder / "config" / "structures", dirs_exist_ok=True)
    wall = wall_s(project)
    idle = wall - busy_s(folder / "results")
    jobs = [job["state"] for job in project.jobs()]
    result = {"systems": names, "jobs": len(jobs), "completed": jobs.count("COMPLETED")}
    write_record(
        "slurm_long", {**result, "wall_s": round(wall), "idle_s": round(idle), "idle_share": round(idle / wall, 3)}
    )


def main() -> None:
    if reason := missing():
        sys.exit(reason)
    with tempfile.TemporaryDirectory(prefix="slurm-") as scratch:
        cluster = Cluster(Path(scratch) / "c")
        try:
            cluster.start()
            if len(sys.argv) > 2:
                long_run(cluster, Path(sys.argv[1]).resolve(), sys.argv[2:])
            else:
                demo(cluster, Path(scratch))
        finally:
            cluster.stop()


if __name__ == "__main__":
    main()
