"""Coding along the chain, closed loop: each step is chosen for the pose that it leads to, and for those after it.

A *stretch* is a run of residues without a gap. Its first residue starts from a guess: where the residues before it, as
they are rebuilt, would carry it from the reference; its code is a jump from there. The first residue of all lies where
it does in the reference; its code is 0 and says nothing.

Several ways to code a frame are followed side by side, the cheapest ones at each residue (a beam search). The cost is
the sum of squared distances of the rebuilt poses from the true ones and, weighted, of the codes from the true steps.
Without the first part errors add up along the chain; without the second, codes jump about to mend tiny errors.

Axes: F frames, L residues, B ways, K codes. A pose is a pair of a rotation (3, 3, F) and an origin (3, F).
"""

import numpy as np

from mdllm.tokenizers.chain.codebook import ROTATION_LENGTH_NM, Codebook
from mdllm.tokenizers.rigid.poses import best_rotation, compose, multiply, poses_of, relative, rotate
from mdllm.tokenizers.rigid.quantization import features, search_table, squared_distances

# The residues that carry the first one after a gap: nearest in the reference, weight 1 / (distance^2 + _NEAR_NM^2).
_CARRIERS = 30
_NEAR_NM = 0.5
# Lever by which a residue's orientation counts beside its position.
_LEVER_NM = 0.1
# Frames that are coded together; results do not depend on it.
_CHUNK = 64


class Coder:
    """Codes and poses of one protein.

    Args:
        steps: codes of all residues but those after a gap.
        jumps: codes of those.
        reference: backbone (L, 3, 3) in nm that guesses start from.
        starts: first residues of the stretches, in ascending order from 0.
        beam: B.
        step_weight: of the squared distance of a code from the true step.
    """

    def __init__(
        self, steps: Codebook, jumps: Codebook, reference: np.ndarray, starts: np.ndarray, beam: int, step_weight: float
    ):
        self.steps, self.jumps = steps, jumps
        self.reference, self.starts = reference, starts
        self.beam, self.step_weight = beam, step_weight
        self._rotation, self._origin = poses_of(reference[None])
        self._step_table, self._jump_table = (search_table(book.points()) for book in (steps, jumps))

    def codes(self, backbone: np.ndarray) -> np.ndarray:
        """Codes (F, L), int32, of backbones (F, L, 3, 3) in nm."""
        return np.concatenate([self.encode(*poses_of(chunk))[0] for chunk in chunks(backbone)])

    def decode(self, codes: np.ndarray):
        """Rotations (L, 3, 3, F) and origins (L, 3, F) of codes (F, L)."""
        rebuilt = self._nothing(len(codes))
        self._rebuild(rebuilt, codes, range(codes.shape[1]))
        return rebuilt

    def encode(self, rotation: np.ndarray, origin: np.ndarray):
        """Codes (F, L) of true poses (L, 3, 3, F), (L, 3, F).

        Also returns the poses that the codes lead to, and the true ones laid on them by their first residue.
        """
        residues, frames = len(rotation), rotation.shape[-1]
        turn = multiply(self._rotation[0], np.swapaxes(rotation[0], 0, 1))
        true = multiply(turn, rotation), self._origin[0] + rotate(turn, origin - origin[0])
        rebuilt, codes = self._nothing(frames), np.zeros((frames, residues), np.int32)
        for start, end in zip(self.starts, [*self.starts[1:], residues], strict=True):
            codes[:, start:end] = self._search(rebuilt, true, start, end)
            self._rebuild(rebuilt, codes, range(start, end))
        return codes, rebuilt, true

    def _search(self, rebuilt, true, start: int, end: int) -> np.ndarray:
        """Codes (F, end - start) of a stretch."""
        pose = self._guess(rebuilt, start)
        frames = pose[1].shape[-1]
        cost, codes, parents = np.zeros((frames, 1)), [], []
        if start == 0:
            codes, parents = [np.zeros((frames, 1), int)], [np.zeros((frames, 1), int)]
        for residue in range(start + len(codes), end):
            ways, target = cost.shape[1], (true[0][residue], true[1][residue])
            book, table = (self.jumps, self._jump_table) if residue == start else (self.steps, self._step_table)
            repeated = tuple(np.repeat(part, ways, axis=-1) for part in target)
            total = squared_distances(_points(pose, repeated), table).reshape(frames, ways, -1) + cost[..., None]
            if residue > start:
                own = _points((true[0][residue - 1], true[1][residue - 1]), target)
                total += self.step_weight * squared_distances(own, table)[:, None]
            parent, code, cost = _cheapest(total, self.beam)
            before = (np.arange(frames)[:, None] * ways + parent).reshape(-1)
            pose = _moved((pose[0][..., before], pose[1][..., before]), book, code.reshape(-1))
            codes.append(code)
            parents.append(parent)
        return _traced(codes, parents, cost.argmin(1))

    def _rebuild(self, rebuilt, codes: np.ndarray, residues: range) -> None:
        """Place `residues`, after all that are before them, as codes (F, L) say."""
        for residue in residues:
            if residue in self.starts:
                pose = self._guess(rebuilt, residue)
                if residue:
                    pose = _moved(pose, self.jumps, codes[:, residue])
            else:
                pose = _moved((rebuilt[0][residue - 1], rebuilt[1][residue - 1]), self.steps, codes[:, residue])
            rebuilt[0][residue], rebuilt[1][residue] = pose

    def _nothing(self, frames: int):
        residues = len(self.reference)
        return np.zeros((residues, 3, 3, frames)), np.zeros((residues, 3, frames))

    def _guess(self, rebuilt, residue: int):
        """Rotation (3, 3, F) and origin (3, F) to which the residues before carry `residue` from the reference."""
        if residue == 0:
            frames = rebuilt[1].shape[-1]
            return tuple(np.repeat(part[0], frames, axis=-1) for part in (self._rotation, self._origin))
        distance = np.linalg.norm(self._origin[:residue, :, 0] - self._origin[residue, :, 0], axis=-1)
        near = np.argsort(distance, kind="stable")[:_CARRIERS]
        weight = 1.0 / (distance[near] ** 2 + _NEAR_NM**2)
        weight /= weight.sum()
        centre = sum(w * rebuilt[1][i] for w, i in zip(weight, near, strict=True))
        reference_centre = sum(w * self._origin[i] for w, i in zip(weight, near, strict=True))
        correlation = sum(
            w
            * (
                (rebuilt[1][i] - centre)[:, None] * (self._origin[i] - reference_centre)[None]
                + _LEVER_NM**2 * multiply(rebuilt[0][i], np.swapaxes(self._rotation[i], 0, 1))
            )
            for w, i in zip(weight, near, strict=True)
        )
        motion = best_rotation(correlation)
        return multiply(motion, self._rotation[residue]), centre + rotate(
            motion, self._origin[residue] - reference_centre
        )


