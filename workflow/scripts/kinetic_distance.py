"""Kinetic distances between codes: of a nanogpt's embeddings and predictions, beside those of MD."""

from pathlib import Path

from mdllm.models.diagnostics.kinetic_distance import kinetic_distances
from mdllm.run.stage import stage
from mdllm.tokenizers.discretizers.discretize import CODEBOOK

settings, model = snakemake.params.settings, Path(snakemake.input.model)
files = {"codes": Path(snakemake.input.codes), "codebook": Path(snakemake.input.tokenizer) / CODEBOOK}
inputs = files | {"weights": model / "model.safetensors"}
with stage(
    "kinetic_distance", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=inputs
):
    kinetic_distances(
        codes_file=files["codes"],
        codebook_file=files["codebook"],
        model_folder=model,
        pairs_file=Path(snakemake.output.pairs),
        agreement_file=Path(snakemake.output.agreement),
    )
