"""Tokenize: fit a tokenizer on the training frames, or a discretizer on all of them, and write their codes."""

from pathlib import Path

from mdllm.config.settings.stages import sections
from mdllm.run.stage import stage
from mdllm.tokenizers.base import WEIGHTS
from mdllm.tokenizers.tokenize import tokenize

given = {key: snakemake.params[key] for key in ("training_set", "observables")}
settings = {**snakemake.params.settings, **given}
inputs = {key: Path(path) for key, path in snakemake.input.items() if path}
checked = {key: path / WEIGHTS if path.is_dir() else path for key, path in inputs.items()}
with stage(
    "tokenize", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=checked
) as running:
    chosen = sections(snakemake.params.settings)
    output = Path(snakemake.output.codes).parent
    running.note(**tokenize(inputs, chosen.tokenizer, chosen.seed, output, **given))
