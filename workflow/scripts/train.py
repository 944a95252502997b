"""Train: a model on the codes of the training frames, on as many GPUs as the resource `gpu` says."""

from mdllm.models.training.processes import Training

Training(
    codes=snakemake.input.codes,
    model=snakemake.output.model,
    log=snakemake.log[0],
    settings=snakemake.params.settings,
    threads=snakemake.threads,
    before=snakemake.input.get("before") or None,
).run_on(gpus=snakemake.resources.get("gpu", 1))
