"""Batched geometry of backbones.

Axes: F frames, L residues, A atoms. A *backbone* is an array (F, L, 3, 3) of N, CA, C positions in nm; an array
(F, L, 4, 3) has the carbonyl O as well. Angles are radian.
"""

from collections.abc import Sequence

import numpy as np

N, CA, C, O = range(4)
BACKBONE_ATOMS = ("N", "CA", "C", "O")
# The longest C-N distance that is taken for a bond, of 0.133 nm; residues that are not neighbours keep 0.3 nm apart.
PEPTIDE_BOND_NM = 0.25

# Engh and Huber, International Tables for Crystallography F (2001), 18.3: C=O 0.1229 nm, CA-C-O 120.5 degree.
_CO_LENGTH_NM = 0.1229
_CA_C_O_ANGLE = 2.1031
_BINS = 72  # of a circle
_PAIRS_AT_ONCE = 16_384  # whose covariances a processor keeps at hand: several times as fast as all at once


def kabsch(mobile: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None):
    """Rigid transforms that superpose `mobile` onto `target` with the smallest weighted RMSD.

    Args:
        mobile: (..., A, 3) points.
        target: (..., A, 3) points, broadcastable to `mobile`.
        weights: (A,) or (..., A) non-negative weights; equal when None.

    Returns:
        rotation (..., 3, 3) and translation (..., 3), so that ``mobile @ rotation + translation`` lies on `target`.

    Source: Kabsch, Acta Cryst. A 32, 922 (1976), with the reflection removed as in Acta Cryst. A 34, 827 (1978).
    """
    w = np.ones(mobile.shape[-2]) if weights is None else np.asarray(weights)
    w = (w / w.sum(-1, keepdims=True))[..., None]
    mobile_centre = (w * mobile).sum(-2, keepdims=True)
    target_centre = (w * target).sum(-2, keepdims=True)
    covariance = np.swapaxes(w * (mobile - mobile_centre), -1, -2) @ (target - target_centre)
    u, _, vt = np.linalg.svd(covariance.astype(np.float64))
    sign = np.sign(np.linalg.det(u @ vt))
    u[..., :, -1] *= sign[..., None]
    rotation = u @ vt
    translation = (target_centre - mobile_centre @ rotation)[..., 0, :]
    return rotation, translation


def superpose(mobile: np.ndarray, target: np.ndarray, atoms: np.ndarray | None = None) -> np.ndarray:
    """`mobile` (F, ..., 3), each frame laid on `target` (..., 3) by the atoms of the boolean mask `atoms`."""
    points = mobile.reshape(len(mobile), -1, 3)
    goal = target.reshape(-1, 3)
    mask = slice(None) if atoms is None else np.asarray(atoms).reshape(-1)
    rotation, translation = kabsch(points[:, mask], goal[mask])
    return (points @ rotation + translation[:, None]).reshape(mobile.shape)


