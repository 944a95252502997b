"""Elastic networks of CA: the Gaussian (GNM) and the anisotropic (ANM) network, by band or by their slowest modes.

Two CA nearer than 1.5 nm are joined by a spring of constant 10 (up to 0.4 nm), 2 (1.0) or 1 (1.5), so that neighbours
in the chain are stiffest. Energies have no scale: fluctuations are relative, correlations are not.

Axes: L residues, M modes, from slow to fast.

Sources: Bahar, Atilgan, Erman, Fold. Des. 2, 173 (1997) (GNM); Atilgan et al., Biophys. J. 80, 505 (2001) (ANM); spring
constants and bands as in SeqDance (PNAS 123(4), e2530466123, 2026).
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import pdist, squareform

from mdllm.core.errors import InputError

_SPRINGS = ((0.4, 10.0), (1.0, 2.0), (1.5, 1.0))  # nm, constant
_ZERO = 1e-6


@dataclass(frozen=True)
class NormalModes:
    """The modes with a restoring force.

    Attributes:
        values: (M,) eigenvalues, ascending.
        vectors: (L, D, M) of a residue in D directions: 1 for GNM, 3 for ANM.
    """

    values: np.ndarray
    vectors: np.ndarray

    def msf(self, modes: slice = slice(None)) -> np.ndarray:
        """Mean square fluctuation (L,) in some of the modes, relative."""
        return (self.vectors[..., modes] ** 2 / self.values[modes]).sum((1, 2))

    def correlation(self, modes: slice = slice(None)) -> np.ndarray:
        """Correlation of motion (L, L) in some of the modes, normalised by their own fluctuation."""
        scaled = (self.vectors[..., modes] / np.sqrt(self.values[modes])).reshape(len(self.vectors), -1)
        covariance = scaled @ scaled.T
        size = np.sqrt(np.diag(covariance))
        return covariance / np.outer(size, size)

    def bands(self) -> tuple[slice, slice, slice]:
        """The slow, medium and fast modes, which share the fluctuation: about a third in each.

        The first band ends with the mode where the cumulative share of 1 / eigenvalue is nearest to a third, the second
        where it is nearest to the middle of what is left.
        """
        share = np.cumsum(1 / self.values) / (1 / self.values).sum()
        first = int(np.abs(share - 1 / 3).argmin())
        second = int(np.abs(share - (1 + share[first]) / 2).argmin())
        return slice(0, first + 1), slice(first + 1, second + 1), slice(second + 1, len(self.values))


def gaussian_network(ca: np.ndarray) -> NormalModes:
    """The GNM of CA (L, 3) in nm.

    Raises:
        InputError: fewer than three residues, a position is not finite, or parts are not joined.
    """
    return _modes(-_springs(ca), dimensions=1, zero_modes=1)


def anisotropic_network(ca: np.ndarray) -> NormalModes:
    """The ANM of CA (L, 3) in nm.

    Raises:
        InputError: as of `gaussian_network`.
    """
    springs, steps = _springs(ca), ca[:, None] - ca[None].astype(np.float64)
    square = (steps**2).sum(-1) + np.eye(len(ca))
    blocks = -(springs / square)[..., None, None] * steps[..., :, None] * steps[..., None, :]  # (L, L, 3, 3)
    return _modes(blocks, dimensions=3, zero_modes=6)


def _springs(ca: np.ndarray) -> np.ndarray:
    """Spring constants (L, L), zero on the diagonal."""
    if len(ca) < 3 or not np.isfinite(ca).all():
        raise InputError(f"an elastic network needs at least three CA with finite coordinates, and here are {len(ca)}")
    distance = squareform(pdist(ca.astype(np.float64)))
    springs = np.zeros_like(distance)
    for cutoff, constant in reversed(_SPRINGS):
        springs[distance <= cutoff] = constant
    np.fill_diagonal(springs, 0)
    return springs


def _modes(blocks: np.ndarray, dimensions: int, zero_modes: int) -> NormalModes:
    """Modes of the force constants between residues, (L, L) or (L, L, 3, 3), whose diagonal is still to be set."""
    size = len(blocks)
    blocks = blocks.reshape(size, size, dimensions, dimensions)
    blocks[np.arange(size), np.arange(size)] = -blocks.sum(1)
    values, vectors = np.linalg.eigh(blocks.transpose(0, 2, 1, 3).reshape(size * dimensions, -1))
    if values[zero_modes] < _ZERO:
        raise InputError(
            "the elastic network falls apart: a residue or a chain has no other within 1.5 nm, or too few to hold it"
        )
    kept = slice(zero_modes, None)
    return NormalModes(values[kept], vectors[:, kept].reshape(size, dimensions, -1))
