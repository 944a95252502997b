"""Propose: frames of the model and of its nulls, with heavy atoms, for simulations that decide."""

from pathlib import Path

from mdllm.config.settings.stages import sections
from mdllm.config.settings.system import TrainingSet
from mdllm.run.stage import stage
from mdllm.verification.propose import ProposalInputs, propose

given = snakemake.input
ensembles = {source: Path(given[source]) for source in ("model", "roundtrip", "frequencies")}
names = ("sources", "topology", "trajectory", "frames", "codes", "index", "cvs", "new_frames", "threshold")
files = {name: Path(given[name]) for name in names}
about = {"selection": snakemake.params.selection, "training_set": snakemake.params.training_set}
with stage(
    "propose",
    output=snakemake.output.provenance,
    log=snakemake.log[0],
    settings={**snakemake.params.settings, **about},
    inputs={**files, **ensembles},
) as running:
    chosen = sections(snakemake.params.settings)
    notes = propose(
        ProposalInputs(**files, ensembles=ensembles),
        selection=about["selection"],
        training_states=TrainingSet.model_validate(about["training_set"]).states,
        novelty=chosen.novelty,
        settings=chosen.verification,
        output=Path(snakemake.output.proposals).parent,
    )
    running.note(**notes)
