"""Base: one model over the proteins of a collection, on as many GPUs as the resource `gpu` says."""

from mdllm.bases.stage import BaseTraining

BaseTraining(
    inputs=dict(snakemake.input.items()),
    output=snakemake.output.provenance,
    log=snakemake.log[0],
    settings=snakemake.params.settings,
    threads=snakemake.threads,
).run_on(gpus=snakemake.resources.get("gpu", 1))
