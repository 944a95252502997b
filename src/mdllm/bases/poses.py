"""Poses of residues as tensors, frames first: what `mdllm.tokenizers.rigid.poses` is to arrays, on any device.

Axes: B structures, L residues. A pose is a rotation (..., 3, 3) with ``world = rotation @ local + origin``, and an
origin (..., 3) in nm: the frame of N, CA, C.
"""

from dataclasses import dataclass

import numpy as np
import torch

from mdllm.tokenizers.rigid.poses import poses_of

LEVER_NM = 0.1
"""By which the orientation of a residue counts beside its position, where structures are laid on each other."""


@dataclass(frozen=True)
class Poses:
    """Rigid residues: rotations (B, L, 3, 3) and origins (B, L, 3), nm; or of any other axes."""

    rotation: torch.Tensor
    origin: torch.Tensor

    def __getitem__(self, index) -> "Poses":
        """The same part of both."""
        return Poses(self.rotation[index], self.origin[index])

    def __setitem__(self, index, poses: "Poses") -> None:
        self.rotation[index], self.origin[index] = poses.rotation, poses.origin

    def clone(self) -> "Poses":
        return Poses(self.rotation.clone(), self.origin.clone())

    def to_atoms(self, local: torch.Tensor) -> torch.Tensor:
        """Atoms (B, L, A, 3) at `local` (L, A, 3) in their residues' own frames."""
        return torch.einsum("blij,laj->blai", self.rotation, local) + self.origin[:, :, None]


def of_backbone(backbone: np.ndarray) -> Poses:
    """Poses of backbones (B, L, 3, 3), N, CA, C in nm; float64."""
    rotation, origin = poses_of(backbone)
    return of_arrays(rotation, origin)


def of_arrays(rotation: np.ndarray, origin: np.ndarray) -> Poses:
    """From arrays with frames last, (L, 3, 3, B) and (L, 3, B)."""
    return Poses(
        torch.from_numpy(np.ascontiguousarray(np.moveaxis(rotation, -1, 0))),
        torch.from_numpy(np.ascontiguousarray(np.moveaxis(origin, -1, 0))),
    )


def to_arrays(poses: Poses) -> tuple[np.ndarray, np.ndarray]:
    """The inverse of `of_arrays`."""
    return np.moveaxis(poses.rotation.numpy(), 0, -1), np.moveaxis(poses.origin.numpy(), 0, -1)


def relative(base: Poses, pose: Poses) -> Poses:
    """Poses as seen from base poses."""
    back = base.rotation.transpose(-1, -2)
    return Poses(back @ pose.rotation, (back @ (pose.origin - base.origin)[..., None])[..., 0])


def compose(base: Poses, pose: Poses) -> Poses:
    """Poses given as seen from base poses, where they are in space: the inverse of `relative`."""
    return Poses(base.rotation @ pose.rotation, base.origin + (base.rotation @ pose.origin[..., None])[..., 0])


def of_vectors(vectors: torch.Tensor) -> Poses:
    """Poses (...) of vectors (..., 6): a shift in nm, and a turn as axis times angle in radian."""
    angle = vectors[..., 3:].norm(dim=-1)
    axis = vectors[..., 3:] / angle.clamp(min=1e-12)[..., None]
    return Poses(rotation_about(axis, angle), vectors[..., :3])


def to_vectors(poses: Poses) -> torch.Tensor:
    """The inverse of `of_vectors`."""
    return torch.cat([poses.origin, rotation_vector(poses.rotation)], dim=-1)


def nearest_rotation(matrix: torch.Tensor) -> torch.Tensor:
    """Rotations (B, 3, 3) with the largest trace of ``rotation^T matrix`` (Kabsch, Acta Cryst. A32, 922, 1976)."""
    u, _, vt = torch.linalg.svd(matrix)
    sign = torch.linalg.det(u @ vt)
    u = torch.cat([u[..., :2], u[..., 2:] * sign[..., None, None]], dim=-1)
    return u @ vt


def rotation_about(axis: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    """Rotations (..., 3, 3) by angles (...,) in radian about unit axes (..., 3): Rodrigues' formula."""
    x, y, z = axis.unbind(-1)
    zero = torch.zeros_like(x)
    generator = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))
    sine, versine = torch.sin(angle)[..., None, None], (1.0 - torch.cos(angle))[..., None, None]
    return torch.eye(3, dtype=axis.dtype, device=axis.device) + sine * generator + versine * (generator @ generator)


def rotation_vector(rotation: torch.Tensor) -> torch.Tensor:
    """Axis times angle (..., 3), radian, of rotations (..., 3, 3)."""
    skew = 0.5 * (rotation - rotation.transpose(-1, -2))
    axis = torch.stack([skew[..., 2, 1], skew[..., 0, 2], skew[..., 1, 0]], dim=-1)
    sine = axis.norm(dim=-1)
    cosine = 0.5 * (rotation.diagonal(dim1=-2, dim2=-1).sum(-1) - 1.0)
    return axis * (torch.atan2(sine, cosine) / sine.clamp(min=1e-12))[..., None]
