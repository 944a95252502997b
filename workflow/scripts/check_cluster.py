"""What the jobs of check_cluster found, as a table; ends with status 1 where a run would not get through."""

import sys
from pathlib import Path

from mdllm.core.records import read_json
from mdllm.run.node import table

reports = {Path(path).stem: read_json(path) for path in snakemake.input}
problems = [f"{name}: {problem}" for name, report in reports.items() for problem in report["problems"]]
text = "\n".join([table(reports), "", *(problems or ["Everything that a run needs is there."])])
Path(snakemake.log[0]).write_text(text + "\n")
if problems:
    sys.exit(1)  # show-failed-logs of the profiles prints the log
print(text, file=sys.stderr)
