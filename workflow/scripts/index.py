"""Index: all systems that have a page."""

from pathlib import Path

from mdllm.page.build import build_index
from mdllm.run.stage import stage

output = Path(snakemake.output.index)
inputs = {str(path): path for path in map(Path, snakemake.input)}
with stage("index", output=snakemake.output.provenance, log=snakemake.log[0], settings={}, inputs=inputs) as running:
    running.note(**build_index(output.parent, output))