def rmsd(mobile: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Smallest RMSD (F,) of each frame of `mobile` (F, ..., 3) to `target` (..., 3) or (F, ..., 3), in nm."""
    points = mobile.reshape(len(mobile), -1, 3)
    goal = np.broadcast_to(target, mobile.shape).reshape(points.shape)
    rotation, translation = kabsch(points, goal)
    moved = points @ rotation + translation[:, None]
    return np.sqrt(((moved - goal) ** 2).sum(-1).mean(-1))


def rmsd_of_present(mobile: np.ndarray, target: np.ndarray) -> np.ndarray:
    """RMSD (F,) of `mobile` (F, A, 3) to `target` (A, 3) over the atoms that both have; an absent atom is NaN.

    NaN where fewer than three atoms are left. Structures that lack different atoms are compared over different
    atoms: their RMSDs are comparable only as far as the missing parts are small.
    """
    of_target = np.isfinite(target).all(-1)  # (A,)
    if np.isfinite(mobile).all() and of_target.sum() >= 3:
        return rmsd(mobile[:, of_target], target[of_target])
    present = np.isfinite(mobile).all(-1) & of_target  # (F, A)
    result = np.full(len(mobile), np.nan)
    patterns, which = np.unique(present, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        frames = which.reshape(-1) == number
        if pattern.sum() >= 3:
            result[frames] = rmsd(mobile[frames][:, pattern], target[pattern])
    return result


def pairwise_rmsd(mobile: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Smallest RMSD (F, M) in nm between every frame of `mobile` (F, A, 3) and every frame of `target` (M, A, 3).

    The largest root of the quaternion characteristic polynomial, by Newton's method from above: no rotation matrix is
    formed, so that millions of pairs take seconds. Cancellation limits RMSDs near zero to about 1e-6 of the size of
    the molecule.

    Source: Theobald, Acta Cryst. A 61, 478 (2005); the coefficients are written in the singular values of the
    covariance, which the trace of its products gives.
    """
    a, b = (x - x.mean(1, keepdims=True) for x in (mobile.astype(np.float64), target.astype(np.float64)))
    size_a, size_b = ((x**2).sum((1, 2)) for x in (a, b))
    axes = np.ascontiguousarray(a.transpose(2, 0, 1))  # (3, F, A)
    columns = np.ascontiguousarray(b.transpose(1, 2, 0)).reshape(b.shape[1], -1)  # (A, 3 M)
    found = np.empty((len(a), len(b)))
    step = max(_PAIRS_AT_ONCE // max(len(b), 1), 1)
    for first in range(0, len(a), step):
        rows = slice(first, first + step)
        # s[i, j] (F, M): entries of the covariance of each pair
        s = (axes[:, rows] @ columns).reshape(3, -1, 3, len(b)).transpose(0, 2, 1, 3)
        found[rows] = _rmsd_of_covariance(s, (size_a[rows, None] + size_b) / 2, mobile.shape[1])
    return found


def paired_rmsd(mobile: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Smallest RMSD (F,) in nm of each frame of `mobile` (F, A, 3) to the same one of `target` (F, A, 3).

    As `pairwise_rmsd`, and several times as fast as `rmsd`, which needs the rotations.
    """
    a, b = (x - x.mean(1, keepdims=True) for x in (mobile.astype(np.float64), target.astype(np.float64)))
    half = ((a**2).sum((1, 2)) + (b**2).sum((1, 2))) / 2
    s = np.ascontiguousarray((a.transpose(0, 2, 1) @ b).transpose(1, 2, 0))
    return _rmsd_of_covariance(s, half, mobile.shape[1])


def _rmsd_of_covariance(s: np.ndarray, half: np.ndarray, atoms: int) -> np.ndarray:
    """RMSD (...,) of pairs with the covariance s (3, 3, ...) and half the sum of their squared sizes (...,)."""
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = s
    c1 = -8 * (xx * (yy * zz - yz * zy) - xy * (yx * zz - yz * zx) + xz * (yx * zy - yy * zx))
    # the product of s with itself, which is symmetric
    diagonal = [x * x + y * y + z * z for x, y, z in ((xx, yx, zx), (xy, yy, zy), (xz, yz, zz))]
    others = [xx * xy + yx * yy + zx * zy, xx * xz + yx * yz + zx * zz, xy * xz + yy * yz + zy * zz]
    p = sum(diagonal)
    c0 = 2 * sum(x**2 for x in diagonal) + 4 * sum(x**2 for x in others) - p**2
    root = half.copy()
    for _ in range(50):
        square = root**2
        slope = 4 * root * (square - p) + c1
        value = (square - 2 * p) * square + c1 * root + c0
        step = np.divide(value, slope, out=np.zeros_like(root), where=slope > 0)
        root -= step
        if np.abs(step).max(initial=0) < 1e-12 * half.max(initial=1):
            break
    return np.sqrt(np.maximum(2 * (half - root) / atoms, 0))


def dihedral(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Dihedral angle (...,) of four points (..., 3) in (-pi, pi], IUPAC sign."""
    ab, bc, cd = b - a, c - b, d - c
    normal_1, normal_2 = np.cross(ab, bc), np.cross(bc, cd)
    y = (ab * normal_2).sum(-1) * np.linalg.norm(bc, axis=-1)
    return np.arctan2(y, (normal_1 * normal_2).sum(-1))


def angle(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Angle (...,) at `b` between three points (..., 3)."""
    u, v = a - b, c - b
    return np.arctan2(np.linalg.norm(np.cross(u, v), axis=-1), (u * v).sum(-1))


def place_atom(a: np.ndarray, b: np.ndarray, c: np.ndarray, length, bend, torsion) -> np.ndarray:
    """The point d (..., 3) with |cd| = `length` (nm), angle bcd = `bend` and dihedral abcd = `torsion` (radian)."""
    bc = c - b
    bc = bc / np.linalg.norm(bc, axis=-1, keepdims=True)
    normal = np.cross(b - a, bc)
    normal = normal / np.linalg.norm(normal, axis=-1, keepdims=True)
    side = np.cross(normal, bc)
    length, bend, torsion = (np.asarray(x)[..., None] for x in (length, bend, torsion))
    return c + length * (-np.cos(bend) * bc + np.sin(bend) * (np.cos(torsion) * side + np.sin(torsion) * normal))


def backbone_torsions(backbone: np.ndarray):
    """phi, psi, omega (F, L) each, of backbones (F, L, >=3, 3); NaN at both ends.

    omega of residue i is the rotation about the bond C(i-1)-N(i). Over a break the values mean nothing: mask them by
    `peptide_bonds` of a frame that is known to be good.
    """
    n, ca, c = (backbone[:, :, k] for k in (N, CA, C))
    phi, psi, omega = (np.full(backbone.shape[:2], np.nan, backbone.dtype) for _ in range(3))
    phi[:, 1:] = dihedral(c[:, :-1], n[:, 1:], ca[:, 1:], c[:, 1:])
    psi[:, :-1] = dihedral(n[:, :-1], ca[:, :-1], c[:, :-1], n[:, 1:])
    omega[:, 1:] = dihedral(ca[:, :-1], c[:, :-1], n[:, 1:], ca[:, 1:])
    return phi, psi, omega


def peptide_bonds(backbone: np.ndarray) -> np.ndarray:
    """Whether residues of backbones (..., L, >=3, 3) in nm are bound to the next, by the C-N distance: (..., L - 1).

    Residue numbers do not say it: they run on over missing residues, and jump over bonds.
    """
    return np.linalg.norm(backbone[..., 1:, N, :] - backbone[..., :-1, C, :], axis=-1) <= PEPTIDE_BOND_NM


def with_oxygen(backbone: np.ndarray) -> np.ndarray:
    """Backbones (F, L, 3, 3) with the carbonyl O placed by ideal geometry: (F, L, 4, 3).

    O lies in the peptide plane, opposite to the next residue's N; at a chain end and before a break, where no next N
    exists, it is placed as if psi were that of an extended strand (2.36 rad).
    """
    n, ca, c = (backbone[:, :, k] for k in (N, CA, C))
    psi = np.full(backbone.shape[:2], 2.36, backbone.dtype)
    torsions = dihedral(n[:, :-1], ca[:, :-1], c[:, :-1], n[:, 1:])
    psi[:, :-1] = np.where(peptide_bonds(backbone), torsions, psi[:, :-1])
    oxygen = place_atom(n, ca, c, _CO_LENGTH_NM, _CA_C_O_ANGLE, psi + np.pi)
    return np.concatenate([backbone, oxygen[:, :, None].astype(backbone.dtype)], axis=2)


def circular_difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a - b for angles, folded into (-pi, pi]."""
    return -((b - a + np.pi) % (2 * np.pi) - np.pi)


def emptiest_angle(groups: Sequence[np.ndarray]) -> float:
    """Where a circle of angles is best cut open: the centre of its widest stretch with the fewest values.

    Args:
        groups: angles (F,) in (-pi, pi] each; each group weighs the same.
    """
    density = sum(np.histogram(values, _BINS, (-np.pi, np.pi))[0] / len(values) for values in groups)
    width = _BINS // 8
    stretch = np.array([np.roll(density, -first)[:width].sum() for first in range(_BINS)])
    emptiest = np.flatnonzero(stretch <= stretch.min() + 1e-12)
    # The middle of the longest run of equally empty stretches, on the circle.
    runs = np.split(emptiest, np.flatnonzero(np.diff(emptiest) > 1) + 1)
    if len(runs) > 1 and emptiest[0] == 0 and emptiest[-1] == _BINS - 1:
        runs = [np.concatenate([runs[-1] - _BINS, runs[0]]), *runs[1:-1]]
    longest = max(runs, key=len)
    middle = (longest[0] + longest[-1] + width) / 2
    return float((middle * 2 * np.pi / _BINS) % (2 * np.pi) - np.pi)
