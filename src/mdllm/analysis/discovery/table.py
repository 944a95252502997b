"""Discovery: does the model reach a state more than its nulls do?

For each state and source: the share of frames in its region, the share that is found in it (in the region, and as
close to true frames as these are to each other; see `mdllm.analysis.discovery.measure`), the first generated frame of
each replica that is in it, and how close frames come to what is known of the state. Intervals resample whole replicas
or, for roundtrip, which has none, blocks of the series.

A tokenizer alone can move frames across the border of a state, and so can random codes: a share above zero is no
discovery by itself. The model beats its nulls where the lower bound of its interval lies above the upper bounds of
all of them (for a distance: its upper bound below all lower bounds); the strongest null, that of the largest share, is
named. For the training state the question is the opposite one: whether the model stays.

Nor are these nulls enough for a model that has learned nothing: codes at random reach every state. So a state counts
as found only by a model that predicts better than its baselines and whose structures are no worse than its null's;
otherwise the verdict names the doubt.
"""

import numpy as np
import pandas as pd

from mdllm.analysis.discovery.measure import found, to_reference, to_true
from mdllm.config.settings.stages import AnalysisSettings
from mdllm.core.bootstrap import Interval, blocks_of_series, interval_of_mean, interval_of_median
from mdllm.ensembles.names import GENERATED, MODEL, NULLS

_DISTANCES = {"rmsd_to_true_nm": to_true, "rmsd_to_reference_nm": to_reference}


def discovery_table(
    cvs: pd.DataFrame,
    states: list[str],
    training_states: list[str],
    doubts: list[str],
    settings: AnalysisSettings,
    seed: int,
) -> pd.DataFrame:
    """One row per state and source (the model, then the nulls).

    Columns: state, training_state (bool), source, frames, clusters (replicas or blocks); share, of frames in the
    region, and share_found, each with _low and _high; precision, the share that is found of the frames outside of all
    training states (NaN for a training state, and where there are none); replicas_reached, first_frame_min,
    first_frame_median (over the replicas of which a frame is found; generated sources only); for rmsd_to_true_nm and
    rmsd_to_reference_nm the _median, _low, _high and _min over frames, NaN where nothing is known; and on the rows of
    the model `beats_nulls`, `closer_than_nulls` (to true frames, or to references where there are none) and `verdict`
    in words.

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
            rows_of_source = cvs[cvs["source"] == source]
            left = ~rows_of_source["state"].isin(training_states).to_numpy()
            by_source[source] = _row(rows_of_source, state, source, left, settings, rng)
        by_source[MODEL].update(_judge(by_source, state in training_states, doubts))
        rows += [{"state": state, "training_state": state in training_states, **row} for row in by_source.values()]
    return pd.DataFrame(rows)


def _row(
    frames: pd.DataFrame,
    state: str,
    source: str,
    left: np.ndarray,
    settings: AnalysisSettings,
    rng: np.random.Generator,
) -> dict:
    """A row; `left` (F,) are the frames outside of all training states."""
    inside, as_close = (frames["state"] == state).to_numpy(), frames[found(state)].to_numpy()
    cluster = frames["replica"].to_numpy() if source in GENERATED else blocks_of_series(frames["segment"].to_numpy())
    options = (cluster, settings.confidence, settings.resamples, rng)
    mean, median = interval_of_mean, interval_of_median
    if source not in GENERATED and len(frames) == 1:  # a lone structure through the tokenizer: nothing was drawn
        mean = median = _as_it_is
    share, share_found = (mean(chosen.astype(float), *options) for chosen in (inside, as_close))
    row = {
        "source": source,
        "frames": len(frames),
        "clusters": len(np.unique(cluster)),
        "share": share.value,
        "share_low": share.low,
        "share_high": share.high,
        "share_found": share_found.value,
        "share_found_low": share_found.low,
        "share_found_high": share_found.high,
        "precision": as_close[left].mean() if left.any() and not inside[~left].any() else np.nan,
        "replicas_reached": np.nan,
        "first_frame_min": np.nan,
        "first_frame_median": np.nan,
    }
    if source in GENERATED:
        first = frames[as_close].groupby("replica")["frame"].min()
        row |= {
            "replicas_reached": len(first),
            "first_frame_min": first.min(),
            "first_frame_median": first.median(),
        }
    for name, column in _DISTANCES.items():
        values = frames[column(state)].to_numpy()
        known = np.isfinite(values).all()
        found_at = median(values, *options) if known else Interval(np.nan, np.nan, np.nan)
        row |= {
            f"{name}_median": found_at.value,
            f"{name}_low": found_at.low,
            f"{name}_high": found_at.high,
            f"{name}_min": values.min() if known else np.nan,
        }
    return row


def _as_it_is(values: np.ndarray, *_) -> Interval:
    return Interval(values[0], values[0], values[0])


def doubts_about(training: dict, quality: pd.DataFrame) -> list[str]:
    """Why a model's frames in a state would be no discovery, in words; empty where nothing speaks against it.

    Args:
        training: `training.json`, or `redrawn.json` of a base, with the validation loss and its baselines.
        quality: the table of `mdllm.analysis.quality.table.quality_table`.
    """
    doubts = []
    if training["validation_loss"] >= min(value for key, value in training.items() if key.startswith("baseline_")):
        doubts.append("it predicts no better than a baseline")
    if (quality["no_worse"] == False).any() or (quality["within_limit"] == False).any():  # noqa: E712 (None: not judged)
        doubts.append("its structures are worse than its null's")
    return doubts


def _judge(by_source: dict[str, dict], is_training_state: bool, doubts: list[str]) -> dict:
    """`beats_nulls`, `closer_than_nulls` (None where it cannot be said) and `verdict`."""
    model, nulls = by_source[MODEL], [by_source[null] for null in NULLS]
    beats = _above(model["share_found_low"], [null["share_found_high"] for null in nulls])
    distance = "rmsd_to_true_nm" if np.isfinite(model["rmsd_to_true_nm_median"]) else "rmsd_to_reference_nm"
    closer = _above(-model[f"{distance}_high"], [-null[f"{distance}_low"] for null in nulls])
    verdict = _staying(model, nulls) if is_training_state else _finding(model, nulls, beats, doubts)
    return {"beats_nulls": beats, "closer_than_nulls": closer, "verdict": verdict}


def _above(low: float, highs: list[float]) -> bool | None:
    return bool(low > max(highs)) if np.isfinite([low, *highs]).all() else None


def _finding(model: dict, nulls: list[dict], beats: bool | None, doubts: list[str]) -> str:
    if beats is None:
        return "not judged: intervals need at least two replicas"
    strongest = max(nulls, key=lambda null: null["share_found"])
    words = f"the strongest null, {NULLS[strongest['source']]}"
    if strongest["share_found"] == 0:
        words = "its nulls, which never reach it"
    if beats:
        return f"more often than {words}" + (f", but {' and '.join(doubts)}" if doubts else "")
    if model["share_found"] == 0:
        return "not found" + ("" if strongest["share_found"] == 0 else f", no more often than {words}")
    if strongest["share_found"] == 0:
        return f"too seldom to stand above {words}"
    return f"no more often than {words}"


def _staying(model: dict, nulls: list[dict]) -> str:
    if not np.isfinite([model["share_high"], *(null["share_low"] for null in nulls)]).all():
        return "not judged: intervals need at least two replicas"
    leaves = model["share_high"] < min(null["share_low"] for null in nulls)
    return (
        "leaves the training state more often than every null"
        if leaves
        else "stays at least as much as one of its nulls"
    )
