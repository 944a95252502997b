"""Loop closure: a redrawn stretch of chain is bent until the residue after it stands where it stood.

Codes are drawn along the chain, so that their end misses its place. Torsions phi and psi of the stretch change as
little as will do, in the least-squares sense (damped least squares: Wampler, IEEE Trans. Syst. Man Cybern. 16, 93,
1986; of loops: Canutescu & Dunbrack, Protein Sci. 12, 963, 2003); bond lengths and angles stay as they are.

Axes: B chains, M residues: the last one before the stretch, the stretch, and the first one after it.
"""

from dataclasses import dataclass
from itertools import accumulate

import torch

from mdllm.bases.poses import Poses, compose, rotation_about, rotation_vector

# A turn of the last residue by t radian counts like a shift by t times this.
_LEVER_NM = 0.3
_ROUNDS = 15
_DAMPING = 1e-4
_LARGEST_CHANGE = 0.3  # radian, of a torsion in a round


@dataclass(frozen=True)
class Closed:
    """Chains after closure.

    Attributes:
        poses: (B, M).
        squared_change: (B,) sum over torsions of the squared change, radian^2.
        miss: (B,) what is left of the error at the last residue, nm.
    """

    poses: Poses
    squared_change: torch.Tensor
    miss: torch.Tensor


def close(chain: Poses, target: Poses, n_direction: torch.Tensor) -> Closed:
    """Bring the last residue of chains (B, M) to target poses (B,), the first one held.

    Args:
        n_direction: (M, 3) unit vectors from CA to N in each residue's own frame: the axes of phi.
    """
    change = torch.zeros(chain.origin.shape[0], 2 * (chain.origin.shape[1] - 1), dtype=chain.origin.dtype)
    for _ in range(_ROUNDS):
        error = _error(chain, target)
        # psi of a residue, then phi of the next one: (B, 2 M - 2), in the order of the chain.
        psi_axis, phi_axis = chain.rotation[:, :-1, :, 0], -_turned(chain.rotation[:, 1:], n_direction[1:])
        axis = torch.stack([psi_axis, phi_axis], dim=2).flatten(1, 2)
        pivot = torch.stack([chain.origin[:, :-1], chain.origin[:, 1:]], dim=2).flatten(1, 2)
        jacobian = torch.cat([torch.cross(axis, chain.origin[:, -1:] - pivot, dim=-1), _LEVER_NM * axis], dim=-1)
        square = jacobian.transpose(1, 2) @ jacobian + _DAMPING * torch.eye(6, dtype=axis.dtype)
        step = (jacobian @ torch.linalg.solve(square, error)[..., None])[..., 0]
        step = step * (_LARGEST_CHANGE / step.abs().amax(1, keepdim=True).clamp(min=_LARGEST_CHANGE))
        change = change + step
        chain = _bent(chain, axis, pivot, step)
    return Closed(chain, change.square().sum(1), _error(chain, target).norm(dim=-1))


def _turned(rotation: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    """Vectors (M, 3) of the residues' own frames in space (B, M, 3)."""
    return torch.einsum("bmij,mj->bmi", rotation, vectors)


def _error(chain: Poses, target: Poses) -> torch.Tensor:
    """Shift and turn (B, 6) that are missing at the last residue, nm."""
    turn = rotation_vector(target.rotation @ chain.rotation[:, -1].transpose(1, 2))
    return torch.cat([target.origin - chain.origin[:, -1], _LEVER_NM * turn], dim=-1)


def _bent(chain: Poses, axis: torch.Tensor, pivot: torch.Tensor, angle: torch.Tensor) -> Poses:
    """Chains after turns by angles (B, 2 M - 2) about axes and pivots (B, 2 M - 2, 3) of the chains as they are.

    What turns the chain at an axis that others before it have moved, is that turn about the axis where it was, and
    then the others (Brockett, Lect. Notes Control Inf. Sci. 58, 120, 1984).
    """
    rotation = rotation_about(axis, angle)
    turns = Poses(rotation, pivot - (rotation @ pivot[..., None])[..., 0])
    of_residue = compose(turns[:, ::2], turns[:, 1::2])
    moved = list(accumulate((of_residue[:, residue] for residue in range(of_residue.origin.shape[1])), compose))
    motion = Poses(torch.stack([m.rotation for m in moved], 1), torch.stack([m.origin for m in moved], 1))
    rest = compose(motion, chain[:, 1:])
    return Poses(torch.cat([chain.rotation[:, :1], rest.rotation], 1), torch.cat([chain.origin[:, :1], rest.origin], 1))
