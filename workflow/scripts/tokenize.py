"""Tokenize: fit a tokenizer on the training frames and write their codes."""

from pathlib import Path

import pandas as pd

from mdllm.config.settings.stages import StageSettings
from mdllm.config.settings.system import TrainingSet
from mdllm.prepare.training_set import select_training_frames
from mdllm.run.stage import stage
from mdllm.tokenizers.tokenize import tokenize

settings = {**snakemake.params.settings, "training_set": snakemake.params.training_set}
inputs = {key: snakemake.input[key] for key in ("topology", "trajectory", "frames")}
with stage(
    "tokenize", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=inputs
) as running:
    chosen = StageSettings.model_validate(snakemake.params.settings)
    training_set = TrainingSet.model_validate(snakemake.params.training_set)
    counts = tokenize(
        snakemake.input.topology,
        snakemake.input.trajectory,
        select_training_frames(pd.read_parquet(snakemake.input.frames), training_set),
        chosen.tokenizer,
        chosen.seed,
        Path(snakemake.output.codes).parent,
    )
    running.note(**counts)
