"""Find what is new: from trajectories of MD, model and nulls to the tables that figures and summary stand on."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mdllm.analysis.discovery.table import doubts_about
from mdllm.analysis.novelty.clusters import assign, find_medoids
from mdllm.analysis.novelty.held_out import ALONE, MEANING, HeldOut, held_out
from mdllm.analysis.novelty.residues import residue_names, residue_table, size_of_change, torsion_changes
from mdllm.analysis.novelty.spans import Distances, KnownFrames, sliding_spans
from mdllm.analysis.novelty.table import HELD_OUT, HELD_OUT_CODED, cluster_table, share_table, source_table
from mdllm.analysis.novelty.threshold import TYPICAL_SPAN_RAD, Threshold
from mdllm.analysis.quality.geometry import METRICS, bonded_neighbours
from mdllm.config.settings.stages import AnalysisSettings, NoveltySettings
from mdllm.core.geometry import superpose, with_oxygen
from mdllm.core.records import read_json, read_npz, write_json
from mdllm.core.trajectories import iterate_backbone, write_topology
from mdllm.ensembles.names import LIKELIHOODS, MD, MODEL, NULLS, ROUNDTRIP
from mdllm.ensembles.sources import Ensemble, open_ensembles, spread
from mdllm.prepare.training_set import JOINED
from mdllm.tokenizers.base import load_tokenizer

logger = logging.getLogger(__name__)
_CHUNK = 5000
_KEYS = ["source", "replica", "frame", "sample"]


@dataclass(frozen=True)
class NoveltyInputs:
    """Files of the stages before.

    Attributes:
        topology, trajectory, frames: `frames/topology.pdb`, `trajectory.xtc` and `frames.parquet`.
        codes, tokenizer: `tokens/codes.npz`, for the raw numbers of the training frames, and `tokens/tokenizer`.
        losses: `model/training.json`, or `redrawn/redrawn.json` where the model is a base.
        ensembles: decoded trajectories by source, and `index`, `ensemble/frames.parquet`.
        description, quality, quality_frames: of the stage analyze; the first for the states that were trained on.
    """

    topology: Path
    trajectory: Path
    frames: Path
    codes: Path
    tokenizer: Path
    losses: Path
    ensembles: dict[str, Path]
    index: Path
    description: Path
    quality: Path
    quality_frames: Path


def find_novelty(
    inputs: NoveltyInputs,
    *,
    settings: NoveltySettings,
    analysis: AnalysisSettings,
    seed: int,
    output: Path,
) -> dict:
    """Write the tables of `novelty/` into `output`.

    Args:
        seed: of the bootstrap.

    Tables: `frames.parquet`, of every frame that is judged its distances to the nearest training frame, its novelty
    and its cluster (0: none); `sources.csv`, `shares.csv`, `clusters.csv` (see `mdllm.analysis.novelty.table`),
    `residues.csv` (see `residue_table`); `structures/cluster_N.pdb` and `cluster_N_nearest.pdb`, the medoid of each
    cluster and the training frame nearest to it; `novelty.json`, what was compared with what.

    Returns:
        counts for the provenance record.

    Raises:
        InputError: a trajectory and its table differ.
    """
    ensembles = open_ensembles(
        inputs.topology,
        (inputs.trajectory, inputs.frames),
        inputs.index,
        inputs.ensembles,
        read_npz(inputs.codes)["frame"],
    )
    md = ensembles.pop(MD)
    spans = sliding_spans(bonded_neighbours(md.universe), settings.span_residues)
    training = spread(np.flatnonzero(md.table["training"]), settings.training_frames)
    known_backbone = md.pick(training)
    of_trajectory = set(md.table.loc[md.table["training"] & (md.table[JOINED] == 0), "state"])
    training_states = read_json(inputs.description)["training_states"]
    out = held_out(
        md.table,
        training,
        known_backbone,
        md.pick,
        [state for state in training_states if state in of_trajectory],
        load_tokenizer(inputs.tokenizer),
        spans,
        most=settings.held_out_frames,
        least=round(1 / (1 - settings.quantile)),
    )
    threshold = Threshold.fit(out.coded.measures(), settings.quantile)
    if out.kind == ALONE:
        threshold = threshold.with_typical()
    resids = md.universe.residues.resids
    number = md.table["frame"].to_numpy()
    known = KnownFrames(known_backbone, spans)
    parts = [
        _columns(
            md.table.iloc[out.rows].assign(source=source), distances, number[out.compared], threshold, spans, resids
        )
        for source, distances in ((HELD_OUT, out.raw), (HELD_OUT_CODED, out.coded))
    ]
    for ensemble in ensembles.values():
        for rows, backbone in iterate_backbone(ensemble.universe, chunk=_CHUNK):
            distances = known.distances(backbone)
            nearest = number[training[distances.nearest]]
            parts.append(_columns(ensemble.table.iloc[rows], distances, nearest, threshold, spans, resids))
        logger.info("%s: %d frames compared with %d training frames", ensemble.source, len(ensemble.table), len(known))
    frames = pd.concat(parts, ignore_index=True)
    model = ensembles[MODEL]
    new = np.flatnonzero(frames.loc[frames["source"] == MODEL, "new"])
    candidates = spread(new, settings.cluster_frames)
    every = find_medoids(model.pick(candidates), spans, threshold, settings.cluster_distance)
    chosen = every[: settings.clusters]
    if len(chosen) < len(every):
        logger.warning("%d clusters; the %d largest are looked at (novelty.clusters)", len(every), len(chosen))
    medoids = candidates[chosen] if len(chosen) else chosen.astype(int)
    centers = model.pick(medoids)
    frames = _with_clusters(frames, ensembles, centers, spans, threshold, settings.cluster_distance)
    residues = _residues(frames, model, md, out, settings.quantile)
    length = len(md.universe.residues)
    # Of a few structures the floor says nothing of a cluster: it is these, once each.
    nulls = [null for null in NULLS if out.kind != ALONE or null != ROUNDTRIP]
    shares = share_table(frames, len(medoids), analysis, seed, nulls)
    quality = pd.read_csv(inputs.quality)
    judged = frames.merge(pd.read_parquet(inputs.quality_frames)[[*_KEYS, *_other_metrics()]], on=_KEYS, how="left")
    medoid_rows = judged[judged["source"] == MODEL].iloc[medoids]
    doubts = doubts_about(read_json(inputs.losses), quality)
    clusters = cluster_table(judged, medoid_rows, shares, residues, quality, doubts, length)
    (output / "structures").mkdir(parents=True, exist_ok=True)
    frames.to_parquet(output / "frames.parquet", index=False)
    source_table(frames, analysis, seed).to_csv(output / "sources.csv", index=False)
    shares.to_csv(output / "shares.csv", index=False)
    clusters.to_csv(output / "clusters.csv", index=False)
    residues.to_csv(output / "residues.csv", index=False)
    _write_structures(output / "structures", md, centers, clusters)
    about = {
        "held_out": out.kind,
        "held_out_meaning": MEANING[out.kind],
        "held_out_frames": len(out.rows),
        "clusters_found": len(every),
        "training_frames": len(training),
        "quantile": settings.quantile,
        "span_residues": settings.span_residues,
        "scale_whole_nm": float(threshold.scale[0]),
        "spans": [
            {
                "residues": [int(a), int(b)],
                "resids": [int(resids[a]), int(resids[b])],
                "scale_nm": float(nm),
                "scale_rad": float(rad),
            }
            for (a, b), nm, rad in zip(spans, *np.split(threshold.scale[1:], 2), strict=True)
        ],
    }
    write_json(output / "novelty.json", about)
    return {"clusters": len(medoids), "new": {s: int(n) for s, n in frames.groupby("source")["new"].sum().items()}}


def _columns(
    table: pd.DataFrame,
    distances: Distances,
    nearest: np.ndarray,
    threshold: Threshold,
    spans: np.ndarray,
    resids: np.ndarray,
) -> pd.DataFrame:
    """Rows of `frames.parquet`, without clusters; of the spans the one that is the furthest beside held-out MD."""
    ratios = threshold.ratios(distances)
    of_nm, of_rad = np.split(ratios[:, 1:], 2, axis=1)
    names = np.array([f"{resids[first]}-{resids[last]}" for first, last in spans])
    at_nm, at_rad = of_nm.argmax(1), of_rad.argmax(1)
    frame = np.arange(len(table))
    novelty = ratios.max(1)
    return table[[*_KEYS, "segment", *(f"{name}_nats" for name in LIKELIHOODS)]].assign(
        rmsd_nm=distances.whole_nm,
        nearest_training_frame=nearest,
        span_rmsd_nm=distances.span_nm[frame, at_nm],
        span_of_rmsd=names[at_nm],
        span_torsion_rad=distances.span_rad[frame, at_rad],
        span_of_torsion=names[at_rad],
        novelty=novelty,
        new=novelty > 1,
    )


def _other_metrics() -> list[str]:
    return [name for name in METRICS if not name.startswith("rmsd_")]


def _rows_of(frames: pd.DataFrame, ensemble: Ensemble, chosen: pd.Series) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Chunks (rows of `frames`, backbones) of the chosen frames of an ensemble."""
    rows = np.flatnonzero(frames["source"] == ensemble.source)
    wanted = np.flatnonzero(chosen.to_numpy()[rows])
    for index, backbone in iterate_backbone(ensemble.universe, wanted, chunk=_CHUNK):
        yield rows[index], backbone


