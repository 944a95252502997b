"""Merge: the parts of a rollout, in the order of the replicas."""

from pathlib import Path

from mdllm.config.settings.stages import sections
from mdllm.models.base import weights_file
from mdllm.models.rollout.parts import merge_batches
from mdllm.run.stage import stage

settings = snakemake.params.settings
inputs = {"codes": snakemake.input.codes, "weights": weights_file(Path(snakemake.input.model))}
with stage(
    "rollout",
    output=snakemake.output.provenance,
    log=snakemake.log[0],
    settings=settings,
    inputs=inputs,
    code="mdllm.models.rollout.run",  # of a rollout in one job and in several alike: they share the work folder
) as running:
    chosen = sections(settings)
    counts = merge_batches(chosen.rollout, running.work_folder(), Path(snakemake.output.codes))
    running.note(**counts)
