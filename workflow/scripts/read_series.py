"""Read series: state numbers of the files of a series as the table of prepared frames."""

from mdllm.config.settings.system import Observables
from mdllm.prepare.series import series_frames
from mdllm.run.stage import stage
from mdllm.sources.cache import cache_folder
from mdllm.sources.series import SeriesSource, find_series

settings = {key: snakemake.params[key] for key in ("source", "interval_ps", "observables")}
inputs = {f"file_{number}": path for number, path in enumerate(snakemake.input.files)}
with stage(
    "prepare", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=inputs
) as running:
    source = SeriesSource.model_validate(settings["source"])
    observables = Observables.model_validate(settings["observables"])
    frames = series_frames(find_series(source, cache_folder()), source, settings["interval_ps"], observables)
    frames.to_parquet(snakemake.output.frames)
    running.note(frames=len(frames), trajectories=int(frames["segment"].max()) + 1)
