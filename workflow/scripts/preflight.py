"""Preflight: list what a run lacks, before it starts."""

import sys
from pathlib import Path

from mdllm.core.config import Plan
from mdllm.preflight import missing

lacking = missing(Plan(snakemake.params.run, Path("config")), Path(snakemake.params.cache))
report = "\n".join(f"- {item}" for item in lacking) or "nothing is missing; the run can start"
Path(snakemake.log[0]).write_text(report + "\n")
print(report, file=sys.stderr)
sys.exit(bool(lacking))
