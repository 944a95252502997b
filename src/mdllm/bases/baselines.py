"""What a base has to beat, in nats per code of hidden residues: statistics of residue types in the same collection.

Axes: T residue types, K codes.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from mdllm.bases.proteins import Proteins
from mdllm.bases.views import NO_RESIDUE


@dataclass(frozen=True)
class TypeStatistics:
    """Probabilities of a residue's code given its type, and given also the type of the residue before.

    Attributes:
        single: (T, K).
        pair: (T, T, K), first the residue before; smoothed by `single`.
    """

    single: np.ndarray
    pair: np.ndarray

    @classmethod
    def fit(cls, proteins: Proteins, codes: int) -> "TypeStatistics":
        """Count all frames of all proteins, each protein as one frame.

        Pseudocounts, one code more for each type and `single` for each pair, are those of the largest leave-one-out
        likelihood.
        """
        counts = np.zeros((NO_RESIDUE + 1, NO_RESIDUE + 1, codes))
        for number in range(len(proteins)):
            protein = proteins[number]
            bonded = np.setdiff1d(np.arange(1, protein.codes.shape[1]), protein.starts)
            types = protein.residue_types
            for frame in protein.codes:
                np.add.at(counts, (types[bonded - 1], types[bonded], frame[bonded]), 1 / len(protein.codes))
        single = _smoothed(counts.sum(0), np.full(codes, 1 / codes))
        return cls(single, _smoothed(counts, single[None]))

    def single_loss(self, residue_types: np.ndarray, codes: np.ndarray) -> float:
        """Mean nats per code (B,) of residues of types (B, 2): the one before, and its own."""
        return float(-np.log(self.single[residue_types[:, 1], codes]).mean())

    def pair_loss(self, residue_types: np.ndarray, codes: np.ndarray) -> float:
        """The same given both types."""
        return float(-np.log(self.pair[residue_types[:, 0], residue_types[:, 1], codes]).mean())


def _smoothed(counts: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """(counts + a prior) / (sum + a), with the a of the largest leave-one-out likelihood of the counts."""
    total = counts.sum(-1, keepdims=True)

    def loss(log_weight: float) -> float:
        weight = np.exp(log_weight)
        others = np.maximum(counts - 1, 0) + weight * prior
        return -(counts * np.log(others / (np.maximum(total - 1, 0) + weight))).sum()

    weight = np.exp(minimize_scalar(loss, bounds=(-3, 12), method="bounded").x)
    return (counts + weight * prior) / (total + weight)
