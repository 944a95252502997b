"""One part of a rollout: every n-th batch of replicas, into the work folder that all parts share."""

from dataclasses import replace
from pathlib import Path

from mdllm.config.settings.stages import sections
from mdllm.models.base import weights_file
from mdllm.models.rollout.parts import batches_of
from mdllm.models.rollout.run import run_batches
from mdllm.run.stage import stage

settings = snakemake.params.settings
model = Path(snakemake.input.model)
inputs = {"codes": snakemake.input.codes, "weights": weights_file(model)}
number, parts = map(int, snakemake.wildcards.scatteritem.split("-of-"))
with stage(
    "rollout_part",
    output=snakemake.output.part,
    log=snakemake.log[0],
    settings=settings,
    inputs=inputs,
    code="mdllm.models.rollout.run",  # of a rollout in one job and in several alike: they share the work folder
) as running:
    chosen = sections(settings)
    made, device = run_batches(
        batches=batches_of(chosen.rollout)[number - 1 :: parts],
        codes_file=Path(snakemake.input.codes),
        model_folder=model,
        language=chosen.language,
        settings=chosen.rollout,
        seed=chosen.seed,
        work_folder=replace(running, name="rollout").work_folder(),
        threads=snakemake.threads,
    )
    running.note(device=device, threads=snakemake.threads, frames_made=made)
