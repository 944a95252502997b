"""Check of a node, as a job of its own: what is there, and what a run would stumble over."""

from pathlib import Path

from mdllm.core.records import write_json
from mdllm.run.node import inspect_node

report = Path(snakemake.output.report)
write_json(report, inspect_node(gpu=snakemake.params.gpu, shared_folder=report.parent))
Path(snakemake.log[0]).write_text(report.read_text())
