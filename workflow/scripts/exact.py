"""Exact: the kinetics of a model potential on a grid, seen through the tokenizer's codes."""

from pathlib import Path

import pandas as pd

from mdllm.analysis.kinetics.exact import exact_tables
from mdllm.config.settings.kinetics import KineticSystemSettings
from mdllm.config.settings.stages import StageSettings
from mdllm.run.stage import stage
from mdllm.tokenizers.base import load_tokenizer

settings = {**snakemake.params.settings, "system": snakemake.params.system}
tokenizer = Path(snakemake.input.tokenizer)
inputs = {"codebook": snakemake.input.codebook, "tokenizer": tokenizer / "tokenizer.safetensors"}
with stage("exact", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=inputs):
    fitted = load_tokenizer(tokenizer)
    system = KineticSystemSettings.model_validate(snakemake.params.system)
    axes = system.axes()
    order = [("x", "y").index(axes[name]) for name in fitted.variables]
    exact_tables(
        system.source,
        lambda cells: fitted.encode(cells[:, order])[:, 0],
        pd.read_csv(snakemake.input.codebook),
        StageSettings.model_validate(snakemake.params.settings).kinetics,
        Path(snakemake.output.provenance).parent,
    )
