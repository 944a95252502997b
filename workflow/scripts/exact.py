"""Exact: the kinetics of a model potential on a grid, seen through the tokenizer's codes."""

from pathlib import Path

from mdllm.analysis.kinetics.exact import exact_tables
from mdllm.config.settings.stages import sections
from mdllm.config.settings.system import Observables
from mdllm.run.stage import stage
from mdllm.simulation.potentials.settings import PotentialSource
from mdllm.tokenizers.base import WEIGHTS

given = {key: snakemake.params[key] for key in ("source", "observables")}
settings = {**snakemake.params.settings, **given}
tokenizer = Path(snakemake.input.tokenizer)
inputs = {"codebook": tokenizer / "codebook.csv", "tokenizer": tokenizer / WEIGHTS}
with stage("exact", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=inputs):
    exact_tables(
        PotentialSource.model_validate(given["source"]),
        tokenizer,
        Observables.model_validate(given["observables"]),
        sections(snakemake.params.settings).kinetics,
        Path(snakemake.output.provenance).parent,
    )
