"""Decode: structures of the rollout, or of what a base has redrawn, and of the nulls."""

from pathlib import Path

from mdllm.config.settings.stages import sections
from mdllm.ensembles.decode import decode_ensembles
from mdllm.run.stage import stage

settings = snakemake.params.settings
inputs = {key: snakemake.input[key] for key in ("redrawn", "codes", "topology")}
rollout = Path(snakemake.input.rollout[0]) if snakemake.input.rollout else None
if rollout:
    inputs["rollout"] = rollout
inputs["tokenizer"] = Path(snakemake.input.tokenizer) / "tokenizer.safetensors"
with stage(
    "decode", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=inputs
) as running:
    chosen = sections(settings)
    counts = decode_ensembles(
        rollout=rollout,
        redrawn=Path(snakemake.input.redrawn),
        codes=Path(snakemake.input.codes),
        tokenizer=Path(snakemake.input.tokenizer),
        topology=Path(snakemake.input.topology),
        samples=chosen.decode.samples,
        seed=chosen.seed,
        output=Path(snakemake.output.frames).parent,
    )
    running.note(**counts)
