"""Causal trace: which positions and layers of a nanogpt carry what it predicts."""

from pathlib import Path

from mdllm.config.settings.stages import sections
from mdllm.models.diagnostics.causal_trace import causal_trace
from mdllm.run.stage import stage

settings = snakemake.params.settings
model = Path(snakemake.input.model)
inputs = {"codes": snakemake.input.codes, "weights": model / "model.safetensors"}
with stage(
    "causal_trace", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=inputs
) as running:
    chosen = sections(settings)
    counts = causal_trace(
        codes_file=Path(snakemake.input.codes),
        model_folder=model,
        settings=chosen.causal_trace,
        seed=chosen.seed,
        output_file=Path(snakemake.output.table),
        threads=snakemake.threads,
    )
    running.note(**counts)
