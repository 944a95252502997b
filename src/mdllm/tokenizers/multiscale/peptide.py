"""Steps along the chain that hold for any protein: ideal peptide geometry over the Ramachandran plane.

A *step* is the pose of residue i in the frame of residue i-1. With ideal bonds and angles it depends on psi of i-1,
omega and phi of i alone, so a codebook of steps needs no structure to learn from.
"""

import numpy as np

from mdllm.core.geometry import place_atom
from mdllm.tokenizers.rigid.poses import frames_of

# Engh and Huber (2001), International Tables for Crystallography F, 18.3, in nm and radian.
_N_CA, _CA_C, _C_N = 0.1459, 0.1525, 0.1336
_N_CA_C, _CA_C_N, _C_N_CA = np.radians([111.0, 117.2, 121.7])

# Basins of the Ramachandran plane in the manner of Lovell et al., Proteins 50, 437 (2003), as rounded normal
# distributions: share, phi, psi, and the widths of both, in degree. The last four hold glycine and left-handed turns.
_BASINS = np.array(
    [
        [0.30, -63, -42, 10, 10],
        [0.10, -90, -10, 20, 20],
        [0.18, -120, 135, 25, 22],
        [0.18, -68, 145, 15, 18],
        [0.08, 58, 42, 12, 15],
        [0.04, 85, 5, 18, 20],
        [0.06, 90, 180, 25, 25],
        [0.06, -90, 180, 30, 25],
    ]
)
# Share of the samples that is uniform over psi and over the phi that sterics allow: a rare pair needs a code as well.
_UNIFORM_SHARE = 0.2
_SMALLEST_PHI = np.radians(40.0)
_OMEGA_WIDTH = np.radians(6.0)

# Two steps whose psi, or phi, differ by a small angle t are this times t apart, beside the distance of their poses.
_TORSION_LENGTH_NM = 0.05
# Two steps on either side of phi = 0 are twice this apart: no residue crosses phi = 0 easily.
_HANDEDNESS_NM = 0.10


def torsion_features(psi, phi) -> np.ndarray:
    """Vectors (M, 5), in nm, of the torsions on both sides of a peptide, each as its cosine and sine (M,).

    The last one is the handedness of the residue: the sign of phi, fading as sin(phi) towards +-180 degree.
    """
    handedness = np.where(phi[0] > 0, np.sign(phi[1]), phi[1])
    angles = [_TORSION_LENGTH_NM * x for x in (*psi, *phi)]
    return np.stack([*angles, _HANDEDNESS_NM * handedness], axis=-1)


def sample_steps(count: int, rng: np.random.Generator):
    """Poses (count, 3, 3), (count, 3) and torsion features (count, 5) of random steps.

    The torsions of the two residues are drawn independently of each other.
    """
    _, psi = _sample_residues(count, rng)
    phi, _ = _sample_residues(count, rng)
    rotation, origin = ideal_steps(psi, np.pi + _OMEGA_WIDTH * rng.standard_normal(count), phi)
    return rotation, origin, torsion_features((np.cos(psi), np.sin(psi)), (np.cos(phi), np.sin(phi)))


def _sample_residues(count: int, rng: np.random.Generator):
    """phi and psi (count,) of random residues, in radian."""
    basin = _BASINS[rng.choice(len(_BASINS), count, p=_BASINS[:, 0])]
    phi, psi = np.radians(basin[:, 1:3] + basin[:, 3:] * rng.standard_normal((count, 2))).T
    uniform = rng.random(count) < _UNIFORM_SHARE
    allowed_phi = rng.uniform(_SMALLEST_PHI, np.pi, count) * rng.choice([-1.0, 1.0], count)
    return np.where(uniform, allowed_phi, phi), np.where(uniform, rng.uniform(-np.pi, np.pi, count), psi)


def ideal_residue() -> np.ndarray:
    """N, CA, C (3, 3) of an ideal residue in its own frame, nm."""
    n = [_N_CA * np.cos(_N_CA_C), _N_CA * np.sin(_N_CA_C), 0.0]
    return np.array([n, [0.0, 0.0, 0.0], [_CA_C, 0.0, 0.0]])


def ideal_steps(psi: np.ndarray, omega: np.ndarray, phi: np.ndarray):
    """Poses (M, 3, 3), (M, 3) of residue i in the frame of i-1, from torsions (M,) in radian."""
    n, ca, c = (np.broadcast_to(atom, (len(psi), 3)) for atom in ideal_residue())
    next_n = place_atom(n, ca, c, _C_N, _CA_C_N, psi)
    next_ca = place_atom(ca, c, next_n, _N_CA, _C_N_CA, omega)
    next_c = place_atom(c, next_n, next_ca, _CA_C, _N_CA_C, phi)
    return np.moveaxis(frames_of(next_n.T, next_ca.T, next_c.T), -1, 0), next_ca
