"""Predict: what a model of dynamic properties says of a system, from its sequence, beside its MD."""

from pathlib import Path

from mdllm.run.stage import stage
from mdllm.seqdance.files import open_model, write_beside

files = {name: Path(path) for name, path in snakemake.input.items()}
record, log = snakemake.output.provenance, snakemake.log[0]
settings = {"dance": snakemake.wildcards.dance}
with stage("predict", output=record, log=log, settings=settings, inputs=files) as running:
    model = open_model(str(files["record"].parent))
    made = write_beside(files["topology"].parent, model, Path(record).parent)
    running.note(residues=int(made["residues"].sum()), windows=int(made["windows"].sum()))
