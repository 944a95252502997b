"""Rigid residue frames, and the few operations on them that tokenizers need.

A *pose* of a residue is the rigid frame of its N, CA, C atoms: origin at CA, x axis towards C, y axis in the plane of
the three on the side of N. Frames come last, so that each operation runs over a contiguous block: rotations are
(..., 3, 3, F) with ``world = rotation @ local + origin``, and origins are (..., 3, F), in nm, float64.

Only +, -, *, / and square roots touch the frames here, one element at a time: a frame then gives the same bits in
whatever batch it comes. A BLAS call or a `sum` over an axis would not promise that.
"""

import numpy as np

from mdllm.core.geometry import CA, C, N

# Newton steps for the largest root of a quartic; from an upper bound it converges quadratically.
_NEWTON_STEPS = 12


def multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Matrix products a b of (..., 3, 3, F) and (..., 3, 3, F)."""
    product = a[..., :, 0, None, :] * b[..., None, 0, :, :]
    product += a[..., :, 1, None, :] * b[..., None, 1, :, :]
    product += a[..., :, 2, None, :] * b[..., None, 2, :, :]
    return product


def multiply_inverse(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Matrix products a^T b of rotations a (..., 3, 3, F) and b (..., 3, 3, F)."""
    return multiply(np.swapaxes(a, -3, -2), b)


