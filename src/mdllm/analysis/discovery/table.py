"""Discovery: does the model reach a state more than its nulls do?

For each state and source: the share of frames in it, the first generated frame of each replica that is in it, and how
close frames come to what is known of the state. Intervals resample whole replicas (model, frequencies) or blocks of
the series (roundtrip, which has no replicas).

A tokenizer alone can move frames across the border of a state, and so can random codes: a share above zero is no
discovery by itself. The model beats its nulls where the lower bound of its interval lies above the upper bounds of
both (for a distance: its upper bound below both lower bounds). For the training state the question is the opposite
one: whether the model stays.

Nor are these nulls enough for a model that has learned nothing: codes at random reach every state. So a state counts
as found only by a model that predicts better than its baselines and whose structures are no worse than its null's;
otherwise the verdict names the doubt.
"""

import numpy as np
import pandas as pd

from mdllm.analysis.bootstrap import Interval, blocks_of_series, interval_of_mean, interval_of_median
from mdllm.analysis.discovery.ensembles import FREQUENCIES, GENERATED, MODEL, ROUNDTRIP
from mdllm.analysis.discovery.measure import to_reference, to_true
from mdllm.config.settings.stages import AnalysisSettings

NULLS = {ROUNDTRIP: "encode→decode", FREQUENCIES: "code frequencies"}
_DISTANCES = {"rmsd_to_true_nm": to_true, "rmsd_to_reference_nm": to_reference}


def discovery_table(
    cvs: pd.DataFrame,
    states: list[str],
    training_states: list[str],
    doubts: list[str],
    settings: AnalysisSettings,
    seed: int,
) -> pd.DataFrame:
    """One row per state and source (model, roundtrip, frequencies).

    Columns: state, training_state (bool), source, frames, clusters (replicas or blocks); share with _low and _high;
    replicas_reached, first_frame_min, first_frame_median (over the replicas that reach it; generated sources only);
    for rmsd_to_true_nm and rmsd_to_reference_nm the _median, _low, _high and _min over frames, NaN where nothing is
    known; and on the rows of the model `beats_nulls`, `closer_than_nulls` (to true frames, or to references where
    there are none) and `verdict` in words.

    Args:
        cvs: the table of `mdllm.analysis.discovery.measure.measure`, all sources.
        doubts: what speaks against the model as a whole, from `doubts_about`.
        seed: of the bootstrap draws.
    """
    rows = []
    for state in states:
        by_source = {}
        for number, source in enumerate((MODEL, *NULLS)):
            rng = np.random.default_rng([seed, number])
            by_source[source] = _row(cvs[cvs["source"] == source], state, source, settings, rng)
        by_source[MODEL].update(_judge(by_source, state in training_states, doubts))
        rows += [{"state": state, "training_state": state in training_states, **row} for row in by_source.values()]
    return pd.DataFrame(rows)


def _row(frames: pd.DataFrame, state: str, source: str, settings: AnalysisSettings, rng: np.random.Generator) -> dict:
    inside = (frames["state"] == state).to_numpy()
    cluster = frames["replica"].to_numpy() if source in GENERATED else blocks_of_series(frames["segment"].to_numpy())
    options = (cluster, settings.confidence, settings.resamples, rng)
    share = interval_of_mean(inside.astype(float), *options)
    row = {
        "source": source,
        "frames": len(frames),
        "clusters": len(np.unique(cluster)),
        "share": share.value,
        "share_low": share.low,
        "share_high": share.high,
        "replicas_reached": np.nan,
        "first_frame_min": np.nan,
        "first_frame_median": np.nan,
    }
    if source in GENERATED:
        first = frames[inside].groupby("replica")["frame"].min()
        row |= {
            "replicas_reached": len(first),
            "first_frame_min": first.min(),
            "first_frame_median": first.median(),
        }
    for name, column in _DISTANCES.items():
        values = frames[column(state)].to_numpy()
        known = np.isfinite(values).all()
        median = interval_of_median(values, *options) if known else Interval(np.nan, np.nan, np.nan)
        row |= {
            f"{name}_median": median.value,
            f"{name}_low": median.low,
            f"{name}_high": median.high,
            f"{name}_min": values.min() if known else np.nan,
        }
    return row


def doubts_about(training: dict, quality: pd.DataFrame) -> list[str]:
    """Why a model's frames in a state would be no discovery, in words; empty where nothing speaks against it.

    Args:
        training: `training.json`, with the validation loss and both baselines.
        quality: the table of `mdllm.analysis.quality.table.quality_table`.
    """
    doubts = []
    if training["validation_loss"] >= min(training["baseline_frequencies"], training["baseline_persistence"]):
        doubts.append("it predicts no better than a baseline")
    if (quality["no_worse"] == False).any() or (quality["within_limit"] == False).any():  # noqa: E712 (None: not judged)
        doubts.append("its structures are worse than its null's")
    return doubts


def _judge(by_source: dict[str, dict], is_training_state: bool, doubts: list[str]) -> dict:
    """`beats_nulls`, `closer_than_nulls` (None where it cannot be said) and `verdict`."""
    model, nulls = by_source[MODEL], [by_source[null] for null in NULLS]
    beats = _above(model["share_low"], [null["share_high"] for null in nulls])
    distance = "rmsd_to_true_nm" if np.isfinite(model["rmsd_to_true_nm_median"]) else "rmsd_to_reference_nm"
    closer = _above(-model[f"{distance}_high"], [-null[f"{distance}_low"] for null in nulls])
    verdict = _staying(model, nulls) if is_training_state else _finding(model, nulls, beats, doubts)
    return {"beats_nulls": beats, "closer_than_nulls": closer, "verdict": verdict}


def _above(low: float, highs: list[float]) -> bool | None:
    return bool(low > max(highs)) if np.isfinite([low, *highs]).all() else None


def _finding(model: dict, nulls: list[dict], beats: bool | None, doubts: list[str]) -> str:
    if beats is None:
        return "not judged: intervals need at least two replicas"
    if beats:
        return f"more often than both nulls, but {' and '.join(doubts)}" if doubts else "beats both nulls"
    if model["share"] == 0:
        return "not found" + ("" if all(null["share"] == 0 for null in nulls) else ", no better than its null")
    equals = [NULLS[null["source"]] for null in nulls if not model["share_low"] > null["share_high"]]
    return f"no better than its null ({' and '.join(equals)})"


def _staying(model: dict, nulls: list[dict]) -> str:
    if not np.isfinite([model["share_high"], *(null["share_low"] for null in nulls)]).all():
        return "not judged: intervals need at least two replicas"
    leaves = model["share_high"] < min(null["share_low"] for null in nulls)
    return (
        "leaves the training state more often than both nulls"
        if leaves
        else "stays at least as much as one of its nulls"
    )
