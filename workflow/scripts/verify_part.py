"""One part of the simulations of proposals: every n-th, into the work folder that all parts share."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from mdllm.config.settings.stages import sections
from mdllm.run.preemption import watch_for_preemption
from mdllm.run.stage import stage
from mdllm.verification.run import jobs, run_jobs

settings = snakemake.params.settings
structures = Path(snakemake.input.structures)
inputs = {"proposals": snakemake.input.proposals, **{path.name: path for path in structures.glob("*.pdb")}}
number, parts = map(int, snakemake.wildcards.scatteritem.split("-of-"))
with (
    stage(
        "verify_part",
        output=snakemake.output.part,
        log=snakemake.log[0],
        settings=settings,
        inputs=inputs,
        code="mdllm.verification.verify",  # of every part and of the judgement alike: they share the work folder
    ) as running,
    watch_for_preemption() as preemption,
):
    chosen = sections(settings)
    work_folder = replace(running, name="verify").work_folder()
    every = jobs(pd.read_csv(snakemake.input.proposals), chosen.verification, chosen.seed, work_folder)
    notes = run_jobs(every[number - 1 :: parts], structures, chosen.verification, snakemake.threads, preemption)
    running.note(threads=snakemake.threads, **notes)
