"""Exact: the kinetics of a model potential on a grid, seen through the tokenizer's codes."""

from pathlib import Path

import pandas as pd

from mdllm.analysis.kinetics.exact import encoder, exact_tables
from mdllm.config.settings.stages import sections
from mdllm.config.settings.system import Observables
from mdllm.run.stage import stage
from mdllm.simulation.potentials.settings import PotentialSource
from mdllm.tokenizers.base import WEIGHTS
from mdllm.tokenizers.discretizers.discretize import CODEBOOK

given = {key: snakemake.params[key] for key in ("source", "observables")}
settings = {**snakemake.params.settings, **given}
tokenizer = Path(snakemake.input.tokenizer)
inputs = {"codebook": tokenizer / CODEBOOK, "tokenizer": tokenizer / WEIGHTS}
with stage("exact", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=inputs):
    exact_tables(
        PotentialSource.model_validate(given["source"]),
        encoder(tokenizer, Observables.model_validate(given["observables"])),
        pd.read_csv(inputs["codebook"], keep_default_na=False),
        sections(snakemake.params.settings).kinetics,
        Path(snakemake.output.provenance).parent,
    )
