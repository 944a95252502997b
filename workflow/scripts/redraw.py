"""Redraw: spans of training frames, by a base where the variant's model is one, and by nulls."""

from pathlib import Path

import pandas as pd

from mdllm.config.settings.stages import sections
from mdllm.config.settings.system import TrainingSet
from mdllm.ensembles.redraw import Taught, redraw
from mdllm.run.stage import stage

settings = snakemake.params.settings
inputs = {key: Path(snakemake.input[key]) for key in ("topology", "trajectory", "frames", "codes")}
collection = [Path(table) for table in snakemake.input.collection]
taught = [Path(file) for file in snakemake.input.taught]
inputs |= {f"taught_{file.stem}_{file.suffix[1:]}": file for file in taught}
inputs |= {f"collection_{table.stem}": table for table in collection}
with stage(
    "redraw", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=inputs
) as running:
    chosen = sections(settings)
    counts = redraw(
        topology=inputs["topology"],
        trajectory=inputs["trajectory"],
        frames=pd.read_parquet(inputs["frames"]),
        codes=inputs["codes"],
        model=getattr(chosen, "model", None),
        rollout=getattr(chosen, "rollout", None),
        null=getattr(chosen, "redraw", None),
        seed=chosen.seed,
        collection=collection[0].parent if collection else None,
        taught=Taught(*taught, TrainingSet.model_validate(snakemake.params.taught)) if taught else None,
        output=Path(snakemake.output.structures).parent,
    )
    running.note(**counts)
