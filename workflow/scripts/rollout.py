"""Rollout: the model continues the last training frames."""

from pathlib import Path

from mdllm.config.settings.stages import sections
from mdllm.models.base import weights_file
from mdllm.models.rollout.run import rollout
from mdllm.run.stage import stage

settings = snakemake.params.settings
model = Path(snakemake.input.model)
inputs = {"codes": snakemake.input.codes, "weights": weights_file(model)}
with stage(
    "rollout",
    output=snakemake.output.provenance,
    log=snakemake.log[0],
    settings=settings,
    inputs=inputs,
    code="mdllm.models.rollout.run",  # of a rollout in one job and in several alike: they share the work folder
) as running:
    chosen = sections(settings)
    counts = rollout(
        codes_file=Path(snakemake.input.codes),
        model_folder=model,
        language=chosen.language,
        settings=chosen.rollout,
        seed=chosen.seed,
        output_file=Path(snakemake.output.codes),
        work_folder=running.work_folder(),
        threads=snakemake.threads,
    )
    running.note(**counts)
