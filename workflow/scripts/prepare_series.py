"""Prepare: chosen atoms and collective variables of every raw frame."""

from pathlib import Path

from pydantic import TypeAdapter

from mdllm.config.settings.system import CollectiveVariable
from mdllm.core.records import read_json
from mdllm.prepare.series import prepare_series
from mdllm.run.stage import stage

settings = snakemake.params.settings
inputs = {"sources": snakemake.input.sources}
with stage(
    "prepare", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=inputs
) as running:
    counts = prepare_series(
        read_json(snakemake.input.sources),
        atoms=settings["atoms"],
        frame_interval_ps=settings["frame_interval_ps"],
        variables=TypeAdapter(dict[str, CollectiveVariable]).validate_python(settings["collective_variables"]),
        output=Path(snakemake.output.frames).parent,
    )
    running.note(**counts)
