"""Draw: the kinetics of every model of a system over the reference, from tables alone."""

from pathlib import Path

from mdllm.figures.kinetics.draw import draw_kinetics
from mdllm.run.stage import stage

inputs = {str(Path(path).relative_to("results")): path for path in snakemake.input.tables}
with stage("draw", output=snakemake.output.provenance, log=snakemake.log[0], settings={}, inputs=inputs):
    folders = {variant: Path(tables).parent for variant, tables in snakemake.params.tables.items()}
    draw_kinetics(folders, Path(snakemake.output.provenance).parent)
