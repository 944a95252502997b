"""Base: one model over the proteins of a collection."""

from pathlib import Path

from mdllm.bases.settings import BaseSettings
from mdllm.bases.train import train_base
from mdllm.collections.reader import Collection
from mdllm.run.stage import stage

inputs = {"proteins": snakemake.input.proteins, "segments": snakemake.input.segments}
with stage(
    "base",
    output=snakemake.output.provenance,
    log=snakemake.log[0],
    settings=snakemake.params.settings,
    inputs=inputs,
) as running:
    record = train_base(
        BaseSettings.model_validate(snakemake.params.settings),
        Collection(Path(snakemake.input.proteins).parent),
        work_folder=running.work_folder(),
        output=Path(snakemake.output.provenance).parent,
        threads=snakemake.threads,
    )
    running.note(device=record["device"], processes=record["processes"], threads=record["threads"])