def _with_clusters(
    frames: pd.DataFrame,
    ensembles: dict[str, Ensemble],
    centers: np.ndarray,
    spans: np.ndarray,
    threshold: Threshold,
    distance: float,
) -> pd.DataFrame:
    """`frames` with `cluster` (0: none) and `separation` from its medoid (NaN where there is none)."""
    cluster, separation = np.zeros(len(frames), int), np.full(len(frames), np.nan)
    for ensemble in ensembles.values():
        for rows, backbone in _rows_of(frames, ensemble, frames["new"]):
            cluster[rows], separation[rows] = assign(backbone, centers, spans, threshold, distance)
    return frames.assign(cluster=cluster, separation=np.where(cluster > 0, separation, np.nan))


def _residues(frames: pd.DataFrame, model: Ensemble, md: Ensemble, out: HeldOut, quantile: float) -> pd.DataFrame:
    place = pd.Series(np.arange(len(md.table)), index=md.table["frame"])
    shown = size_of_change(torsion_changes(out.backbone, md.pick(out.compared)))
    expected = np.quantile(shown, quantile, axis=0)
    if out.kind == ALONE:
        expected = np.maximum(expected, TYPICAL_SPAN_RAD)
    members = (frames["source"] == MODEL) & (frames["cluster"] > 0)
    cluster, changes = [], []
    for rows, backbone in _rows_of(frames, model, members):
        nearest = place[frames["nearest_training_frame"].to_numpy()[rows]].to_numpy()
        changes.append(torsion_changes(backbone, md.pick(nearest)))
        cluster.append(frames["cluster"].to_numpy()[rows])
    names = residue_names(md.universe)
    empty = [np.zeros((0, len(names), 2))], [np.zeros(0, int)]
    changes, cluster = (np.concatenate(x) for x in ((changes, cluster) if cluster else empty))
    return residue_table(cluster, changes, expected, names)


def _write_structures(folder: Path, md: Ensemble, centers: np.ndarray, clusters: pd.DataFrame) -> None:
    place = pd.Series(np.arange(len(md.table)), index=md.table["frame"])
    for backbone, row in zip(centers, clusters.itertuples(), strict=True):
        nearest = md.pick(place[[row.nearest_training_frame]].to_numpy())
        name = f"cluster_{row.cluster}"
        medoid = with_oxygen(superpose(backbone[None, :, :3], nearest[0, :, :3]))
        write_topology(folder / f"{name}.pdb", md.universe, medoid[0])
        write_topology(folder / f"{name}_nearest.pdb", md.universe, nearest[0])