def chunks(array: np.ndarray) -> list[np.ndarray]:
    """Parts of frames (F, ...) that are coded together."""
    return np.split(array, range(_CHUNK, len(array), _CHUNK))


def _points(base, target) -> np.ndarray:
    """Target poses as seen from base poses, as points (F, 12)."""
    rotation, origin = relative(base, target)
    return features(np.moveaxis(rotation, -1, 0), origin.T, ROTATION_LENGTH_NM)


def _moved(base, book: Codebook, codes: np.ndarray):
    """Base poses moved by codes (F,)."""
    return compose(base, (np.moveaxis(book.rotation[codes], 0, -1), book.origin[codes].T))


def _cheapest(total: np.ndarray, beam: int):
    """Of costs (F, B, K) the `beam` smallest of each frame: ways (F, b), codes (F, b), and their costs (F, b)."""
    flat = total.reshape(len(total), -1)
    count = min(beam, flat.shape[1])
    chosen = np.argpartition(flat, count - 1, axis=1)[:, :count]
    parent, code = np.divmod(chosen, total.shape[2])
    return parent, code, np.take_along_axis(flat, chosen, axis=1)


def _traced(codes: list[np.ndarray], parents: list[np.ndarray], last: np.ndarray) -> np.ndarray:
    """Codes (F, M) along the way that ends as number `last` (F,), from codes and parents (F, b) of each residue."""
    traced, way = [], last[:, None]
    for code, parent in zip(reversed(codes), reversed(parents), strict=True):
        traced.append(np.take_along_axis(code, way, axis=1))
        way = np.take_along_axis(parent, way, axis=1)
    return np.concatenate(traced[::-1], axis=1)