def rotate(rotation: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Vectors (..., 3, F) turned by rotations (..., 3, 3, F)."""
    turned = rotation[..., :, 0, :] * vector[..., 0, None, :]
    turned += rotation[..., :, 1, :] * vector[..., 1, None, :]
    turned += rotation[..., :, 2, :] * vector[..., 2, None, :]
    return turned


def rotate_back(rotation: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Vectors (..., 3, F) turned by the inverse of rotations (..., 3, 3, F)."""
    return rotate(np.swapaxes(rotation, -3, -2), vector)


def relative(base, pose):
    """Poses, pairs of rotations (..., 3, 3, F) and origins (..., 3, F), as seen from base poses."""
    return multiply_inverse(base[0], pose[0]), rotate_back(base[0], pose[1] - base[1])


def compose(base, pose):
    """Poses given as seen from base poses, where they are in space: the inverse of `relative`."""
    return multiply(base[0], pose[0]), base[1] + rotate(base[0], pose[1])


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cross products of vectors (..., 3, F)."""
    following, last = [1, 2, 0], [2, 0, 1]
    return a[..., following, :] * b[..., last, :] - a[..., last, :] * b[..., following, :]


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Dot products (..., F) of vectors (..., 3, F)."""
    return a[..., 0, :] * b[..., 0, :] + a[..., 1, :] * b[..., 1, :] + a[..., 2, :] * b[..., 2, :]


def frames_of(n: np.ndarray, ca: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Rotations (..., 3, 3, F) of the poses with atoms at n, ca, c (..., 3, F)."""
    x = c - ca
    x = x / np.sqrt(dot(x, x))[..., None, :]
    y = n - ca
    y = y - dot(x, y)[..., None, :] * x
    y = y / np.sqrt(dot(y, y))[..., None, :]
    return np.stack([x, y, cross(x, y)], axis=-2)


def poses_of(backbone: np.ndarray):
    """Rotations (L, 3, 3, F) and origins (L, 3, F) of backbones (F, L, 3, 3)."""
    atoms = np.ascontiguousarray(np.transpose(backbone, (1, 2, 3, 0)), dtype=np.float64)
    return frames_of(atoms[:, N], atoms[:, CA], atoms[:, C]), atoms[:, CA]


def atoms_of(rotation: np.ndarray, origin: np.ndarray, local: np.ndarray) -> np.ndarray:
    """Atoms (L, 3, 3, F) of poses (L, 3, 3, F), (L, 3, F) with atoms at `local` (L, 3, 3) in their own frames."""
    return np.stack([origin + rotate(rotation, local[:, atom, :, None]) for atom in (N, CA, C)], axis=1)


def best_rotation(correlation: np.ndarray) -> np.ndarray:
    """Rotations (..., 3, 3, F) nearest to matrices (..., 3, 3, F): with the largest trace of ``rotation^T matrix``.

    The solution of Wahba's problem by FOAM: Markley, J. Astronaut. Sci. 41, 261 (1993), eqs. 18 and 30.
    """
    rows = [correlation[..., k, :, :] for k in range(3)]
    adjoint = np.stack([cross(rows[1], rows[2]), cross(rows[2], rows[0]), cross(rows[0], rows[1])], axis=-3)
    norm = dot(rows[0], rows[0]) + dot(rows[1], rows[1]) + dot(rows[2], rows[2])
    adjoint_norm = sum(dot(adjoint[..., k, :, :], adjoint[..., k, :, :]) for k in range(3))
    determinant = dot(rows[0], adjoint[..., 0, :, :])
    root = np.sqrt(3.0 * norm)
    for _ in range(_NEWTON_STEPS):
        excess = root * root - norm
        value = excess * excess - 8.0 * root * determinant - 4.0 * adjoint_norm
        slope = 4.0 * root * excess - 8.0 * determinant
        root = root - value / slope
    kappa = 0.5 * (root * root - norm)
    cubic = multiply(multiply(correlation, np.swapaxes(correlation, -3, -2)), correlation)
    scale = kappa * root - determinant
    rotation = _column(kappa + norm) * correlation + _column(root) * adjoint - cubic
    return rotation / _column(scale)


def _column(scalar: np.ndarray) -> np.ndarray:
    """Scalars (..., F) as (..., 1, 1, F), to multiply matrices."""
    return scalar[..., None, None, :]


def torsion_direction(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray):
    """Cosine and sine (..., F) of the dihedral of four points (..., 3, F), IUPAC sign."""
    ab, bc, cd = b - a, c - b, d - c
    normal_1, normal_2 = cross(ab, bc), cross(bc, cd)
    x = dot(normal_1, normal_2)
    y = dot(ab, normal_2) * np.sqrt(dot(bc, bc))
    size = np.sqrt(x * x + y * y)
    return x / size, y / size


def rotation_vectors(rotation: np.ndarray) -> np.ndarray:
    """Axis times angle (..., 3), in radian, of rotations (..., 3, 3)."""
    skew = rotation - np.swapaxes(rotation, -1, -2)
    axis = 0.5 * np.stack([skew[..., 2, 1], skew[..., 0, 2], skew[..., 1, 0]], axis=-1)
    sine = np.linalg.norm(axis, axis=-1)
    cosine = 0.5 * (np.trace(rotation, axis1=-2, axis2=-1) - 1.0)
    angle = np.arctan2(sine, cosine)
    return axis * (angle / np.maximum(sine, 1e-12))[..., None]


def rotations_from_vectors(vector: np.ndarray) -> np.ndarray:
    """Rotations (..., 3, 3) of vectors axis times angle (..., 3), by Rodrigues' formula."""
    angle = np.linalg.norm(vector, axis=-1)[..., None, None]
    axis = vector / np.maximum(angle[..., 0], 1e-12)
    x, y, z = axis[..., 0], axis[..., 1], axis[..., 2]
    zero = np.zeros_like(x)
    generator = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*x.shape, 3, 3)
    return np.eye(3) + np.sin(angle) * generator + (1.0 - np.cos(angle)) * (generator @ generator)


def nearest_rotations(matrices: np.ndarray) -> np.ndarray:
    """Rotations (..., 3, 3) nearest to matrices (..., 3, 3)."""
    u, _, vt = np.linalg.svd(matrices)
    u[..., :, -1] *= np.sign(np.linalg.det(u @ vt))[..., None]
    return u @ vt


def local_atoms(backbone: np.ndarray) -> np.ndarray:
    """Mean N, CA, C (L, 3, 3) of backbones (F, L, 3, 3), each in its residue's own frame, nm."""
    rotation, origin = poses_of(backbone)
    from_origin = np.transpose(backbone, (1, 2, 3, 0)) - origin[:, None]
    return np.einsum("ljif,lajf->lai", rotation, from_origin) / len(backbone)
