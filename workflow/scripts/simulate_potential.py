"""Simulate: walkers in a model potential."""

from mdllm.config.settings.system import Observables
from mdllm.run.stage import stage
from mdllm.simulation.potentials.settings import PotentialSource
from mdllm.simulation.potentials.walkers import simulate_walkers

settings = {key: snakemake.params[key] for key in ("source", "observables")}
with stage("simulate", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs={}):
    frames = simulate_walkers(
        PotentialSource.model_validate(settings["source"]), Observables.model_validate(settings["observables"])
    )
    frames.to_parquet(snakemake.output.frames)
