"""Which frames are simulated, by one rule for the model and for its nulls.

Of each source the new frames are clustered as those of the model are, and the medoids of its largest clusters are
proposed, as many of each source; of its frames in each named state that was not trained on, likewise. Frames drawn at
random, one of each replica before any second one, say where MD takes what share of all that a source makes. Restarts
are what adaptive sampling does without a model: plain MD from the last training frames, and from those of the
least-visited clusters. Training frames, evenly spread, go through the same: they show what the rebuilding of atoms and
the force field alone do.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mdllm.analysis.novelty.clusters import find_medoids
from mdllm.analysis.novelty.threshold import Threshold
from mdllm.config.settings.stages import NoveltySettings
from mdllm.config.settings.system import OUTSIDE
from mdllm.config.settings.verification import VerificationSettings
from mdllm.core.geometry import pairwise_rmsd
from mdllm.core.records import read_json, read_npz
from mdllm.core.trajectories import TrajectoryWriter
from mdllm.ensembles.names import GENERATED, MD
from mdllm.ensembles.sources import Ensemble, open_ensembles, spread
from mdllm.observables.slow import SlowCoordinates
from mdllm.prepare.frames import open_listed, raw_frames
from mdllm.prepare.training_set import JOINED
from mdllm.verification.atoms import RawAtoms
from mdllm.verification.force_field import check_residues
from mdllm.verification.rebuild import rebuild
from mdllm.verification.restarts import least_visited
from mdllm.verification.verdict import CLUSTER, LAST_FRAMES, LEAST_VISITED, RANDOM, RESTART, STATE, TRAINING

logger = logging.getLogger(__name__)
_KEYS = ["source", "replica", "frame", "sample"]
_CLUSTERED = 5000  # training frames that least-visited clusters are made of, evenly spread


@dataclass(frozen=True)
class ProposalInputs:
    """Files of the stages before.

    Attributes:
        sources: `raw/sources.json`.
        topology, trajectory, frames, slow: `frames/topology.pdb`, `trajectory.xtc`, `frames.parquet` and `slow.npz`.
        codes: `tokens/codes.npz`, for the raw numbers of the training frames.
        ensembles: decoded trajectories by source, and `index`, their table.
        cvs, description: `analysis/cvs.parquet`, for the state of each frame, and `description.json`, for those that
            the model was trained on.
        new_frames, threshold: `novelty/frames.parquet` and `novelty.json`.
    """

    sources: Path
    topology: Path
    trajectory: Path
    frames: Path
    slow: Path
    codes: Path
    ensembles: dict[str, Path]
    index: Path
    cvs: Path
    description: Path
    new_frames: Path
    threshold: Path


def propose(
    inputs: ProposalInputs,
    *,
    selection: str,
    novelty: NoveltySettings,
    settings: VerificationSettings,
    seed: int,
    output: Path,
) -> dict:
    """Write `proposals.csv`, `backbones.xtc` and `structures/NAME.pdb`, heavy atoms, into `output`.

    Columns of the table: proposal (its name), kind (cluster, state, random, restart, training), source, group (number
    of the cluster, name of the state), replica, frame, sample; nearest_training_frame and rmsd_nm to it;
    side_chains_carried, _exchanged and _built (see `mdllm.verification.rebuild`).

    Returns:
        counts for the provenance record.

    Raises:
        InputError: residues that the force field does not know, which are named; or raw files that have changed.
    """
    ensembles = open_ensembles(
        inputs.topology,
        (inputs.trajectory, inputs.frames),
        inputs.index,
        inputs.ensembles,
        read_npz(inputs.codes)["frame"],
    )
    md = ensembles.pop(MD)
    sources = read_json(inputs.sources)
    universe = open_listed(sources["topology"], sources["trajectories"][0])
    known = RawAtoms(universe, selection, sources["topology"]["path"])
    training = np.flatnonzero(md.table["training"] & (md.table[JOINED] == 0))  # those of which raw frames have atoms
    compared = spread(training, novelty.training_frames)
    first = _read_raw(sources, known, md.table["frame"].to_numpy()[training[:1]])
    check_residues(rebuild(first[0][0], known, first), settings)
    if known.backbone_only:
        logger.warning("the raw trajectory holds backbones only: every side chain is built, none is known from MD")
    chosen = pd.DataFrame(
        [
            *_of_sources(inputs, ensembles, novelty, settings.proposals),
            *_of_training(md, spread(training, settings.proposals or settings.random_frames)),
            *_at_random(ensembles, settings.random_frames, seed),
            *_restarts(md, training, settings.restarts, SlowCoordinates.load(inputs.slow), seed),
        ]
    )
    backbones, rows = [], []
    md_points = md.pick(compared)[:, :, :3].reshape(len(compared), -1, 3)
    (output / "structures").mkdir(parents=True, exist_ok=True)
    for proposal in chosen.to_dict("records"):
        of_md = proposal["kind"] in (TRAINING, RESTART)
        ensemble = md if of_md else ensembles[proposal["source"]]
        backbone = ensemble.pick(np.array([proposal.pop("row")]))[0]
        distance = pairwise_rmsd(backbone[None, :, :3].reshape(1, -1, 3), md_points)[0]
        order = np.argsort(distance, kind="stable")[: settings.side_chain_frames]
        numbers = md.table["frame"].to_numpy()[compared[order]]
        if of_md:
            numbers = np.r_[proposal["frame"], numbers[numbers != proposal["frame"]]]
        built = rebuild(backbone, known, _read_raw(sources, known, numbers))
        built.write(output / "structures" / f"{proposal['proposal']}.pdb")
        backbones.append(backbone)
        sides = {"carried": built.carried, "exchanged": built.exchanged, "built": built.left_out}
        rows.append(
            {
                **proposal,
                "nearest_training_frame": int(numbers[0]),
                "rmsd_nm": distance[order[0]],
                **{f"side_chains_{key}": value for key, value in sides.items()},
            }
        )
    with TrajectoryWriter(output / "backbones.xtc") as writer:
        writer.write(np.array(backbones), np.arange(len(backbones)))
    pd.DataFrame(rows).to_csv(output / "proposals.csv", index=False)
    of_each = (chosen["source"] + " " + chosen["kind"]).value_counts(sort=False)
    return {"proposals": len(rows), "of_each": of_each.to_dict()}


def _of_sources(
    inputs: ProposalInputs,
    ensembles: dict[str, Ensemble],
    novelty: NoveltySettings,
    most: int,
) -> Iterator[dict]:
    """Medoids of the largest clusters of new frames, and of frames in named states, of model and nulls."""
    about = read_json(inputs.threshold)
    spans, threshold = spans_of(about)
    frames = pd.read_parquet(inputs.new_frames)
    state = pd.read_parquet(inputs.cvs)[[*_KEYS, "state"]]
    unnamed = {OUTSIDE, "", *read_json(inputs.description)["training_states"]}
    for source in (source for source in ensembles if source in GENERATED):
        own = frames[frames["source"] == source].merge(state, on=_KEYS, how="left").reset_index(drop=True)
        groups = {(CLUSTER, ""): np.flatnonzero(own["new"])}
        for name in sorted(set(own["state"]) - unnamed):
            groups[STATE, f"{name}_"] = np.flatnonzero(own["state"] == name)
        for (kind, prefix), rows in groups.items():
            candidates = spread(rows, novelty.cluster_frames)
            backbone = ensembles[source].pick(candidates)
            medoids = find_medoids(backbone, spans, threshold, novelty.cluster_distance)[:most]
            for number, row in enumerate(candidates[medoids] if len(medoids) else [], start=1):
                frame = own.iloc[row]
                yield {
                    "proposal": f"{source}_{kind}_{prefix}{number}",
                    "kind": kind,
                    "source": source,
                    "group": f"{prefix}{number}",
                    **{key: int(frame[key]) for key in ("replica", "frame", "sample")},
                    "row": int(row),
                }


def _at_random(ensembles: dict[str, Ensemble], count: int, seed: int) -> Iterator[dict]:
    """Frames of each source, the first ones of one order, so that a larger `count` goes on from a smaller one."""
    generated = {name: ensemble for name, ensemble in ensembles.items() if name in GENERATED}
    orders = {}
    for number, (source, ensemble) in enumerate(generated.items()):
        shuffled = ensemble.table.iloc[np.random.default_rng([seed, number]).permutation(len(ensemble.table))]
        orders[source] = shuffled.iloc[np.argsort(shuffled.groupby("replica").cumcount(), kind="stable")]
    for draw in range(count):
        for source, order in orders.items():
            if draw < len(order):
                frame = order.iloc[draw]
                place = {key: int(frame[key]) for key in ("replica", "frame", "sample")}
                about = {"kind": RANDOM, "source": source, "group": str(draw + 1)}
                yield {"proposal": f"{source}_{RANDOM}_{draw + 1}", **about, **place, "row": int(order.index[draw])}


def _restarts(
    md: Ensemble, training: np.ndarray, count: int, slow: SlowCoordinates | None, seed: int
) -> Iterator[dict]:
    if count:
        slow = slow or SlowCoordinates.fit(md.universe, md.table["segment"].to_numpy(), False, seed)
        rows = spread(training, _CLUSTERED)
        found = rows[least_visited(slow.compute(md.pick(rows)), count, seed)]
        yield from _of_training(md, training[-count:], RESTART, LAST_FRAMES)
        yield from _of_training(md, found, RESTART, LEAST_VISITED)


def _of_training(md: Ensemble, rows: np.ndarray, kind: str = TRAINING, source: str = TRAINING) -> Iterator[dict]:
    for number, row in enumerate(rows, start=1):
        frame = int(md.table["frame"].iloc[row])
        place = {"group": str(number), "replica": 0, "frame": frame, "sample": 0, "row": int(row)}
        yield {"proposal": f"{source}_{number}", "kind": kind, "source": source, **place}


def spans_of(about: dict) -> tuple[np.ndarray, Threshold]:
    """Spans (S, 2), by index, and the threshold, from the content of `novelty.json`."""
    spans = np.array([span["residues"] for span in about["spans"]])
    scales = [[span[key] for span in about["spans"]] for key in ("scale_nm", "scale_rad")]
    return spans, Threshold(np.concatenate([[about["scale_whole_nm"]], *scales]))


def _read_raw(sources: dict, known: RawAtoms, frames: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """`RawAtoms.read` of raw frames, by their numbers over all files, in the order given."""
    found = {frame: known.read(*raw) for frame, *raw in raw_frames(sources, frames)}
    return [found[int(frame)] for frame in frames]
