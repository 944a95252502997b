"""Analyze: collective variables, quality, and discovery beside its nulls."""

from pathlib import Path

from mdllm.analysis.discovery.analyze import AnalysisInputs, analyze
from mdllm.config.settings.stages import sections
from mdllm.config.settings.system import Observables, TrainingSet
from mdllm.ensembles.sources import ensemble_files, file_of_losses
from mdllm.run.stage import stage

given = {key: snakemake.params[key] for key in ("training_set", "about", "plane", "observables")}
settings = {**snakemake.params.settings, **given}
names = ("topology", "trajectory", "frames", "slow", "codes", "index")
files = {name: Path(snakemake.input[name]) for name in names}
files["losses"] = file_of_losses(Path(snakemake.input.losses))
ensembles = ensemble_files(files["index"].parent)
with stage(
    "analyze",
    output=snakemake.output.provenance,
    log=snakemake.log[0],
    settings=settings,
    inputs={**files, **ensembles},
) as running:
    chosen = sections(snakemake.params.settings)
    counts = analyze(
        AnalysisInputs(**files, ensembles=ensembles),
        system=snakemake.wildcards.system,
        variant=snakemake.wildcards.variant,
        about=given["about"],
        plane=given["plane"] and tuple(given["plane"]),
        observables=Observables.model_validate(given["observables"]),
        training_states=TrainingSet.model_validate(given["training_set"]).states,
        settings=chosen.analysis,
        seed=chosen.seed,
        output=Path(snakemake.output.cvs).parent,
    )
    running.note(**counts)
