"""Analyze: collective variables, quality, discovery beside its nulls, and the summary."""

from pathlib import Path

from mdllm.analysis.discovery.analyze import AnalysisInputs, analyze
from mdllm.config.settings.stages import StageSettings
from mdllm.config.settings.system import Observables
from mdllm.run.stage import stage

system, training_set = snakemake.params.system, snakemake.params.training_set
settings = {**snakemake.params.settings, "system": system, "training_set": training_set}
names = ("topology", "trajectory", "frames", "codes", "fidelity", "rollout", "ensemble")
files = {name: Path(snakemake.input[name]) for name in (*names, "roundtrip", "frequencies", "index")}
files["training"] = Path(snakemake.input.model) / "training.json"
with stage(
    "analyze", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=files
) as running:
    chosen = StageSettings.model_validate(snakemake.params.settings)
    counts = analyze(
        AnalysisInputs(**files),
        system=snakemake.wildcards.system,
        variant=snakemake.wildcards.variant,
        about=system["description"],
        plane=tuple(system["plane"]),
        observables=Observables.model_validate(system["observables"]),
        training_state=training_set["state"],
        settings=chosen.analysis,
        seed=chosen.seed,
        output=Path(snakemake.output.summary).parent,
    )
    running.note(**counts)
