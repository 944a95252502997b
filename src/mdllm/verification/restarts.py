"""Restarts of adaptive sampling without a model: training frames of the least-visited clusters.

Least-counts sampling (Weber & Pande, J. Chem. Theory Comput. 7, 3405, 2011): frames are clustered, and simulations
begin where the fewest frames are. It is what a reader would do instead of asking a model.
"""

from collections.abc import Mapping

import numpy as np
from sklearn.cluster import KMeans

_CLUSTERS = 2  # for each restart


def least_visited(plane: Mapping[str, np.ndarray], count: int, seed: int) -> np.ndarray:
    """Rows of `count` frames, one of each cluster, that of the fewest frames first; fewer where there are no more.

    Args:
        plane: the coordinates (F,) in which frames are clustered, k-means with two clusters for each restart.
    """
    points = np.stack(list(plane.values()), axis=-1)
    clusters = min(_CLUSTERS * count, len(np.unique(points, axis=0)))
    label = KMeans(clusters, n_init=1, random_state=seed).fit_predict(points)
    rng, order = np.random.default_rng(seed), np.argsort(np.bincount(label), kind="stable")[:count]
    return np.array([rng.choice(np.flatnonzero(label == cluster)) for cluster in order])
