"""Draw a study: one measure over the axes, or over another measure."""

from pathlib import Path

import pandas as pd

from mdllm.figures.study import draw_measure, draw_plane
from mdllm.run.stage import stage

settings = {key: snakemake.params[key] for key in ("axes", "lines", "conditions")}
files = {"study": snakemake.input.study}
with stage("draw", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=files):
    table = pd.read_csv(snakemake.input.study)
    measure, _, over = snakemake.wildcards.measure.partition("_over_")
    stem = Path(snakemake.output.png).with_suffix("")
    if over:
        draw_plane(table, settings["axes"], (measure, over), settings["conditions"], stem)
    else:
        draw_measure(table, settings["axes"], measure, settings["lines"], settings["conditions"], stem)
