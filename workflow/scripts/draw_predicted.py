"""Draw predicted: profile and maps of a system, from a prediction and its MD, from tables alone."""

from pathlib import Path

from mdllm.figures.dance import draw_predictions
from mdllm.run.stage import stage

inputs = {str(path): path for path in snakemake.input}
record, log = snakemake.output.provenance, snakemake.log[0]
with stage("draw", output=record, log=log, settings={}, inputs=inputs):
    draw_predictions(Path(snakemake.input.residues).parent, ["system"])
