"""Novelty: what is new in the generated frames, beside held-out MD and the nulls."""

from pathlib import Path

from mdllm.analysis.novelty.find import NoveltyInputs, find_novelty
from mdllm.config.settings.stages import sections
from mdllm.ensembles.sources import ensemble_files, file_of_losses
from mdllm.run.stage import stage

given = snakemake.input
names = ("topology", "trajectory", "frames", "codes", "index", "quality")
files = {name: Path(given[name]) for name in (*names, "quality_frames", "description")}
files["losses"] = file_of_losses(Path(given.losses))
ensembles = ensemble_files(files["index"].parent)
files["tokenizer"] = Path(given.tokenizer)
settings = snakemake.params.settings
inputs = ensembles | {name: path for name, path in files.items() if path.is_file()}
inputs |= {path.name: path for path in files["tokenizer"].iterdir()}
with stage(
    "novelty", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=inputs
) as running:
    chosen = sections(settings)
    notes = find_novelty(
        NoveltyInputs(**files, ensembles=ensembles),
        settings=chosen.novelty,
        analysis=chosen.analysis,
        seed=chosen.seed,
        output=Path(snakemake.output.frames).parent,
    )
    running.note(**notes)
