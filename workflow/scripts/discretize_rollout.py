"""Discretize: decoded frames of the model in one code each."""

from pathlib import Path

from mdllm.analysis.kinetics.generated import discretize_generated
from mdllm.config.settings.stages import sections
from mdllm.config.settings.system import Observables
from mdllm.run.stage import stage
from mdllm.tokenizers.base import WEIGHTS

settings = {**snakemake.params.settings, "observables": snakemake.params.observables}
discretizer = Path(snakemake.input.tokenizer)
inputs = {key: snakemake.input[key] for key in ("cvs", "topology", "ensemble")} | {"tokenizer": discretizer / WEIGHTS}
with stage(
    "discretize_rollout", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=inputs
) as running:
    counts = discretize_generated(
        Path(snakemake.input.cvs),
        (Path(snakemake.input.topology), Path(snakemake.input.ensemble)),
        discretizer,
        Observables.model_validate(snakemake.params.observables),
        sections(snakemake.params.settings).tokenizer.stride,
        Path(snakemake.output.codes),
    )
    running.note(**counts)
