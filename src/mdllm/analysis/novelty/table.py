"""How much of each source is new, and which clusters of new frames the model finds more often than its nulls.

Intervals resample whole replicas, or blocks of a series that has none. A cluster is the model's where it finds it more
often than every null: the lower bound of the ratio of their shares lies above 1. A null that never reaches it counts as
if it had reached it once. The same doubts as in discovery stand beside the verdict: a model that predicts no better
than its baselines, or whose structures are worse than those of its null, has found nothing. And no cluster is a state
before MD has kept it.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from mdllm.analysis.novelty.residues import in_words
from mdllm.analysis.quality.geometry import METRICS
from mdllm.config.settings.stages import AnalysisSettings
from mdllm.core.bootstrap import Interval, blocks_of_series, interval_of_mean, interval_of_ratio
from mdllm.ensembles.names import GENERATED, LIKELIHOODS, MODEL, NULLS

HELD_OUT, HELD_OUT_CODED = "held_out", "held_out_coded"
MEASURES = ("novelty", "rmsd_nm", "span_rmsd_nm", "span_torsion_rad")
_JUDGED = [name for name, metric in METRICS.items() if metric.tolerance is not None]


def source_table(frames: pd.DataFrame, settings: AnalysisSettings, seed: int) -> pd.DataFrame:
    """One row per source: frames, units that the bootstrap resamples, share that is new with _low and _high, and the
    median and the 95th percentile of every measure.

    Args:
        frames: `novelty/frames.parquet`.
    """
    rows = []
    for number, (source, own) in enumerate(frames.groupby("source", sort=False)):
        rng = np.random.default_rng([seed, number])
        units = _units(own, source)
        share = interval_of_mean(own["new"].to_numpy(float), units, settings.confidence, settings.resamples, rng)
        row = {"source": source, "frames": len(own), "clusters": len(np.unique(units)), **_bounds("share_new", share)}
        for measure in MEASURES:
            median, high = own[measure].quantile([0.5, 0.95])
            row |= {f"{measure}_median": median, f"{measure}_p95": high}
        rows.append(row)
    return pd.DataFrame(rows)


def share_table(
    frames: pd.DataFrame, clusters: int, settings: AnalysisSettings, seed: int, nulls: Iterable[str] = NULLS
) -> pd.DataFrame:
    """One row per cluster and source, of model and `nulls`.

    Columns: cluster, source, frames_in_cluster, share with _low and _high, replicas_reached, first_frame (NaN where a
    source has no replicas), and for nulls times_more, by how much the model's share is larger, with _low and _high, and
    never_reached, where these are lower bounds.
    """
    sources = {source: own for source, own in frames.groupby("source", sort=False) if source in (MODEL, *nulls)}
    units = {source: _units(own, source) for source, own in sources.items()}
    rows = []
    for cluster in range(1, clusters + 1):
        inside = {source: (own["cluster"] == cluster).to_numpy(float) for source, own in sources.items()}
        for number, (source, own) in enumerate(sources.items()):
            rng = np.random.default_rng([seed, cluster, number])
            options = (settings.confidence, settings.resamples, rng)
            member = own[inside[source] > 0]
            replicas = source in GENERATED
            row = {
                "cluster": cluster,
                "source": source,
                "frames_in_cluster": len(member),
                **_bounds("share", interval_of_mean(inside[source], units[source], *options)),
                "replicas_reached": member["replica"].nunique() if replicas else np.nan,
                "first_frame": member["frame"].min() if replicas else np.nan,
            }
            if source != MODEL:
                ratio = interval_of_ratio((inside[MODEL], units[MODEL]), (inside[source], units[source]), *options)
                row |= {**_bounds("times_more", ratio), "never_reached": not len(member)}
            rows.append(row)
    columns = ["cluster", "source", "frames_in_cluster", "share", "share_low", "share_high", "replicas_reached"]
    columns += ["first_frame", "times_more", "times_more_low", "times_more_high", "never_reached"]
    return pd.DataFrame(rows, columns=columns)


def cluster_table(
    frames: pd.DataFrame,
    medoids: pd.DataFrame,
    shares: pd.DataFrame,
    residues: pd.DataFrame,
    quality: pd.DataFrame,
    doubts: list[str],
    length: int,
) -> pd.DataFrame:
    """One row per cluster of the model's new frames, the most frequent first.

    Columns: cluster; medoid_replica, medoid_frame, medoid_sample; nearest_training_frame, of the medoid, and
    rmsd_nm to it; novelty_median; log_likelihood_per_code_nats under the model and, of a product of a base and its
    tuned copy, log_likelihood_base_per_code_nats and log_likelihood_tuned_per_code_nats (else empty); the mean of every
    judged metric of quality, and structures_no_worse, whether none exceeds that of the reconstruction floor by more
    than is tolerated; residues_moved in words; more_often_than_nulls (None: not judged) and verdict in words.

    Args:
        frames: `novelty/frames.parquet` with the metrics of quality.
        medoids: rows of `frames`, in the order of the clusters.
        shares, residues: of `share_table` and `residue_table`.
        quality: `analysis/quality.csv`, with the source that is the floor.
        doubts: of `mdllm.analysis.discovery.table.doubts_about`.
        length: residues, codes per frame.
    """
    (name,) = quality["floor"].unique()
    floor = quality[quality["source"] == name].set_index("metric")["mean"].reindex(_JUDGED)
    tolerated = floor + pd.Series({name: METRICS[name].tolerance for name in _JUDGED})
    rows = []
    for cluster, (_, medoid) in enumerate(medoids.iterrows(), start=1):
        own = frames[(frames["source"] == MODEL) & (frames["cluster"] == cluster)]
        means = own[_JUDGED].mean()
        no_worse = bool((means[floor.notna()] <= tolerated[floor.notna()]).all())
        nulls = shares[(shares["cluster"] == cluster) & (shares["source"] != MODEL)]
        low = nulls["times_more_low"]
        more = None if low.isna().any() else bool((low > 1).all())
        rows.append(
            {
                "cluster": cluster,
                **{f"medoid_{key}": int(medoid[key]) for key in ("replica", "frame", "sample")},
                "nearest_training_frame": int(medoid["nearest_training_frame"]),
                "rmsd_nm": medoid["rmsd_nm"],
                "novelty_median": own["novelty"].median(),
                **{f"{name}_per_code_nats": own[f"{name}_nats"].mean() / length for name in LIKELIHOODS},
                **means.to_dict(),
                "structures_no_worse": no_worse,
                "residues_moved": in_words(residues[residues["cluster"] == cluster]),
                "more_often_than_nulls": more,
                "verdict": _verdict(more, no_worse, nulls, doubts),
            }
        )
    columns = ["cluster", "medoid_replica", "medoid_frame", "medoid_sample", "nearest_training_frame", "rmsd_nm"]
    columns += ["novelty_median", *(f"{name}_per_code_nats" for name in LIKELIHOODS), *_JUDGED]
    columns += ["structures_no_worse", "residues_moved"]
    return pd.DataFrame(rows, columns=[*columns, "more_often_than_nulls", "verdict"])


def _verdict(more: bool | None, no_worse: bool, nulls: pd.DataFrame, doubts: list[str]) -> str:
    if more is None:
        return "not judged: intervals need at least two replicas"
    if not more:
        equals = [NULLS[source] for source in nulls.loc[~(nulls["times_more_low"] > 1), "source"]]
        return f"no more often than its null ({' and '.join(equals)})"
    doubts = doubts if no_worse else [*doubts, "the structures of this cluster are worse than its null's"]
    return "more often than its nulls" + (f", but {' and '.join(dict.fromkeys(doubts))}" if doubts else "")


def _units(frames: pd.DataFrame, source: str) -> np.ndarray:
    """What the bootstrap resamples: replicas, or blocks of a series."""
    return frames["replica"].to_numpy() if source in GENERATED else blocks_of_series(frames["segment"].to_numpy())


def _bounds(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
