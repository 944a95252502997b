"""Simulate: frames of a system whose trajectory is made here."""

from pathlib import Path

from mdllm.config.settings.simulation import SimulationSource
from mdllm.run.preemption import watch_for_preemption
from mdllm.run.stage import stage
from mdllm.simulation.simulate import simulate

settings = snakemake.params.source
inputs = {"structure": snakemake.input.structure}
with (
    stage(
        f"simulate_{snakemake.wildcards.replica}",
        output=snakemake.output.provenance,
        log=snakemake.log[0],
        settings=settings,
        inputs=inputs,
    ) as running,
    watch_for_preemption() as preemption,
):
    notes = simulate(
        SimulationSource.model_validate(settings),
        Path(snakemake.input.structure),
        topology=Path(snakemake.output.topology),
        trajectory=Path(snakemake.output.trajectory),
        log=Path(snakemake.output.log),
        work_folder=running.work_folder(),
        threads=snakemake.threads,
        preemption=preemption,
    )
    running.note(threads=snakemake.threads, **notes)
