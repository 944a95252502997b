"""Tokenize: one code per frame of a system whose kinetics are learned."""

from pathlib import Path

import pandas as pd

from mdllm.config.settings.kinetics import KineticSystemSettings
from mdllm.config.settings.stages import StageSettings
from mdllm.run.stage import stage
from mdllm.tokenizers.discretizers.tokenize_series import tokenize_series

settings = {**snakemake.params.settings, "system": snakemake.params.system}
atoms = [Path(path) for path in snakemake.input.atoms]
inputs = {"frames": snakemake.input.frames, **{path.suffix[1:]: path for path in atoms}}
with stage(
    "tokenize", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=inputs
) as running:
    chosen = StageSettings.model_validate(snakemake.params.settings)
    counts = tokenize_series(
        pd.read_parquet(snakemake.input.frames),
        tuple(atoms) or None,
        KineticSystemSettings.model_validate(snakemake.params.system),
        chosen.tokenizer,
        chosen.seed,
        Path(snakemake.output.codes).parent,
    )
    running.note(**counts)
