"""MD kinetics: the tables of the MD that is learned, before any model."""

from pathlib import Path

from mdllm.analysis.kinetics.analyze import analyze_md
from mdllm.config.settings.stages import sections
from mdllm.run.stage import stage
from mdllm.tokenizers.discretizers.discretize import CODEBOOK

settings = snakemake.params.settings
files = {"codes": Path(snakemake.input.codes), "codebook": Path(snakemake.input.tokenizer) / CODEBOOK}
with stage(
    "md_kinetics", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=files
) as running:
    chosen = sections(settings)
    counts = analyze_md(
        **files,
        settings=chosen.kinetics,
        confidence=chosen.analysis.confidence,
        seed=chosen.seed,
        output=Path(snakemake.output.provenance).parent,
    )
    running.note(**counts)
