"""Time to plan 1000 systems (a dry run), beside that of an earlier commit. Writes records/dry_run.json.

``python benchmarks/dry_run.py [COMMIT [SYSTEMS [TURNS]]]``. Both take turns; what counts is processor time, since other
work on the machine lengthens the rest.
"""

import io
import re
import resource
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import yaml
from record import ROOT, write_record

sys.path.insert(0, str(ROOT / "tests"))
from project import Project

BEFORE = "cb629d4"  # before the plan was looked at
SYSTEMS, TURNS = 1000, 2


def checkout(commit: str, folder: Path) -> Path:
    """The files of `commit` in `folder`."""
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", commit], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder


def planned(project: Project) -> tuple[float, int]:
    """Processor time of one dry run in seconds, and the jobs that it lists."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = project.process("--dry-run", "--quiet", "rules").stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    jobs = int(re.search(r"^total\s+(\d+)", out, re.MULTILINE)[1])
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, jobs


def main(commit: str = BEFORE, systems: int = SYSTEMS, turns: int = TURNS) -> None:
    system = yaml.safe_load((ROOT / "config" / "systems" / "trp_cage.yaml").read_text())
    with tempfile.TemporaryDirectory() as scratch:
        files = {f"s{number:04d}": system for number in range(systems)}
        project = Project(Path(scratch) / "project", Path(scratch) / "cache", {}, files)
        roots = {"before": checkout(commit, Path(scratch) / "before"), "now": ROOT}
        seconds, jobs = {name: [] for name in roots}, {}
        for _ in range(turns):
            for name, project.root in roots.items():
                used, jobs[name] = planned(project)
                seconds[name].append(round(used, 1))
    best = {name: min(times) for name, times in seconds.items()}
    write_record(
        "dry_run",
        {
            "systems": systems,
            "jobs": jobs,
            "compared_with": commit,
            "processor_s": seconds,
            "ratio": round(best["now"] / best["before"], 3),
        },
    )


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:4]))
