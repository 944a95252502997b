"""Draw: figures that need the same tables, from tables alone."""

from pathlib import Path

from mdllm.figures.draw import draw
from mdllm.figures.registry import figures
from mdllm.run.stage import stage

inputs = {str(Path(path)): path for path in snakemake.input.tables}
settings = {"figures": snakemake.params.figures}
loads = [figures()[name].module for name in snakemake.params.figures]
record, log = snakemake.output.provenance, snakemake.log[0]
with stage("draw", output=record, log=log, settings=settings, inputs=inputs, loads=loads):
    draw(snakemake.params.figures, snakemake.params.tables, Path(record).parent)
