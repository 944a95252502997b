"""Means over frames with errors that know of correlated frames: the delete-one jackknife over clusters of frames.

A cluster is a block of one trajectory or a replica. Whatever is a function of sums over frames, a share, a standard
deviation, an RMSF or a correlation, is computed from all clusters but one in turn, and varies as far as the data do
(Efron, Ann. Statist. 7, 1, 1979). Blocks must be longer than the correlation time; two give an error that is itself
uncertain by a factor of two.

Axes: F frames, K clusters, L residues.
"""

from collections.abc import Callable

import numpy as np


def cluster_sums(values: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Sums (K, ...) over the frames of each cluster, of values (F, ...) and cluster numbers (F,) from 0."""
    result = np.zeros((cluster.max(initial=-1) + 1, *values.shape[1:]))
    np.add.at(result, cluster, values)
    return result


def jackknife(statistic: Callable[..., np.ndarray], *sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Value and standard error of a function of sums over frames.

    Args:
        sums: of each cluster, (K, ...); `statistic` takes as many arrays without the first axis.

    Returns:
        both of the shape that `statistic` gives; the error is NaN with fewer than two clusters.
    """
    totals = [part.sum(0) for part in sums]
    value, clusters = statistic(*totals), len(sums[0])
    if clusters < 2:
        return value, np.full_like(value, np.nan)
    mean, square = np.zeros_like(value), np.zeros_like(value)
    for left_out in range(clusters):
        without = statistic(*(total - part[left_out] for total, part in zip(totals, sums, strict=True))) - value
        mean += without / clusters
        square += without**2 / clusters
    return value, np.sqrt(np.maximum(square - mean**2, 0) * (clusters - 1))
