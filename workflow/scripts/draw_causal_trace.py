"""Draw: the effects of a causal trace."""

from pathlib import Path

import pandas as pd

from mdllm.figures.kinetics import causal_trace
from mdllm.run.stage import stage

inputs = {"effects": snakemake.input.table}
with stage("draw", output=snakemake.output.provenance, log=snakemake.log[0], settings={}, inputs=inputs):
    causal_trace.draw(
        pd.read_csv(snakemake.input.table), snakemake.params.about, Path(snakemake.output.png).with_suffix("")
    )
