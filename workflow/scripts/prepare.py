"""Prepare: raw frames to what is kept of them, with time, segment and state."""

from pathlib import Path

from mdllm.config.settings.system import Observables
from mdllm.core.records import read_json
from mdllm.prepare.run import prepare
from mdllm.run.stage import stage

settings = snakemake.params.settings
inputs = {"sources": snakemake.input.sources}
with stage(
    "prepare", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=inputs
) as running:
    counts = prepare(
        read_json(snakemake.input.sources),
        **{key: settings[key] for key in ("residues", "atoms", "sequence", "frame_interval_ps", "stride", "slow")},
        observables=Observables.model_validate(settings["observables"]),
        output=Path(snakemake.output.frames).parent,
    )
    running.note(**counts)
