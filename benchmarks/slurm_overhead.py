"""Overhead of SLURM for the demo, stage by stage and in the groups of the profile. Writes records/slurm.json.

``python benchmarks/slurm_overhead.py`` starts a SLURM cluster on this host (root; see tests/slurm/cluster.py). Overhead
is the wall time less that of the same run without a scheduler (profiles/local), one after the other on the same cores.
"""

import sys
import tempfile
import time
from pathlib import Path

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


def main() -> None:
    if reason := missing():
        sys.exit(reason)
    with tempfile.TemporaryDirectory(prefix="slurm-") as scratch:
        without_s = wall_s(Project(Path(scratch) / "local", CACHE, {}))
        cluster = Cluster(Path(scratch) / "c")
        try:
            cluster.start()
            results = {name: measure(Path(scratch) / name, cluster, name, without_s) for name in IN_A_ROW}
        finally:
            cluster.stop()
    write_record("slurm", {"without_scheduler_s": round(without_s, 1), **results})


if __name__ == "__main__":
    main()
