"""Sample: the frames that the page of a system shows, with their structures."""

from pathlib import Path

from mdllm.ensembles.sources import ensemble_files
from mdllm.page.sample import SampleInputs, sample
from mdllm.run.stage import stage

names = ("topology", "trajectory", "index", "cvs", "description", "new_frames")
files = {name: Path(snakemake.input[name]) for name in names}
ensembles = ensemble_files(files["index"].parent)
settings = {"most_bytes": snakemake.params.most_bytes}
with stage(
    "sample", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=files | ensembles
) as running:
    kept = sample(
        SampleInputs(**files, ensembles=ensembles), settings["most_bytes"], Path(snakemake.output.frames).parent
    )
    running.note(frames=kept)
