"""Decode: structures of the rollout and of both null models."""

from pathlib import Path

from mdllm.config.settings.stages import sections
from mdllm.language.decode import decode_ensembles
from mdllm.run.stage import stage

settings = snakemake.params.settings
inputs = {key: snakemake.input[key] for key in ("rollout", "codes", "topology")}
inputs["tokenizer"] = Path(snakemake.input.tokenizer) / "tokenizer.safetensors"
with stage(
    "decode", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=inputs
) as running:
    chosen = sections(settings)
    counts = decode_ensembles(
        rollout=Path(snakemake.input.rollout),
        codes=Path(snakemake.input.codes),
        tokenizer=Path(snakemake.input.tokenizer),
        topology=Path(snakemake.input.topology),
        samples=chosen.decode.samples,
        seed=chosen.seed,
        output=Path(snakemake.output.frames).parent,
    )
    running.note(**counts)
