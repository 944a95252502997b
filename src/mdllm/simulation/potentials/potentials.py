"""Model potentials in reduced units: energy and force of points (2, ...), x and y first, as vectors over the rest.

`four_state` is the model of Tsai, Kuo and Tiwary (Nat. Commun. 11, 5115, 2020) and of the code published with it:

    U(x, y) = W (x^4 + y^4) + g(x, 0) g(y, 0) - sum over wells k of g(x, x_k) g(y, y_k)
    g(a, b) = exp(-(a - b)^2 / (2 sigma^2)),  sigma = 0.8,  W = 1e-4

Its form, the wells' x coordinates, the width 0.8, beta 9.5 and friction 1 are theirs. The y coordinates and W could not
be checked against the printed text. Their dynamics has inertia (mass 1); ours is overdamped, so that its exact
kinetics can be solved on a grid (`mdllm.analysis.kinetics.exact`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_WIDTH = 0.8
_CONFINEMENT = 1e-4
_FOUR_WELLS = {"A": (2.0, -1.0), "B": (0.5, 2.0), "C": (-0.5, -2.0), "D": (-2.0, 1.0)}


@dataclass(frozen=True)
class Potential:
    """A potential in the plane.

    Attributes:
        energy: (2, ...) -> (...), in units in which `beta` is an inverse energy.
        force: (2, ...) -> (2, ...), minus its gradient.
        wells: places near the minima by name, where walkers start.
        box: half width of the square about the origin that holds all of the equilibrium that matters.
    """

    energy: Callable[[np.ndarray], np.ndarray]
    force: Callable[[np.ndarray], np.ndarray]
    wells: dict[str, tuple[float, float]]
    box: float


# The barrier first, then the wells.
_CENTRES = np.array([(0.0, 0.0), *_FOUR_WELLS.values()])  # (5, 2)
_SIGNS = np.array([1.0] + [-1.0] * len(_FOUR_WELLS))
# Exponents of the gaussians (5,) = _EXPONENTS (5, 4) times x, y, x^2 + y^2 and 1, from |r - c|^2 = r^2 - 2 r c + c^2:
# the only large operation left is the exponential.
_EXPONENTS = np.column_stack([_CENTRES, np.full(5, -0.5), -0.5 * (_CENTRES**2).sum(1)]) / _WIDTH**2
# The gaussians' part of the gradient = r times the first row of (3, 5) times the gaussians, minus the other two.
_PULL = np.column_stack([_SIGNS, _SIGNS[:, None] * _CENTRES]).T / _WIDTH**2


def _gaussians(points: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Gaussians of the barrier and the wells (5, ...), from coordinates (2, ...) and their squares."""
    features = np.empty((4, *points.shape[1:]), points.dtype)
    features[:2], features[3] = points, 1
    np.add(*squares, out=features[2, ...])
    exponents = _product(_EXPONENTS, features)
    return np.exp(exponents, out=exponents)


def _four_state_energy(points: np.ndarray) -> np.ndarray:
    squares = points * points
    return _like(_CONFINEMENT, points) * (squares**2).sum(0) + _product(_SIGNS, _gaussians(points, squares))


def _four_state_force(points: np.ndarray) -> np.ndarray:
    squares = points * points
    pulls = _product(_PULL, _gaussians(points, squares))
    squares *= _like(-4 * _CONFINEMENT, points)
    squares += pulls[0]
    squares *= points
    squares -= pulls[1:]
    return squares


def _product(matrix: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(..., n) and (n, ...) -> (..., ...), in the precision of `values`."""
    return np.tensordot(_like(matrix, values), values, axes=1)


def _like(constant: np.ndarray | float, values: np.ndarray) -> np.ndarray:
    return np.asarray(constant, values.dtype)


POTENTIALS = {"four_state": Potential(_four_state_energy, _four_state_force, _FOUR_WELLS, box=8.0)}
