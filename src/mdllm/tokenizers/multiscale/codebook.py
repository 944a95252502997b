"""The codebook of the multiscale tokenizer: small motions away from a guess, and steps along the chain.

The first codes are *spatial*: rigid motions away from the pose guessed from neighbours in space, found by k-means on
the training residuals and on a stretched copy of them, for states that the training frames lack. The others are
*chain* codes: the step from residue i-1 to i, of any protein. The decoder tells the two apart by the code alone.
"""

from dataclasses import dataclass

import numpy as np

from mdllm.tokenizers.multiscale.peptide import ideal_residue, sample_steps, torsion_features
from mdllm.tokenizers.rigid.poses import rotation_vectors, rotations_from_vectors, torsion_direction
from mdllm.tokenizers.rigid.quantization import features, k_means, poses_of_features

_CHAIN_SAMPLES = 20_000
# The copy of the residuals is stretched by exp(U(0, _TAIL_STRETCH)). Those beyond _LARGEST_NM are shrunk to it: larger
# motions are the chain's, and codes spent on them would do damage wherever a model draws them by mistake.
_TAIL_STRETCH = 1.0
_LARGEST_NM = 0.4


@dataclass(frozen=True)
class Codebook:
    """K relative poses; the first `spatial` are motions away from a guess, the others steps from i-1 to i."""

    rotation: np.ndarray  # (K, 3, 3)
    origin: np.ndarray  # (K, 3) nm
    spatial: int

    def __len__(self) -> int:
        return len(self.origin)

    def torsions(self) -> np.ndarray:
        """Torsion features (K, 5) of all codes read as steps."""
        n, ca, c = ideal_residue()[..., None]
        steps = np.moveaxis(self.rotation, 0, -1)
        following = np.einsum("ijk,aj->aik", steps, ideal_residue()) + self.origin.T
        psi = torsion_direction(n, ca, c, following[0])
        phi = torsion_direction(c, *following)
        return torsion_features(psi, phi)


def motion_size(rotation: np.ndarray, origin: np.ndarray, rotation_length: float) -> np.ndarray:
    """Distance (...,) of poses from no motion at all, in nm."""
    still = features(np.eye(3), np.zeros(3), rotation_length)
    return np.linalg.norm(features(rotation, origin, rotation_length) - still, axis=-1)


def spatial_codes(rotation, origin, count: int, rotation_length: float, rng: np.random.Generator):
    """Rotations (count, 3, 3) and origins (count, 3) for residuals (M, 3, 3), (M, 3) and a stretched copy of them."""
    vector = rotation_vectors(rotation)
    longest = _LARGEST_NM / np.maximum(motion_size(rotation, origin, rotation_length), 1e-9)
    points = []
    for stretch in (np.ones(len(origin)), np.exp(rng.uniform(0.0, _TAIL_STRETCH, len(origin)))):
        scale = np.minimum(stretch, longest)[:, None]
        points.append(features(rotations_from_vectors(vector * scale), origin * scale, rotation_length))
    points = np.concatenate(points)
    return poses_of_features(k_means(points, count, rng), rotation_length)


def chain_codes(count: int, rotation_length: float, rng: np.random.Generator):
    """Rotations (count, 3, 3) and origins (count, 3) of the steps from a residue to the next, of any protein."""
    rotation, origin, torsions = sample_steps(_CHAIN_SAMPLES, rng)
    points = np.concatenate([features(rotation, origin, rotation_length), torsions], axis=1)
    return poses_of_features(k_means(points, count, rng)[:, :12], rotation_length)
