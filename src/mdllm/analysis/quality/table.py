"""The table of quality, one row per source and metric, with a verdict on the model."""

import pandas as pd

from mdllm.analysis.quality.geometry import METRICS
from mdllm.ensembles.names import MD, MODEL, ROUNDTRIP

COLUMNS = [
    *("source", "metric", "unit", "frames", "mean", "median", "p05", "p95", "max"),
    *("tolerance", "floor", "limit", "no_worse", "within_limit", "meaning"),
]


def quality_table(frames: pd.DataFrame, floor: str = ROUNDTRIP) -> pd.DataFrame:
    """Rows (source, metric) with COLUMNS; `frames` are those that have a value, of which the others are statistics.

    `no_worse` (model only): the mean is at most that of `floor` plus `tolerance`. `within_limit` (model only): no
    frame exceeds `limit`. Both are empty where the metric is only described, or a value is missing.

    Args:
        frames: `source` and every metric, one row per frame; of MD the training frames only.
        floor: the source whose structures are made as the model's are, but of training codes: `roundtrip`, or, where
            spans are redrawn, `frequencies`.
    """
    rows = []
    for metric, about in METRICS.items():
        groups = frames.groupby("source", sort=False)[metric]
        mean = groups.mean()
        for source, values in groups:
            judged = source == MODEL and about.tolerance is not None and mean[[MODEL, floor]].notna().all()
            bounded = source == MODEL and about.limit is not None and values.notna().all()
            rows.append(
                {
                    "source": "md training" if source == MD else source,
                    "metric": metric,
                    "unit": about.unit,
                    "frames": int(values.count()),
                    "mean": mean[source],
                    **dict(zip(("p05", "median", "p95"), values.quantile([0.05, 0.5, 0.95]), strict=True)),
                    "max": values.max(),
                    "tolerance": about.tolerance,
                    "floor": floor,
                    "limit": about.limit,
                    "no_worse": bool(mean[MODEL] <= mean[floor] + about.tolerance) if judged else None,
                    "within_limit": bool(values.max() <= about.limit) if bounded else None,
                    "meaning": about.meaning,
                }
            )
    return pd.DataFrame(rows, columns=COLUMNS)
