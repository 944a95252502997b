"""Join: the frames of the round before, and behind them what MD has kept of its proposals."""

from pathlib import Path

from mdllm.run.stage import stage
from mdllm.verification.rounds import RoundInputs, join

given = snakemake.input
names = ("sources", "topology", "trajectory", "frames", "slow", "simulations", "proposals", "simulated", "trajectories")
inputs = RoundInputs(**{name: Path(given[name]) for name in names})
about = {"number": snakemake.params.round, "context_frames": snakemake.params.context_frames}
with stage(
    "join",
    output=snakemake.output.provenance,
    log=snakemake.log[0],
    settings=about,
    inputs={name: getattr(inputs, name) for name in names if name != "trajectories"},
) as running:
    running.note(**join(inputs, **about, output=Path(snakemake.output.frames).parent))
