"""Markov chains with known kinetics, and trajectories of them."""

import numpy as np

from mdllm.analysis.kinetics.discrete import DiscreteTrajectories

# Four states in two pairs: fast within a pair, slow between the pairs.
HIERARCHY = np.array(
    [
        [0.95, 0.04, 0.01, 0.00],
        [0.04, 0.95, 0.00, 0.01],
        [0.01, 0.00, 0.94, 0.05],
        [0.00, 0.01, 0.05, 0.94],
    ]
)


def two_state(p: float, q: float) -> np.ndarray:
    """Leaves state 0 with probability p, state 1 with q: timescale -1 / ln(1 - p - q), MFPT 0 -> 1 of 1 / p."""
    return np.array([[1 - p, p], [q, 1 - q]])


def double_well(bins: int = 20, barrier: float = 4.0) -> np.ndarray:
    """Nearest-neighbour hops of at most 0.5 in the free energy barrier (x^2 - 1)^2 on [-1.6, 1.6], in kT."""
    x = np.linspace(-1.6, 1.6, bins)
    energy = barrier * (x**2 - 1) ** 2
    matrix = np.zeros((bins, bins))
    for i in range(bins):
        for j in (i - 1, i + 1):
            if 0 <= j < bins:
                matrix[i, j] = 0.5 * min(1.0, np.exp(energy[i] - energy[j]))
        matrix[i, i] = 1 - matrix[i].sum()
    return matrix


def sample(matrix: np.ndarray, trajectories: int, frames: int, seed: int = 0) -> np.ndarray:
    """Trajectories (n, F) of a chain, started in its equilibrium, all advanced together."""
    rng = np.random.default_rng(seed)
    cumulative = matrix.cumsum(1)
    start = np.linalg.matrix_power(matrix, 1 << 20)[0].cumsum()
    codes = np.empty((trajectories, frames), dtype=np.int64)
    codes[:, 0] = np.searchsorted(start, rng.random(trajectories) * start[-1])
    for t in range(1, frames):
        draw = rng.random(trajectories)[:, None] * cumulative[codes[:, t - 1], -1:]
        codes[:, t] = (draw >= cumulative[codes[:, t - 1]]).sum(1)
    return codes


def discrete(codes, size: int, interval_ps: float = 1.0, runs: int = 5) -> DiscreteTrajectories:
    return DiscreteTrajectories(tuple(np.asarray(c) for c in codes), interval_ps, size, runs)


def masks(size: int, **states: list[int]) -> dict[str, np.ndarray]:
    return {name: np.isin(np.arange(size), codes) for name, codes in states.items()}
