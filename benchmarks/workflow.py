"""Time of whole commands: the demo, the demo again, and the plan of 1000 systems. Writes records/workflow.json.

``python benchmarks/workflow.py`` runs the demo in a temporary folder with the packages that are already cached.
"""

import json
import re
import sys
import tempfile
import time
from pathlib import Path

import yaml
from record import ROOT, write_record

sys.path.insert(0, str(ROOT / "tests"))
from project import Project

SYSTEMS = 1000


def timed(project: Project, *arguments: str) -> tuple[float, str]:
    started = time.monotonic()
    out = project.process(*arguments).stdout
    return time.monotonic() - started, out


def main() -> None:
    cache = ROOT / ".cache" / "mdllm"
    with tempfile.TemporaryDirectory() as scratch:
        demo = Project(Path(scratch) / "demo", cache, {})
        demo_s, out = timed(demo)
        again_s, again = timed(demo)
        assert "Nothing to be done" in again
        stages = {}
        for path in sorted((demo.folder / "results").rglob("*provenance.json")):
            record = json.loads(path.read_text())
            stages.setdefault(record["stage"], []).append(
                {"wall_time_s": record["wall_time_s"], "peak_memory_mb": record["peak_memory_mb"]}
            )
        system = yaml.safe_load((ROOT / "config" / "systems" / "trp_cage.yaml").read_text())
        many = Project(Path(scratch) / "many", cache, {}, {f"s{number:04d}": system for number in range(SYSTEMS)})
        many_s, plan = timed(many, "--dry-run", "--quiet", "rules")
    jobs = int(re.search(r"^(\d+) of \1 steps|^total\s+(\d+)", plan + out, re.MULTILINE).group(2))
    write_record(
        "workflow",
        {
            "cores": 2,
            "demo_s": round(demo_s, 1),
            "demo_again_s": round(again_s, 1),
            "demo_again_share_of_demo": round(again_s / demo_s, 3),
            "stages": stages,
            "dry_run_systems": SYSTEMS,
            "dry_run_jobs": jobs,
            "dry_run_s": round(many_s, 1),
        },
    )


if __name__ == "__main__":
    main()
