"""Verify: where the simulations of all proposals end, and what that says."""

from pathlib import Path

from mdllm.config.settings.stages import sections
from mdllm.config.settings.system import Observables
from mdllm.run.stage import stage
from mdllm.verification.verify import VerificationInputs, verify

given, settings = snakemake.input, snakemake.params.settings
names = ("topology", "trajectory", "frames", "slow", "codes", "description", "threshold", "proposals", "backbones")
inputs = {"proposals": given.proposals, **{path.name: path for path in Path(given.structures).glob("*.pdb")}}
with stage(
    "verify",
    output=snakemake.output.provenance,
    log=snakemake.log[0],
    settings=settings,
    inputs=inputs,
    code="mdllm.verification.verify",  # of the parts as well: they share the work folder
) as running:
    chosen = sections(settings)
    notes = verify(
        VerificationInputs(
            **{name: Path(given[name]) for name in names},
            rounds=Path(given.rounds) if given.get("rounds") else None,
        ),
        observables=Observables.model_validate(snakemake.params.observables),
        novelty=chosen.novelty,
        settings=chosen.verification,
        seed=chosen.seed,
        round_number=snakemake.params.round,
        work_folder=running.work_folder(),
        output=Path(snakemake.output.verdict).parent,
    )
    running.note(observables=snakemake.params.observables, **notes)
