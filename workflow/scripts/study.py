"""Study: what is measured of every run, and means over seeds."""

from mdllm.report.study.table import record_of, run_table, study_table
from mdllm.run.stage import stage

settings = {"runs": snakemake.params.runs, "confidence": snakemake.params.confidence}
inputs = {path: record_of(path) for path in snakemake.input}
with stage("study", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=inputs):
    runs = run_table(settings["runs"])
    runs.to_csv(snakemake.output.runs, index=False)
    axes = list(settings["runs"][0]["axes"])
    study_table(runs, axes, settings["confidence"]).to_csv(snakemake.output.study, index=False)
