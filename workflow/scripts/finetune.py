"""Fine-tune: a model on the codes of the training frames."""

from pathlib import Path

from mdllm.core.settings import StageSettings
from mdllm.core.stage import stage
from mdllm.models.training import finetune

settings = snakemake.params.settings
inputs = {"codes": snakemake.input.codes}
provenance = Path(snakemake.output.model) / "provenance.json"
with stage("finetune", output=provenance, log=snakemake.log[0], settings=settings, inputs=inputs) as running:
    chosen = StageSettings.model_validate(settings)
    report = finetune(
        codes_file=Path(snakemake.input.codes),
        language=chosen.language,
        model=chosen.model,
        training=chosen.training,
        seed=chosen.seed,
        output_folder=provenance.parents[1],
        work_folder=running.work_folder(),
        threads=snakemake.threads,
    )
    running.note(device=report["device"], threads=snakemake.threads)
