"""Time to plan 1000 systems (a dry run), beside that of an earlier commit. Writes records/dry_run.json.

``python benchmarks/dry_run.py [COMMIT [SYSTEMS [TURNS]]]``. Both take turns; what counts is processor time, since other
work on the machine lengthens the rest. Beside them Snakemake alone: as many jobs, of rules
with one file and no function.
"""

import io
import re
import resource
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml
from record import ROOT, write_record

sys.path.insert(0, str(ROOT / "tests"))
from project import Project

BEFORE = "99ff237"  # which reads the system files of today
SYSTEMS, TURNS = 1000, 2


def checkout(commit: str, folder: Path) -> Path:
    """The files of `commit` in `folder`."""
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", commit], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder


def planned(snakemake: Callable[..., subprocess.CompletedProcess]) -> tuple[float, int]:
    """Processor time of one dry run in seconds, and the jobs that it lists."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = snakemake("--dry-run", "--quiet", "rules").stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    jobs = int(re.search(r"^total\s+(\d+)", out, re.MULTILINE)[1])
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, jobs


def snakemake_alone(folder: Path, systems: int, steps: int) -> tuple[float, int]:
    """As `planned`, of a chain of rules for each system that hold nothing but the names of their files."""
    folder.mkdir()
    rules = [f"rule all:\n    input: expand('results/{{s}}/{steps - 1}', s=range({systems}))"]
    for step in range(steps):
        needed = f"    input: 'results/{{s}}/{step - 1}'\n" if step else ""
        rules.append(f"rule step_{step}:\n{needed}    output: 'results/{{s}}/{step}'\n    shell: 'touch {{output}}'")
    (folder / "Snakefile").write_text("\n".join(rules))
    command = [sys.executable, "-m", "snakemake", "--cores", "2"]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return planned(lambda *arguments: subprocess.run([*command, *arguments], cwd=folder, **streams))


def main(commit: str = BEFORE, systems: int = SYSTEMS, turns: int = TURNS) -> None:
    system = yaml.safe_load((ROOT / "config" / "systems" / "trp_cage.yaml").read_text()) | {"variants": {}}
    with tempfile.TemporaryDirectory() as scratch:
        files = {f"s{number:04d}": system for number in range(systems)}
        project = Project(Path(scratch) / "project", Path(scratch) / "cache", {}, files)
        roots = {"before": checkout(commit, Path(scratch) / "before"), "now": ROOT}
        seconds, jobs = {name: [] for name in roots}, {}
        for _ in range(turns):
            for name, project.root in roots.items():
                used, jobs[name] = planned(project.process)
                seconds[name].append(round(used, 1))
        alone, jobs["snakemake_alone"] = snakemake_alone(Path(scratch) / "alone", systems, jobs["now"] // systems)
    best = {name: min(times) for name, times in seconds.items()}
    write_record(
        "dry_run",
        {
            "systems": systems,
            "jobs": jobs,
            "compared_with": commit,
            "processor_s": seconds,
            "snakemake_alone_s": round(alone, 1),
            "ratio": round(best["now"] / best["before"], 3),
        },
    )


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:4]))
