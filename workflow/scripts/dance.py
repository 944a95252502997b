"""Dance: a model of dynamic properties, from sequences of many proteins, on as many GPUs as the resource `gpu` says."""

from mdllm.seqdance.stage import DanceTraining

DanceTraining(
    inputs=dict(snakemake.input.items()),
    output=snakemake.output.record,
    log=snakemake.log[0],
    settings=snakemake.params.settings,
    threads=snakemake.threads,
).run_on(gpus=snakemake.resources.get("gpu", 1))
