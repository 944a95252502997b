"""Draw: figures that need the same tables, from tables alone."""

from pathlib import Path

from mdllm.figures.draw import draw
from mdllm.run.stage import stage

inputs = {str(Path(path)): path for path in snakemake.input.tables}
inputs["style"] = snakemake.input.style
settings = {"figures": snakemake.params.figures}
with stage("draw", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=inputs):
    draw(snakemake.params.figures, snakemake.params.tables, Path(snakemake.output.provenance).parent)
