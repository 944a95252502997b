"""How CA move: frames superposed, root-mean-square fluctuation, correlation of motion.

Axes: F frames, L residues, K clusters of frames.
"""

from typing import Literal, NamedTuple

import numpy as np

from mdllm.analysis.dynamics.statistics import jackknife
from mdllm.core.geometry import kabsch

_ITERATIONS, _CONVERGED_NM = 50, 1e-6


class Motion(NamedTuple):
    """RMSF (L,) in nm, correlation (L, L), and their standard errors; NaN with fewer than two frames."""

    rmsf_nm: np.ndarray
    correlation: np.ndarray
    rmsf_error_nm: np.ndarray
    correlation_error: np.ndarray


def superposition(ca: np.ndarray, on: Literal["mean", "first"]) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (F, 3, 3) and translations (F, 3) that lay CA (F, L, 3) on each other, near the first frame.

    Args:
        on: the mean, found by iteration, or the first frame. On one frame the fluctuation is that about a mean of
            badly superposed frames wherever the protein changes much, and depends on the choice of the frame.
    """
    ca = ca.astype(np.float64)
    goal = ca[0]
    for _ in range(_ITERATIONS if on == "mean" else 1):
        rotation, translation = kabsch(ca, goal)
        mean = (ca @ rotation + translation[:, None]).mean(0)
        if on == "first" or np.abs(mean - goal).max() < _CONVERGED_NM:
            break
        goal = mean
    return rotation, translation


def measure_motion(ca: np.ndarray, cluster: np.ndarray) -> Motion:
    """Motion of superposed CA (F, L, 3) in nm about their mean, with errors over clusters (F,)."""
    size = ca.shape[1]
    if len(ca) < 2:
        return Motion(*(np.full(shape, np.nan) for shape in ((size,), (size, size)) * 2))
    ca = ca - ca.mean(0, dtype=np.float64)
    own = [ca[cluster == number] for number in np.unique(cluster)]
    count = np.array([len(frames) for frames in own], float)
    place = np.stack([frames.sum(0) for frames in own])  # (K, L, 3)
    product = np.stack([np.einsum("fid,fjd->ij", frames, frames, optimize=True) for frames in own])  # (K, L, L)
    rmsf, rmsf_error = jackknife(rmsf_of, count, place, np.einsum("kii->ki", product))
    correlation, error = jackknife(correlation_of, count, place, product)
    return Motion(rmsf, correlation, rmsf_error, error)


def rmsf_of(count: np.ndarray, place: np.ndarray, square: np.ndarray) -> np.ndarray:
    """RMSF (L,) from sums over frames: ones, positions (L, 3), their squares (L,)."""
    return np.sqrt(np.maximum(square / count - ((place / count) ** 2).sum(-1), 0))


def correlation_of(count: np.ndarray, place: np.ndarray, product: np.ndarray) -> np.ndarray:
    """Trace of the covariance of two residues by their fluctuations (L, L), from sums over frames: ones, positions
    (L, 3), their products (L, L); NaN of a residue that does not move."""
    mean = place / count
    covariance = product / count - mean @ mean.T
    size = np.sqrt(np.maximum(np.diag(covariance), 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return covariance / np.outer(size, size)
