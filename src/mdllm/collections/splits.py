"""Clusters of proteins by sequence, and which of them are for training, for validation, or for neither."""

from collections.abc import Iterable

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mdllm.collections.similarity import Pair

TRAIN, VALIDATION, LEFT_OUT = "train", "validation", "left_out"


def cluster(names: list[str], pairs: Iterable[Pair]) -> np.ndarray:
    """The number of each protein's cluster, counted in the order of `names`.

    Proteins that are alike are in one cluster, and so are those that a chain of such pairs connects: no protein of a
    cluster is alike to one of another, as it may be with clusters around representatives.
    """
    row = {name: number for number, name in enumerate(names)}
    pairs = list(pairs)
    ends = ([row[pair.first] for pair in pairs], [row[pair.second] for pair in pairs])
    graph = coo_array((np.ones(len(pairs), bool), ends), shape=(len(names), len(names)))
    return connected_components(graph, directed=False)[1]


def split(clusters: np.ndarray, left_out: np.ndarray, validation_share: float, seed: int) -> np.ndarray:
    """TRAIN, VALIDATION or LEFT_OUT of each protein.

    Whole clusters are drawn for validation, in an order that the seed gives, as long as validation has not more than
    its share of the proteins that are not left out.

    Args:
        clusters: number of each protein's cluster.
        left_out: whether a protein is left out of both.
    """
    result = np.full(len(clusters), TRAIN, dtype=object)
    result[left_out] = LEFT_OUT
    room = round(validation_share * np.sum(~left_out))
    for number in np.random.default_rng(seed).permutation(np.unique(clusters)):
        members = (clusters == number) & ~left_out
        if members.sum() <= room:
            result[members] = VALIDATION
            room -= members.sum()
    return result
