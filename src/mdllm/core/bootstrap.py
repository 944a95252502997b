"""Confidence intervals over clusters of frames: replicas, or blocks of one time series.

Frames of one trajectory are correlated, so whole clusters are drawn, with replacement (Efron and Tibshirani, An
Introduction to the Bootstrap, 1993, ch. 8 and 13: percentile intervals; Kunsch, Ann. Statist. 17, 1217, 1989: blocks).

Pitfalls: percentile intervals of few clusters are too narrow; a share that is 0 in every cluster has the interval
[0, 0], which says "never seen in these", not "impossible".
"""

from dataclasses import dataclass

import numpy as np

_BATCH = 200
BLOCKS = 20


@dataclass(frozen=True)
class Interval:
    """A value, with its percentile interval; the bounds are NaN where fewer than two clusters exist."""

    value: float
    low: float
    high: float


def blocks_of_series(segment: np.ndarray, blocks: int = BLOCKS) -> np.ndarray:
    """Cluster numbers (F,): contiguous pieces of at most F / `blocks` frames that straddle no border of a segment."""
    longest = max(1, -(-len(segment) // blocks))
    starts = np.r_[True, np.diff(segment) != 0]
    first = np.maximum.accumulate(np.where(starts, np.arange(len(segment)), 0))
    return np.cumsum((np.arange(len(segment)) - first) % longest == 0) - 1


def interval_of_mean(
    values: np.ndarray, cluster: np.ndarray, confidence: float, resamples: int, rng: np.random.Generator
) -> Interval:
    """Mean of all frames' values (F,), clusters (F,) resampled."""
    _, which, size = np.unique(cluster, return_inverse=True, return_counts=True)
    total = np.bincount(which, weights=values)
    draws = _multiplicities(len(size), resamples, rng)
    return _percentiles(values.mean(), (draws @ total) / (draws @ size), len(size), confidence)


def interval_of_median(
    values: np.ndarray, cluster: np.ndarray, confidence: float, resamples: int, rng: np.random.Generator
) -> Interval:
    """Median of all frames' values (F,), clusters (F,) resampled."""
    names, which = np.unique(cluster, return_inverse=True)
    order = np.argsort(values, kind="stable")
    ranked, which = values[order], which[order]
    draws = _multiplicities(len(names), resamples, rng)
    medians = []
    for first in range(0, resamples, _BATCH):
        weight = draws[first : first + _BATCH][:, which].cumsum(1)  # (batch, F)
        medians.append(ranked[(weight < weight[:, -1:] / 2).sum(1)])
    return _percentiles(float(np.median(values)), np.concatenate(medians), len(names), confidence)


def interval_of_ratio(
    above: tuple[np.ndarray, np.ndarray],
    below: tuple[np.ndarray, np.ndarray],
    confidence: float,
    resamples: int,
    rng: np.random.Generator,
) -> Interval:
    """Mean of the values of `above` divided by that of `below`, each (values (F,), clusters (F,)), resampled apart.

    Where `below` is zero throughout, in all frames or in a resample, it counts as if one frame more had the value 1:
    the ratio is then a lower bound.
    """
    means, draws, fewest = [], [], []
    for values, cluster in (above, below):
        _, which, size = np.unique(cluster, return_inverse=True, return_counts=True)
        total = np.bincount(which, weights=values)
        drawn = _multiplicities(len(size), resamples, rng)
        means.append(values.mean())
        draws.append((drawn @ total) / (drawn @ size))
        fewest.append(len(size))
    least = 1 / len(below[0])
    value = means[0] / max(means[1], least)
    return _percentiles(value, draws[0] / np.maximum(draws[1], least), min(fewest), confidence)


def _multiplicities(clusters: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """How often each cluster is in each resample, (resamples, clusters)."""
    return rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=resamples)


def _percentiles(value: float, resampled: np.ndarray, clusters: int, confidence: float) -> Interval:
    if clusters < 2:
        return Interval(float(value), np.nan, np.nan)
    low, high = np.quantile(resampled, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(value), float(low), float(high))
