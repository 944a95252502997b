"""Draw: every figure of one system and variant, from tables alone."""

from dataclasses import fields
from pathlib import Path

from mdllm.figures.draw import draw_all
from mdllm.figures.tables import FigureInputs
from mdllm.run.stage import stage

tables = {field.name: Path(snakemake.input[field.name]) for field in fields(FigureInputs)}
with stage("draw", output=snakemake.output.provenance, log=snakemake.log[0], settings={}, inputs=tables):
    draw_all(FigureInputs(**tables), Path(snakemake.output.provenance).parent)
