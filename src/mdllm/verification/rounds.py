"""Rounds: what MD has kept joins the training frames, and what each round has cost and found.

Proposing, verifying and learning again is adaptive sampling with a language model. The frames that join are those of
the last quarter of each simulation that started from a proposal of the model and ended where its proposal was kept, in
a named state, a new one or beside itself; they are MD, each simulation a segment of its own behind those of the
trajectory. Nothing joins of nulls, of restarts or of training frames.

Axes: F frames, L residues.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile

import numpy as np
import pandas as pd

from mdllm.core.errors import InputError
from mdllm.core.records import read_json
from mdllm.core.trajectories import TrajectoryWriter, iterate_backbone, open_backbone
from mdllm.ensembles.names import MODEL
from mdllm.prepare.frames import frame_interval
from mdllm.prepare.training_set import JOINED
from mdllm.verification.judge import last_quarter, read_simulated
from mdllm.verification.verdict import LOST, STAYED, TRAINING

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RoundInputs:
    """Files of the round before.

    Attributes:
        sources: `raw/sources.json`.
        topology, trajectory, frames, slow: of the frames that it stood on.
        simulations, proposals, simulated: `verification/simulations.csv`, `proposals.csv` and `frames.parquet`.
        trajectories: the folder `verification/trajectories`.
    """

    sources: Path
    topology: Path
    trajectory: Path
    frames: Path
    slow: Path
    simulations: Path
    proposals: Path
    simulated: Path
    trajectories: Path


def join(inputs: RoundInputs, *, number: int, context_frames: int | None, output: Path) -> dict:
    """Write `topology.pdb`, `trajectory.xtc`, `frames.parquet`, `slow.npz` and `joined.csv` into `output`.

    The first four are those of the stage prepare, with the frames that join at the end; the column `round` is 0 for
    frames of the trajectory. `joined.csv` says of each frame that joins: frame, segment, round, proposal, replica,
    outcome, and time_ps in its simulation.

    Args:
        number: of the round that the frames join, from 2.
        context_frames: frames that a model which continues frames has to see before the next; None: a model that
            redraws frames, for which time does not matter.

    Returns:
        counts for the provenance record.

    Raises:
        InputError: the simulations are too short for the model to learn from them.
    """
    table = pd.read_parquet(inputs.frames)
    table = table.assign(**{JOINED: table.get(JOINED, 0)})
    kept = kept_simulations(pd.read_csv(inputs.simulations), pd.read_csv(inputs.proposals))
    if kept.empty:
        logger.warning("MD has kept no proposal of the model: no frame joins before round %d", number)
    simulated = pd.read_parquet(inputs.simulated)
    interval = frame_interval(table[table[JOINED] == 0]) if context_frames else np.nan
    first = max(sum(file["frames"] for file in read_json(inputs.sources)["trajectories"]), table["frame"].max() + 1)
    parts, joined = [table], []
    with TrajectoryWriter(output / "trajectory.xtc") as writer:
        before = open_backbone(inputs.topology, inputs.trajectory)
        for rows, backbone in iterate_backbone(before):
            times = table["time_ps"].to_numpy()[rows]
            writer.write(backbone, np.where(np.isnan(times), table["frame"].to_numpy()[rows], times))
        for segment, row in enumerate(kept.itertuples(), start=table["segment"].max() + 1):
            stem = inputs.trajectories / f"{row.proposal}_{row.replica}"
            times, backbone = read_simulated(stem.with_suffix(".pdb"), stem.with_suffix(".xtc"))
            own = simulated[(simulated["proposal"] == row.proposal) & (simulated["replica"] == row.replica)]
            chosen = np.arange(len(times))[last_quarter(len(times))]
            if context_frames:
                chosen = _at_interval(chosen, times, interval, context_frames, row.proposal)
            frame = first + np.arange(len(chosen))
            first += len(chosen)
            same = {"frame": frame, "segment": np.int32(segment), JOINED: number - 1, "time_ps": times[chosen]}
            measured = own.iloc[chosen].reset_index(drop=True).reindex(columns=table.columns)
            parts.append(measured.assign(**same))
            about = {"proposal": row.proposal, "replica": row.replica, "outcome": row.outcome}
            joined.append(pd.DataFrame({**same, **about}))
            writer.write(backbone[chosen], times[chosen])
    for name in ("topology", "slow"):
        source = getattr(inputs, name)
        copyfile(source, output / source.name)
    pd.concat(parts, ignore_index=True).astype(table.dtypes).to_parquet(output / "frames.parquet", index=False)
    columns = ["frame", "segment", JOINED, "time_ps", "proposal", "replica", "outcome"]
    pd.concat([pd.DataFrame(columns=columns), *joined]).to_csv(output / "joined.csv", index=False)
    count = sum(map(len, joined))
    logger.info("%d frames of %d simulations join %d frames", count, len(kept), len(table))
    return {"frames": len(table) + count, "joined_frames": count, "joined_simulations": len(kept)}


def kept_simulations(simulations: pd.DataFrame, proposals: pd.DataFrame) -> pd.DataFrame:
    """Rows of `simulations.csv` of the model's proposals that MD has kept, and that end where most of theirs do."""
    of_model = proposals[(proposals["source"] == MODEL) & ~proposals["outcome"].isin(LOST)]
    found = simulations.merge(of_model[["proposal", "outcome"]], on="proposal")
    return found[found["where"] == found["outcome"]]


