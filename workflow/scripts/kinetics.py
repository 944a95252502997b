"""Kinetics: the same estimates from MD and from the model, beside exact ones where there are any."""

from pathlib import Path

from mdllm.analysis.kinetics.analyze import KineticsInputs, analyze_kinetics
from mdllm.config.settings.stages import sections
from mdllm.run.stage import stage
from mdllm.tokenizers.discretizers.discretize import CODEBOOK

settings = {**snakemake.params.settings, "about": snakemake.params.about}
files = {"codes": Path(snakemake.input.codes), "codebook": Path(snakemake.input.tokenizer) / CODEBOOK}
rollouts = [Path(path) for path in snakemake.input.rollouts]
trainings = [Path(path) / "training.json" for path in snakemake.input.models]
md = [Path(path) for path in snakemake.input.md]
exact = [Path(path) for path in snakemake.input.exact]
several = {"rollout": rollouts, "training": trainings}
inputs = files | {f"{name}_{number}": path for name, paths in several.items() for number, path in enumerate(paths)}
inputs |= {f"{path.parent.name}_{path.stem}": path for path in (*md, *exact)}
with stage(
    "kinetics", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=inputs
) as running:
    chosen = sections(snakemake.params.settings)
    counts = analyze_kinetics(
        KineticsInputs(
            **files,
            md=md[0].parent,
            rollouts=rollouts,
            trainings=trainings,
            exact=exact[0].parent if exact else None,
        ),
        system=snakemake.wildcards.system,
        variant=snakemake.wildcards.variant,
        about=snakemake.params.about,
        settings=chosen.kinetics,
        confidence=chosen.analysis.confidence,
        seed=chosen.seed,
        output=Path(snakemake.output.description).parent,
    )
    running.note(**counts)
