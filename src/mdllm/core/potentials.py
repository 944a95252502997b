"""Model potentials in reduced units: energy and force, vectorized over walkers.

`four_state` is the model of Tsai, Kuo and Tiwary (Nat. Commun. 11, 5115, 2020) and of the code published with it:

    U(x, y) = W (x^4 + y^4) + g(x, 0) g(y, 0) - sum over wells k of g(x, x_k) g(y, y_k)
    g(a, b) = exp(-(a - b)^2 / (2 sigma^2)),  sigma = 0.8,  W = 1e-4

Its form, the wells' x coordinates, the width 0.8, beta 9.5 and friction 1 are theirs. The y coordinates and W could not
be checked against the printed text. Their dynamics has inertia (mass 1); ours is overdamped, so that its exact
kinetics can be solved on a grid (`mdllm.analysis.exact`).
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
        energy: (..., 2) -> (...), in units in which `beta` is an inverse energy.
        force: (..., 2) -> (..., 2), minus its gradient.
        wells: places near the minima by name, where walkers start.
        box: half width of the square about the origin that holds all of the equilibrium that matters.
    """

    energy: Callable[[np.ndarray], np.ndarray]
    force: Callable[[np.ndarray], np.ndarray]
    wells: dict[str, tuple[float, float]]
    box: float


# The barrier first, then the wells.
_CENTRES = np.array([(0.0, 0.0), *_FOUR_WELLS.values()])
_SIGNS = np.array([1.0] + [-1.0] * len(_FOUR_WELLS))


def _gaussians(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signed Gaussians of the barrier and the wells (5, ...), and offsets (5, ...) from their centres in x and y."""
    wells = list(_FOUR_WELLS.values())
    shape = (len(wells) + 1,) + (1,) * (points.ndim - 1)
    centres = np.array([(0.0, 0.0), *wells], points.dtype)
    signs = np.array([1.0] + [-1.0] * len(wells), points.dtype).reshape(shape)
    x, y = (points[..., axis] - centres[:, axis].reshape(shape) for axis in (0, 1))
    return signs * np.exp((x * x + y * y) * points.dtype.type(-0.5 / _WIDTH**2)), x, y


def _four_state_energy(points: np.ndarray) -> np.ndarray:
    points = np.asarray(points, float)
    return _CONFINEMENT * (points**4).sum(-1) + _gaussians(points)[0].sum(0)


def _four_state_force(points: np.ndarray) -> np.ndarray:
    gaussians, x, y = _gaussians(points)
    wells = np.stack([(gaussians * x).sum(0), (gaussians * y).sum(0)], axis=-1)
    return wells / points.dtype.type(_WIDTH**2) - points.dtype.type(4 * _CONFINEMENT) * points * points * points


POTENTIALS = {"four_state": Potential(_four_state_energy, _four_state_force, _FOUR_WELLS, box=8.0)}
