"""Prepare: raw frames to backbone frames with time, segment and state."""

from pathlib import Path

from mdllm.config.settings.system import Observables
from mdllm.core.records import read_json
from mdllm.prepare.trajectory import prepare
from mdllm.run.stage import stage

settings = snakemake.params.settings
inputs = {"sources": snakemake.input.sources}
with stage(
    "prepare", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=inputs
) as running:
    counts = prepare(
        read_json(snakemake.input.sources),
        selection=settings["selection"],
        frame_interval_ps=settings["frame_interval_ps"],
        stride=settings["stride"],
        observables=Observables.model_validate(settings["observables"]),
        output=Path(snakemake.output.frames).parent,
    )
    running.note(**counts)