def _at_interval(
    chosen: np.ndarray, times: np.ndarray, interval: float, context_frames: int, proposal: str
) -> np.ndarray:
    """Of the chosen frames those that follow each other as frames of the trajectory do; all where nobody knows how."""
    if np.isnan(interval):
        logger.warning("the time between frames of the trajectory is unknown: frames of %s join as saved", proposal)
        step = 1
    else:
        saved = times[1] - times[0]
        step = round(interval / saved)
        if not step or abs(step * saved - interval) > 1e-3 * interval:
            raise InputError(
                f"verification.save_interval_ps: frames are saved every {saved:g} ps, and frames of the trajectory "
                f"come every {interval:g} ps, which is no multiple of it; choose one that is"
            )
    if len(chosen[::step]) <= context_frames:
        needed = 4 * (context_frames + 1) * step * (times[1] - times[0])
        raise InputError(
            f"verification.length_ps: the last quarter of {proposal} has {len(chosen[::step])} frames at the "
            f"trajectory's interval, and the model learns from {context_frames} frames what follows; simulate "
            f"{needed:g} ps, lower language.context_frames, or take a model that redraws frames (model.name base)"
        )
    return chosen[::step]


def round_table(verdicts: pd.DataFrame, simulated_ps: pd.Series, number: int, before: pd.DataFrame) -> pd.DataFrame:
    """What every round so far has cost and found, a row for each round and source.

    Columns: round, source; proposals, and simulated_ns of them; kept, those that MD has kept; states, how many
    different ones they end in, named or new; kept_per_ns, states_per_ns. States of a later round are new beside those
    that the model has found before it, since frames of these have joined; a null's may be the same again.

    Args:
        verdicts: the table `verification/proposals.csv`.
        simulated_ps: time that was simulated of each proposal, by its name.
        before: this table of the round before; empty in the first.
    """
    rows = []
    for source, own in verdicts[verdicts["kind"] != TRAINING].groupby("source", sort=False):
        kept = own[~own["outcome"].isin(LOST)]
        states = int(kept.loc[kept["outcome"] != STAYED, "outcome"].nunique())
        ns = float(simulated_ps[own["proposal"]].sum() / 1000)
        rates = (len(kept) / ns, states / ns) if ns else (np.nan, np.nan)
        rows.append((number, source, len(own), ns, len(kept), states, *rates))
    table = pd.DataFrame(rows, columns=ROUND_COLUMNS)
    return table if before.empty else pd.concat([before, table], ignore_index=True)


ROUND_COLUMNS = ["round", "source", "proposals", "simulated_ns", "kept", "states", "kept_per_ns", "states_per_ns"]
