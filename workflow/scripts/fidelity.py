"""Fidelity: what the codes lose, and whether that is within the limits."""

from pathlib import Path

import pandas as pd

from mdllm.config.settings.stages import sections
from mdllm.config.settings.system import Observables, TrainingSet
from mdllm.core.records import read_npz, write_json
from mdllm.core.trajectories import open_backbone, read_backbone
from mdllm.observables.bound import bind
from mdllm.observables.slow import SlowCoordinates
from mdllm.run.stage import stage
from mdllm.tokenizers.base import load_tokenizer
from mdllm.tokenizers.fidelity import check, measure, summarize

settings = {**snakemake.params.settings, "observables": snakemake.params.observables}
inputs = {key: snakemake.input[key] for key in ("topology", "trajectory", "frames", "slow", "codes")}
with stage("fidelity", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=inputs):
    limits = sections(snakemake.params.settings).fidelity
    universe = open_backbone(snakemake.input.topology, snakemake.input.trajectory)
    codes = read_npz(snakemake.input.codes)
    tokenizer = load_tokenizer(Path(snakemake.input.tokenizer))
    table = measure(
        tokenizer,
        universe,
        pd.read_parquet(snakemake.input.frames),
        codes["index"],
        bind(
            universe,
            Observables.model_validate(snakemake.params.observables),
            read_backbone(universe, codes["index"][:1])[0],
            SlowCoordinates.load(snakemake.input.slow),
        ),
        limits.unseen_frames,
    )
    fidelity = summarize(table, codes["codes"], codes["segment"], tokenizer)
    table.to_csv(snakemake.output.table, index=False)
    write_json(snakemake.output.fidelity, fidelity)
    check(fidelity, limits, TrainingSet.model_validate(snakemake.params.training_set).states)
