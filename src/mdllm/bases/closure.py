"""Loop closure: a redrawn stretch of chain is bent until the residue after it stands where it stood.

Codes are drawn along the chain, so that their end misses its place. Torsions phi and psi of the stretch change as
little as will do, in the least-squares sense (damped least squares: Wampler, IEEE Trans. Syst. Man Cybern. 16, 93,
1986; of loops: Canutescu & Dunbrack, Protein Sci. 12, 963, 2003); bond lengths and angles stay as they are.

Axes: B chains, M residues: the last one before the stretch, the stretch, and the first one after it.
"""

from dataclasses import dataclass

import torch

from mdllm.bases.poses import Poses, rotation_about, rotation_vector

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
        psi_axis, phi_axis = chain.rotation[:, :-1, :, 0], -_turned(chain.rotation[:, 1:], n_direction[1:])
        axis = torch.cat([psi_axis, phi_axis], dim=1)
        pivot = torch.cat([chain.origin[:, :-1], chain.origin[:, 1:]], dim=1)
        jacobian = torch.cat([torch.cross(axis, chain.origin[:, -1:] - pivot, dim=-1), _LEVER_NM * axis], dim=-1)
        square = jacobian.transpose(1, 2) @ jacobian + _DAMPING * torch.eye(6, dtype=axis.dtype)
        step = (jacobian @ torch.linalg.solve(square, error)[..., None])[..., 0]
        step = step * (_LARGEST_CHANGE / step.abs().amax(1, keepdim=True).clamp(min=_LARGEST_CHANGE))
        change = change + step
        chain = _bent(chain, *step.chunk(2, dim=1), n_direction)
    return Closed(chain, change.square().sum(1), _error(chain, target).norm(dim=-1))


def _turned(rotation: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    """Vectors (M, 3) of the residues' own frames in space (B, M, 3)."""
    return torch.einsum("bmij,mj->bmi", rotation, vectors)


def _error(chain: Poses, target: Poses) -> torch.Tensor:
    """Shift and turn (B, 6) that are missing at the last residue, nm."""
    turn = rotation_vector(target.rotation @ chain.rotation[:, -1].transpose(1, 2))
    return torch.cat([target.origin - chain.origin[:, -1], _LEVER_NM * turn], dim=-1)


def _bent(chain: Poses, psi: torch.Tensor, phi: torch.Tensor, n_direction: torch.Tensor) -> Poses:
    """Chains with psi of all residues but the last, and phi of all but the first, changed by so much, (B, M-1) each."""
    rotation, origin = [], []
    turn, shift = torch.eye(3, dtype=psi.dtype).expand(len(psi), 3, 3), torch.zeros(len(psi), 3, dtype=psi.dtype)

    def pivot(matrix: torch.Tensor, centre: torch.Tensor):
        return matrix @ turn, (matrix @ (shift - centre)[..., None])[..., 0] + centre

    residues = chain.origin.shape[1]
    for residue in range(residues):
        place = (turn @ chain.origin[:, residue, :, None])[..., 0] + shift
        pose = turn @ chain.rotation[:, residue]
        if residue:
            about = rotation_about(-(pose @ n_direction[residue]), phi[:, residue - 1])
            pose = about @ pose
            turn, shift = pivot(about, place)
        if residue < residues - 1:
            turn, shift = pivot(rotation_about(pose[:, :, 0], psi[:, residue]), place)
        rotation.append(pose)
        origin.append(place)
    return Poses(torch.stack(rotation, 1), torch.stack(origin, 1))
