"""Estimate: what a run would submit and hold, by the resources of the profile."""

import subprocess
import sys
from pathlib import Path

from mdllm.run.resources import jobs_of_dry_run, table

result = subprocess.run(snakemake.params.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
text = table(jobs_of_dry_run(result.stdout)) if result.returncode == 0 else result.stdout
Path(snakemake.log[0]).write_text(text + "\n")
print(text, file=sys.stderr)
sys.exit(result.returncode)
