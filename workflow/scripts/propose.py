"""Propose: frames of the model and of its nulls, with heavy atoms, for simulations that decide."""

from pathlib import Path

from mdllm.config.settings.stages import sections
from mdllm.ensembles.sources import ensemble_files
from mdllm.run.stage import stage
from mdllm.verification.propose import ProposalInputs, propose

given = snakemake.input
ensembles = ensemble_files(Path(given.index).parent)
names = (
    "sources",
    "topology",
    "trajectory",
    "frames",
    "slow",
    "codes",
    "index",
    "cvs",
    "description",
    "new_frames",
    "threshold",
)
files = {name: Path(given[name]) for name in names}
about = {"selection": snakemake.params.selection}
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
        novelty=chosen.novelty,
        settings=chosen.verification,
        seed=chosen.seed,
        output=Path(snakemake.output.proposals).parent,
    )
    running.note(**notes)
