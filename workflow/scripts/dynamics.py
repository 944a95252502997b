"""Dynamics: how generated frames move, beside MD, nulls and elastic networks."""

from pathlib import Path

from mdllm.analysis.dynamics.judge import DynamicsInputs, judge_dynamics
from mdllm.config.settings.stages import sections
from mdllm.ensembles.sources import ensemble_files
from mdllm.run.stage import stage

files = {name: Path(snakemake.input[name]) for name in ("topology", "trajectory", "frames", "codes", "index")}
ensembles = ensemble_files(files["index"].parent)
settings, output = snakemake.params.settings, snakemake.output
with stage(
    "dynamics", output=output.provenance, log=snakemake.log[0], settings=settings, inputs=files | ensembles
) as running:
    notes = judge_dynamics(
        DynamicsInputs(**files, ensembles=ensembles),
        settings=sections(settings).dynamics,
        output=Path(output.about).parent,
    )
    running.note(**notes)
