"""Residue-wise frequencies of codes: the simplest model of a frame, a baseline and a null.

Axes: F frames, L residues, K codebook size. The codes of a frame are drawn independently of each other and of the past.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar


@dataclass(frozen=True)
class ResidueFrequencies:
    """Probabilities p_l(k) = (n_l(k) + a) / (F + a K), with n_l(k) counted over training frames.

    Attributes:
        counts: (L, K) n_l(k).
        smoothing: a, the pseudocount of every code.
    """

    counts: np.ndarray
    smoothing: float

    @classmethod
    def fit(cls, codes: np.ndarray, codebook_size: int, smoothing: float | None = None) -> "ResidueFrequencies":
        """Count the codes (F, L) of the training frames.

        `smoothing` None finds the pseudocount of the largest leave-one-out likelihood: that of every training code
        under the counts of all other frames. Zero gives the bare frequencies.
        """
        residues = codes.shape[1]
        flat = codes + codebook_size * np.arange(residues)
        counts = np.bincount(flat.ravel(), minlength=residues * codebook_size).reshape(residues, codebook_size)
        if smoothing is not None:
            return cls(counts, smoothing)

        def loss(log_smoothing: float) -> float:
            return -np.log(cls(counts, np.exp(log_smoothing)).left_out(codes)).mean()

        return cls(counts, float(np.exp(minimize_scalar(loss, bounds=(-10, 5), method="bounded").x)))

    @property
    def probabilities(self) -> np.ndarray:
        """(L, K), each row summing to one."""
        smoothed = self.counts + self.smoothing
        return smoothed / smoothed.sum(-1, keepdims=True)

    def of(self, codes: np.ndarray) -> np.ndarray:
        """Probability (F, L) of each of the codes (F, L)."""
        return self.probabilities[np.arange(codes.shape[1]), codes]

    def left_out(self, codes: np.ndarray) -> np.ndarray:
        """Probability (F, L) of each training code (F, L) under the counts of all frames but its own."""
        residues, codebook_size = self.counts.shape
        own = self.counts[np.arange(residues), codes] - 1
        return (own + self.smoothing) / (len(codes) - 1 + self.smoothing * codebook_size)

    def sample(self, rng: np.random.Generator, n_frames: int) -> np.ndarray:
        """Codes (n_frames, L) int32, each drawn from its residue's probabilities by inverse CDF."""
        cumulative = self.probabilities.cumsum(-1)
        draws = rng.random((n_frames, len(cumulative))) * cumulative[:, -1]
        columns = [np.searchsorted(row, draw, side="right") for row, draw in zip(cumulative, draws.T, strict=True)]
        return np.stack(columns, axis=1).astype(np.int32)
