"""Verify: from the simulations of all proposals to tables and verdicts."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mdllm.analysis.discovery.measure import (
    NEAREST_TRUE_FRAMES,
    TrueFrames,
    closeness_of_description,
    skeleton,
)
from mdllm.analysis.novelty.spans import KnownFrames
from mdllm.config.settings.stages import NoveltySettings
from mdllm.config.settings.system import Observables
from mdllm.config.settings.verification import VerificationSettings
from mdllm.core.records import read_json, read_npz, write_json
from mdllm.core.trajectories import open_backbone, read_backbone
from mdllm.ensembles.sources import spread
from mdllm.observables.bound import bind
from mdllm.observables.slow import SlowCoordinates
from mdllm.verification.hand_over import hand_over
from mdllm.verification.judge import (
    Judge,
    ending,
    inverted,
    last_quarter,
    limit_of,
    read_simulated,
)
from mdllm.verification.new_states import breadth, end_of, find_new_states, reached_by
from mdllm.verification.propose import spans_of
from mdllm.verification.rounds import ROUND_COLUMNS, round_table
from mdllm.verification.run import Job, jobs
from mdllm.verification.verdict import (
    APART,
    ELSEWHERE,
    LOST,
    NEW_STATE,
    RESTART,
    STAYED,
    TRAINING,
    proposal_table,
    sentences,
)

_NO_ENDING = ("share_there", "rmsd_to_training_nm", "drift_nm", "novelty", "separation")


@dataclass(frozen=True)
class VerificationInputs:
    """Files of the stages before.

    Attributes:
        topology, trajectory, frames, slow: `frames/topology.pdb`, `trajectory.xtc`, `frames.parquet` and `slow.npz`.
        codes: `tokens/codes.npz`, for the raw numbers of the training frames.
        description: `analysis/description.json`, for the states trained on.
        threshold: `novelty/novelty.json`.
        proposals, backbones: `proposals/proposals.csv` and `backbones.xtc`.
        rounds: `verification/rounds.csv` of the round before; None in the first.
    """

    topology: Path
    trajectory: Path
    frames: Path
    slow: Path
    codes: Path
    description: Path
    threshold: Path
    proposals: Path
    backbones: Path
    rounds: Path | None = None


def verify(
    inputs: VerificationInputs,
    *,
    observables: Observables,
    novelty: NoveltySettings,
    settings: VerificationSettings,
    seed: int,
    round_number: int,
    work_folder: Path,
    output: Path,
) -> dict:
    """Write the tables of `verification/` into `output`, from finished simulations in `work_folder`.

    Args:
        round_number: of the round of proposals, from 1.

    Tables: `frames.parquet`, every frame of every simulation (see `Judge.frames`, with proposal, replica, time_ps);
    `simulations.csv`, where each ends (see `ending`), with minimized_energy_kj_mol, and `failure` in words where it
    could not be simulated; `proposals.csv` (see `proposal_table`); `states.csv` (see `reached_by`); `rounds.csv` (see
    `round_table`); `verdict.json`, the same in words. The trajectories are in `trajectories/PROPOSAL_REPLICA.xtc`, with
    their topologies; what production of each new state, and of each other proposal that was kept, starts from, in
    `states/NAME/` (see `mdllm.verification.hand_over`).

    Returns:
        counts for the provenance record.
    """
    proposals = pd.read_csv(inputs.proposals)
    judge = judge_of(inputs, observables, novelty)
    backbones = read_backbone(open_backbone(inputs.topology, inputs.backbones))
    start = dict(zip(proposals["proposal"], backbones, strict=True))
    done = jobs(proposals, settings, seed, work_folder)
    (output / "trajectories").mkdir(parents=True, exist_ok=True)
    training = set(proposals.loc[proposals["kind"] == TRAINING, "proposal"])
    controls = [_judged(job, judge, start[job.proposal], 1.0)[0] for job in done if job.proposal in training]
    limit = limit_of([row for row in controls if row["where"] != APART])
    simulations, frames, ends = [], [], {}
    for number, job in enumerate(done):
        row, table, end = _judged(job, judge, start[job.proposal], 1.0 if job.proposal in training else limit)
        simulations.append(row)
        if end is not None and (row["where"] in (STAYED, ELSEWHERE) or job.proposal in training):
            ends[number] = end
        if table is not None:
            frames.append(table)
            for path in (job.topology, job.trajectory):
                shutil.copyfile(path, output / "trajectories" / f"{job.proposal}_{job.replica}{path.suffix}")
    simulations = pd.DataFrame(simulations)
    meeting = breadth(np.array([end for row, end in ends.items() if done[row].proposal in training]), judge)
    middles = _name_new_states(simulations, ends, meeting, judge)
    verdicts = proposal_table(proposals, simulations)
    (output / "states").mkdir(exist_ok=True)
    for name, row in {**_kept(verdicts, simulations), **middles}.items():
        _, kept = read_simulated(done[row].topology, done[row].trajectory)
        hand_over(done[row], kept[last_quarter(len(kept))], judge.training, output / "states" / name)
    simulated_ps = settings.length_ps + settings.nvt_ps
    spent = simulations.assign(ps=simulations["failure"].isna() * simulated_ps).groupby("proposal")["ps"].sum()
    before = pd.DataFrame(columns=ROUND_COLUMNS) if inputs.rounds is None else pd.read_csv(inputs.rounds)
    round_table(verdicts, spent, round_number, before).to_csv(output / "rounds.csv", index=False)
    reached_by(verdicts).to_csv(output / "states.csv", index=False)
    simulations.to_csv(output / "simulations.csv", index=False)
    empty = pd.DataFrame({"proposal": [], "replica": [], "time_ps": []})
    pd.concat(frames or [empty], ignore_index=True).to_parquet(output / "frames.parquet")
    verdicts.to_csv(output / "proposals.csv", index=False)
    built = (verdicts["side_chains_carried"] + verdicts["side_chains_exchanged"]).sum() == 0
    about = {
        "sentences": sentences(verdicts),
        "limit": limit,
        "meeting_separation": meeting,
        "side_chains": "built, since the raw trajectory holds backbones only" if built else "of training frames",
        "simulated_ns": float(len(frames) * simulated_ps / 1000),
        "force_field": settings.solvent.force_field,
        "solvent": settings.solvent.type,
        "length_ps": settings.length_ps,
        "replicas": settings.replicas,
    }
    write_json(output / "verdict.json", about)
    return {"simulations": len(done), "outcomes": verdicts["outcome"].value_counts().to_dict()}


def judge_of(
    inputs: VerificationInputs,
    observables: Observables,
    novelty: NoveltySettings,
) -> Judge:
    description = read_json(inputs.description)
    training_states = description["training_states"]
    frames = pd.read_parquet(inputs.frames)
    universe = open_backbone(inputs.topology, inputs.trajectory)
    spans, threshold = spans_of(read_json(inputs.threshold))
    trained = np.flatnonzero(frames["frame"].isin(read_npz(inputs.codes)["frame"]))
    compared = spread(trained, novelty.training_frames)
    closeness = closeness_of_description(description)
    others = sorted(set(closeness) - set(training_states))
    true = {name: spread(np.flatnonzero(frames["state"] == name), NEAREST_TRUE_FRAMES) for name in others}
    first = read_backbone(universe, trained[:1])[0]
    training = read_backbone(universe, compared)
    return Judge(
        training=training,
        known=KnownFrames(training, spans),
        true={n: TrueFrames(skeleton(read_backbone(universe, rows)), closeness[n]) for n, rows in true.items()},
        spans=spans,
        threshold=threshold,
        near=novelty.cluster_distance,
        bound=bind(universe, observables, first, SlowCoordinates.load(inputs.slow)),
        training_states=training_states,
    )


def _name_new_states(simulations: pd.DataFrame, ends: dict[int, np.ndarray], meeting: float, judge: Judge) -> dict:
    """Enter new states into `where`; returns the row of the most central simulation of each, by a name for a folder.

    Args:
        ends: by row, of all simulations that may be in one, and perhaps of others.
        meeting: separation up to which two ends meet.
    """
    away = [row for row in ends if simulations.loc[row, "where"] in (STAYED, ELSEWHERE)]
    proposals = simulations.loc[away, "proposal"].tolist()
    names, middles = find_new_states(np.array([ends[row] for row in away]), proposals, meeting, judge)
    for row, name in zip(away, names, strict=True):
        if name:
            simulations.loc[row, "where"] = name
    return {names[end].replace(" ", "_"): away[end] for end in middles}


def _kept(verdicts: pd.DataFrame, simulations: pd.DataFrame) -> dict[str, int]:
    """A simulation, by its row, of each proposal that was kept and is in no new state."""
    kept = verdicts[~verdicts["kind"].isin([TRAINING, RESTART]) & ~verdicts["outcome"].isin(LOST)]
    return {
        row.proposal: simulations.index[
            (simulations["proposal"] == row.proposal) & (simulations["where"] == row.outcome)
        ][0]
        for row in kept.itertuples()
        if not row.outcome.startswith(NEW_STATE)
    }


def _judged(
    job: Job, judge: Judge, proposal: np.ndarray, limit: float
) -> tuple[dict, pd.DataFrame | None, np.ndarray | None]:
    """The row of `simulations.csv`, those of `frames.parquet`, and its end; none where nothing could be simulated."""
    result = job.result()
    row = {"proposal": job.proposal, "replica": job.replica}
    energy = {"minimized_energy_kj_mol": result.get("minimized_energy_kj_mol", np.nan)}
    if "failure" in result:
        nothing = dict.fromkeys(_NO_ENDING, np.nan)
        return {**row, "where": APART, **nothing, **energy, "failure": result["failure"]}, None, None
    times, backbone = read_simulated(job.topology, job.trajectory)
    table = judge.frames(backbone, proposal, limit)
    for number, (key, values) in enumerate({**row, "time_ps": times}.items()):
        table.insert(number, key, values)
    end = {**row, **ending(table), **energy, "failure": None}
    if mirrored := inverted(job.topology, job.trajectory):
        end |= {"where": APART, "failure": f"CA of {', '.join(mirrored)} turned inside out, so the start was knotted"}
    return end, table, end_of(backbone)
