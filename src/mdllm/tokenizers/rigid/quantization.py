"""Codes for poses: poses as points whose distances are those of the poses, their nearest codes, and k-means."""

import numpy as np

from mdllm.tokenizers.rigid.poses import nearest_rotations, rotation_vectors

_KMEANS_ROUNDS = 20
# Codes with fewer training members than this take the spread of all.
_FEWEST_MEMBERS = 10


def features(rotation: np.ndarray, origin: np.ndarray, rotation_length: float) -> np.ndarray:
    """Vectors (..., 12) of poses (..., 3, 3), (..., 3), whose distance is that of the poses, in nm.

    Two rotations apart by a small angle t are ``rotation_length * t`` apart: the Frobenius norm of their difference
    is sqrt(8) sin(t / 2) ~ sqrt(2) t.
    """
    turned = rotation.reshape(*rotation.shape[:-2], 9) * (rotation_length / np.sqrt(2.0))
    return np.concatenate([origin, turned], axis=-1)


def poses_of_features(points: np.ndarray, rotation_length: float):
    """Rotations (M, 3, 3) and origins (M, 3) nearest to vectors (M, 12)."""
    return nearest_rotations(points[:, 3:].reshape(-1, 3, 3) * (np.sqrt(2.0) / rotation_length)), points[:, :3]


def search_table(points: np.ndarray) -> np.ndarray:
    """Table (D + 1, K) that turns the search for the nearest of points (K, D) into one matrix product."""
    return np.concatenate([-2.0 * points, (points**2).sum(-1, keepdims=True)], axis=1).T


def squared_distances(points: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Squared distances (F, K) of points (F, D) to those of a search table."""
    return points @ table[:-1] + (table[-1] + (points**2).sum(-1, keepdims=True))


def k_means(points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Centres (count, D) of points (M, D), seeded by k-means++ (Arthur and Vassilvitskii, SODA 2007)."""
    centres = np.empty((count, points.shape[1]))
    centres[0] = points[rng.integers(len(points))]
    distance = ((points - centres[0]) ** 2).sum(-1)
    for k in range(1, count):
        cumulative = np.cumsum(distance)
        chosen = np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")
        centres[k] = points[min(chosen, len(points) - 1)]
        distance = np.minimum(distance, ((points - centres[k]) ** 2).sum(-1))
    for _ in range(_KMEANS_ROUNDS):
        nearest = nearest_centre(points, centres)
        size = np.bincount(nearest, minlength=count)
        for dimension in range(points.shape[1]):
            total = np.bincount(nearest, weights=points[:, dimension], minlength=count)
            centres[:, dimension] = np.where(size > 0, total / np.maximum(size, 1), centres[:, dimension])
    return centres


def nearest_centre(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Index (M,) of the centre (K, D) nearest to each point (M, D)."""
    half_norm = 0.5 * (centres**2).sum(-1)
    blocks = np.array_split(points, len(points) // 256 + 1)  # of scores that stay in the cache
    return np.concatenate([(half_norm - block @ centres.T).argmin(1) for block in blocks])


def spread_per_code(codes: np.ndarray, rotation: np.ndarray, origin: np.ndarray, count: int) -> np.ndarray:
    """Root mean squares (count, 6) of errors (L, 3, 3, F), (L, 3, F) over the members of each code of codes (F, L)."""
    vectors = rotation_vectors(np.transpose(rotation, (3, 0, 1, 2)))
    squares = np.concatenate([np.transpose(origin, (2, 0, 1)), vectors], axis=-1).reshape(-1, 6) ** 2
    members = np.bincount(codes.reshape(-1), minlength=count)
    totals = [np.bincount(codes.reshape(-1), weights=column, minlength=count) for column in squares.T]
    own = np.stack(totals, axis=-1) / np.maximum(members, 1)[:, None]
    return np.sqrt(np.where(members[:, None] >= _FEWEST_MEMBERS, own, squares.mean(0)))
