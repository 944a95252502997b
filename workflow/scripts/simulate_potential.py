"""Simulate: walkers in a model potential."""

from mdllm.config.settings.kinetics import PotentialSource
from mdllm.run.stage import stage
from mdllm.simulation.potentials.walkers import simulate_walkers

settings = {"source": snakemake.params.source, "axes": snakemake.params.axes}
with stage("simulate", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs={}):
    frames = simulate_walkers(PotentialSource.model_validate(settings["source"]), settings["axes"])
    frames.to_parquet(snakemake.output.frames)
