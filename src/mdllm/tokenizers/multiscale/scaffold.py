"""The order in which the multiscale tokenizer rebuilds a backbone, and its guess at the next residue's pose.

The *anchors* (one residue in five, spread by farthest-point sampling) come first, coarse to fine; then the rest along
the sequence. A residue's pose is guessed from its nearest residues already rebuilt, by the rigid motion that carries
them from the reference to where they are now. Since the encoder guesses from what the decoder has rebuilt, and not
from the true structure, errors do not add up.
"""

from dataclasses import dataclass

import numpy as np

from mdllm.tokenizers.rigid.poses import best_rotation, local_atoms, multiply, nearest_rotations, poses_of, rotate
from mdllm.tokenizers.rigid.reference import align, mean_backbone
from mdllm.tokenizers.rigid.restoration import peptide_lengths

# One residue in so many is an anchor.
_RESIDUES_PER_ANCHOR = 5
# A neighbour's weight in the guess is 1 / (distance^2 + _NEAR_NM^2); the laboratory frame is one more, far away.
_NEAR_NM = 0.15
_LABORATORY_NM = 5.0
# Lever by which a neighbour's orientation counts beside its position: N and C sit 0.15 nm from CA.
_LEVER_NM = 0.1


@dataclass(frozen=True)
class Scaffold:
    """What is known of a protein before any code is read; axes L residues, A anchors, n neighbours."""

    rotation: np.ndarray  # (L, 3, 3) mean pose of each residue in the training frames
    origin: np.ndarray  # (L, 3) nm
    local: np.ndarray  # (L, 3, 3) mean N, CA, C in the residue's own frame, nm
    peptide: np.ndarray  # (L-1, 4, 2) mean and standard deviation of PEPTIDE_PAIRS' distances, nm
    anchors: np.ndarray  # (A,) residues, coarse to fine
    neighbours: np.ndarray  # (L, n) residues rebuilt before this one, nearest first; itself where there are fewer

    @property
    def atoms(self) -> np.ndarray:
        """The reference backbone (L, 3, 3), nm."""
        return np.einsum("lij,laj->lai", self.rotation, self.local) + self.origin[:, None]


def build_scaffold(backbone: np.ndarray, neighbours: int) -> Scaffold:
    """The scaffold of training frames (F, L, 3, 3)."""
    aligned = align(backbone, mean_backbone(backbone))
    rotation, origin = poses_of(aligned)
    mean_origin = origin.mean(-1)
    anchors = _farthest_points(mean_origin, max(4, len(mean_origin) // _RESIDUES_PER_ANCHOR))
    return Scaffold(
        rotation=nearest_rotations(rotation.mean(-1)),
        origin=mean_origin,
        local=local_atoms(aligned),
        peptide=peptide_lengths(aligned),
        anchors=anchors,
        neighbours=_neighbours(mean_origin, anchors, neighbours),
    )


def _farthest_points(points: np.ndarray, count: int) -> np.ndarray:
    """Indices (count,) of points (L, 3), each the farthest from those before; the first is the most central."""
    chosen = [int(np.linalg.norm(points - points.mean(0), axis=-1).argmin())]
    distance = np.linalg.norm(points - points[chosen[0]], axis=-1)
    while len(chosen) < min(count, len(points)):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=-1))
    return np.array(chosen)


def _neighbours(points: np.ndarray, anchors: np.ndarray, count: int) -> np.ndarray:
    """Nearest residues (L, count) rebuilt before each residue; the residue itself where there are fewer."""
    residues = np.arange(len(points))
    chosen = np.repeat(residues[:, None], count, axis=1)
    for residue in residues:
        rank = np.flatnonzero(anchors == residue)
        before = anchors[: rank[0]] if len(rank) else np.union1d(anchors, residues[:residue])
        distance = np.linalg.norm(points[before] - points[residue], axis=-1)
        nearest = before[np.argsort(distance, kind="stable")[:count]]
        chosen[residue, : len(nearest)] = nearest
    return chosen


class Rebuild:
    """Poses rebuilt so far of a batch of F frames, and the guess at the next one.

    Each rebuilt residue has a *trust* (F,): the factor on its weight in the guess, zero until it is rebuilt.
    """

    def __init__(self, scaffold: Scaffold, frames: int):
        residues = len(scaffold.origin)
        self.scaffold = scaffold
        self.rotation = np.zeros((residues, 3, 3, frames))
        self.origin = np.zeros((residues, 3, frames))
        self.trust = np.zeros((residues, frames))
        # Per residue: its turn away from the reference (9), its position (3), and 1; what the guess sums up.
        self._motion = np.zeros((residues, 13, frames))
        self._motion[:, 12] = 1.0

    def guess(self, residue: int):
        """Rotation (3, 3, F) and origin (3, F) guessed for `residue`.

        They follow the rigid motion with the smallest weighted squared displacement of the neighbours' origins, and
        of points at `_LEVER_NM` on their axes.
        """
        scaffold = self.scaffold
        here = scaffold.origin[residue]
        total = np.zeros((13, self.trust.shape[1]))
        total[[0, 4, 8, 12]] = 1.0
        total[9:12] = here[:, None]
        total /= _LABORATORY_NM**2
        moment = np.zeros((4, 3, self.trust.shape[1]))  # sums of (position, 1) x (reference position - here)
        for neighbour in scaffold.neighbours[residue]:
            if neighbour == residue:
                break
            offset = scaffold.origin[neighbour] - here
            weight = 1.0 / (offset @ offset + _NEAR_NM**2)
            part = (weight * self.trust[neighbour]) * self._motion[neighbour]
            total += part
            moment += part[9:, None] * offset[:, None]
        centre = total[9:12] / total[12]
        correlation = _LEVER_NM**2 * total[:9].reshape(3, 3, -1) + moment[:3]
        correlation -= centre[:, None] * moment[3]
        motion = best_rotation(correlation)
        rotation = multiply(motion, scaffold.rotation[residue][..., None])
        return rotation, centre - rotate(motion, moment[3] / total[12])

    def pose(self, residue: int):
        """Rotation (3, 3, F) and origin (3, F) of a rebuilt residue."""
        return self.rotation[residue], self.origin[residue]

    def place(self, residue: int, rotation: np.ndarray, origin: np.ndarray, trust: np.ndarray) -> None:
        """Set the poses (3, 3, F), (3, F) of `residue`, with their trust (F,)."""
        self.rotation[residue] = rotation
        self.origin[residue] = origin
        self.trust[residue] = trust
        turn = multiply(rotation, self.scaffold.rotation[residue].T[..., None])
        self._motion[residue, :9] = turn.reshape(9, -1)
        self._motion[residue, 9:12] = origin
