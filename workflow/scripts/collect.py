"""Collect: many proteins from many sources into shards, clusters and splits."""

from pathlib import Path

from mdllm.collections.collect import collect
from mdllm.config.settings.collection import CollectionSettings
from mdllm.run.stage import stage
from mdllm.sources.cache import cache_folder

settings = {**snakemake.params.settings, "systems": snakemake.params.systems}
evaluations = {Path(path).parent.name: path for path in snakemake.input.left_out}
inputs = {path: path for path in snakemake.input.files} | evaluations
with stage(
    "collect", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=inputs
) as running:
    counts = collect(
        CollectionSettings.model_validate(snakemake.params.settings),
        systems=snakemake.params.systems,
        evaluations=evaluations,
        cache=cache_folder(),
        work_folder=running.work_folder(),
        output=Path(snakemake.output.provenance).parent,
        threads=snakemake.threads,
    )
    running.note(**counts)
