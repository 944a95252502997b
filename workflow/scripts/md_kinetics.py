"""MD kinetics: the tables of the MD that is learned, before any model."""

from pathlib import Path

from mdllm.analysis.kinetics.analyze import analyze_md
from mdllm.config.settings.stages import StageSettings
from mdllm.run.stage import stage

settings = snakemake.params.settings
files = {name: Path(snakemake.input[name]) for name in ("codes", "codebook")}
with stage(
    "md_kinetics", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=files
) as running:
    chosen = StageSettings.model_validate(settings)
    counts = analyze_md(
        **files,
        settings=chosen.kinetics,
        confidence=chosen.analysis.confidence,
        seed=chosen.seed,
        output=Path(snakemake.output.provenance).parent,
    )
    running.note(**counts)
