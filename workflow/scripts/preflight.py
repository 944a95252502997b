"""Preflight: list what a run lacks, before it starts."""

import sys
from pathlib import Path

from mdllm.config.plan import Plan
from mdllm.preflight import missing, remarks
from mdllm.sources.cache import cache_folder

plan = Plan(snakemake.params.run, Path("config"))
lacking = missing(plan, cache_folder())
if lacking:
    report = [f"missing: {len(lacking)} things. Get each as its line says, then ask again with the same command."]
    report += [f"- {item}" for item in lacking]
else:
    report = ["nothing is missing; the run can start"]
report += [f"note: {remark}" for remark in remarks(plan)]
Path(snakemake.log[0]).write_text("\n".join(report) + "\n")
if lacking:  # Snakemake shows the log of a failed job
    sys.exit(f"{len(lacking)} things are missing, see {snakemake.log[0]}")
print("\n".join(report), file=sys.stderr)
