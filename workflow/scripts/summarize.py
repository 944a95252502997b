"""Summarize: all results of one system and variant in one JSON file."""

from pathlib import Path

from mdllm.config.settings.stages import sections
from mdllm.core.records import write_json
from mdllm.report.summarize import SummaryInputs, summarize
from mdllm.run.stage import stage

given = snakemake.input
files = SummaryInputs(
    codes=Path(given.codes),
    trainings=[Path(model) / "training.json" for model in given.models],
    rollout=Path(given.rollout),
    base=Path(given.base) if given.base else None,
    fidelity=Path(given.fidelity[0]) if given.fidelity else None,
    analysis=Path(given.quality[0]).parent if given.quality else None,
    novelty=Path(given.novelty[0]).parent if given.novelty else None,
    dynamics=Path(given.dynamics[0]).parent if given.dynamics else None,
    verification=Path(given.verification[0]).parent if given.verification else None,
    kinetics=Path(given.kinetics[0]).parent if given.kinetics else None,
)
settings = {**snakemake.params.settings, "conditions": snakemake.params.conditions, "about": snakemake.params.about}
inputs = {str(path): path for path in (files.codes, files.rollout, *files.trainings, files.base) if path}
inputs |= {
    path: path
    for path in (
        *given.fidelity,
        *given.quality,
        *given.discovery,
        *given.novelty,
        *given.dynamics,
        *given.verification,
        *given.kinetics,
    )
}
with stage("summarize", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=inputs):
    summary = summarize(
        files,
        system=snakemake.wildcards.system,
        variant=snakemake.wildcards.variant,
        about=snakemake.params.about,
        confidence=sections(snakemake.params.settings).analysis.confidence,
        conditions=snakemake.params.conditions,
    )
    write_json(snakemake.output.summary, summary)
