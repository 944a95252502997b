"""Simulate: walkers in a model potential."""

from mdllm.core.kinetics_settings import PotentialSource
from mdllm.core.stage import stage
from mdllm.data.potential import simulate_walkers

settings = {"source": snakemake.params.source, "axes": snakemake.params.axes}
with stage("simulate", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs={}):
    frames = simulate_walkers(PotentialSource.model_validate(settings["source"]), settings["axes"])
    frames.to_parquet(snakemake.output.frames)
