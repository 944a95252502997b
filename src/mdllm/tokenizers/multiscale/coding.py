"""Encoding and decoding of a batch of aligned backbones, closed loop: both drive the same `Rebuild`.

A spatial code moves a residue away from the pose guessed from its neighbours; a chain code places it by a step from
the residue before. An anchor with a chain code waits until the rest is rebuilt along the sequence.

Axes: F frames, L residues, K codes. A pose is a pair of a rotation (3, 3, F) and an origin (3, F).
"""

import numpy as np

from mdllm.tokenizers.multiscale.codebook import Codebook, motion_size
from mdllm.tokenizers.multiscale.peptide import torsion_features
from mdllm.tokenizers.multiscale.scaffold import Rebuild, Scaffold
from mdllm.tokenizers.rigid.poses import compose, multiply, relative, rotate, torsion_direction
from mdllm.tokenizers.rigid.quantization import features, search_table, squared_distances

# An anchor whose nearest spatial code is farther than this is left to the chain.
_ANCHOR_ERROR_NM = 0.10
# The trust in a rebuilt residue is 1 / (1 + (size of its code / this)^2): large motions are rare, or wrong codes.
_TRUST_NM = 0.05
_CHAIN_TRUST = 0.2


class Coder:
    """A codebook laid out for search, with the scaffold that gives its codes a meaning."""

    def __init__(self, scaffold: Scaffold, codebook: Codebook, rotation_length: float, chain_weight: float):
        self.scaffold = scaffold
        self.codebook = codebook
        self.rotation_length = rotation_length
        self.chain_weight = chain_weight
        self._anchors = frozenset(scaffold.anchors.tolist())
        spatial = codebook.spatial
        points = features(codebook.rotation, codebook.origin, rotation_length)
        self._spatial_table = search_table(points[:spatial])
        steps = np.concatenate([points, codebook.torsions()], axis=1)
        self._chain_table = search_table(steps[spatial:])
        size = motion_size(codebook.rotation, codebook.origin, rotation_length)
        self._stillest = int(size[:spatial].argmin())
        self._trust = 1.0 / (1.0 + (size / _TRUST_NM) ** 2)
        self._trust[spatial:] = _CHAIN_TRUST
        self._rotation = np.ascontiguousarray(np.moveaxis(codebook.rotation, 0, -1))
        self._origin = np.ascontiguousarray(codebook.origin.T)

    def decode(self, codes: np.ndarray) -> Rebuild:
        """Poses of codes (F, L)."""
        codes = codes.copy()
        # The first residue has none before it: a chain code, which no encoder gives it, leaves it where it is.
        codes[codes[:, 0] >= self.codebook.spatial, 0] = self._stillest
        rebuild = Rebuild(self.scaffold, len(codes))
        for residue in self.scaffold.anchors:
            self._place(rebuild, residue, codes[:, residue], rebuild.guess(residue), waits=True)
        for residue in range(codes.shape[1]):
            if residue not in self._anchors:
                self._place(rebuild, residue, codes[:, residue], rebuild.guess(residue))
            elif not self._is_spatial(codes[:, residue]).all():
                self._place_waiting(rebuild, residue, codes[:, residue])
        return rebuild

    def encode(self, rotation: np.ndarray, origin: np.ndarray):
        """Codes (F, L) of true poses (L, 3, 3, F), (L, 3, F) that lie on the reference.

        Also returns the `Rebuild` of those codes, and the motions (L, 3, 3, F), (L, 3, F) away from the guesses,
        from which a codebook is learned.
        """
        residues, frames = len(rotation), rotation.shape[-1]
        rebuild = Rebuild(self.scaffold, frames)
        codes = np.empty((frames, residues), np.int32)
        motions = np.empty_like(rotation), np.empty_like(origin)
        steps = relative((rotation[:-1], origin[:-1]), (rotation[1:], origin[1:]))
        torsions = [None] + [
            self._torsions((rotation[i - 1], origin[i - 1]), (rotation[i], origin[i]), i) for i in range(1, residues)
        ]
        for residue in self.scaffold.anchors:
            true = rotation[residue], origin[residue]
            guess = rebuild.guess(residue)
            motions[0][residue], motions[1][residue] = relative(guess, true)
            cost = squared_distances(self._points(guess, true), self._spatial_table)
            waits = (cost.min(1) > _ANCHOR_ERROR_NM**2) & (residue > 0)
            # Any chain code holds the place of the one that is chosen below.
            codes[:, residue] = np.where(waits, self.codebook.spatial, cost.argmin(1))
            self._place(rebuild, residue, codes[:, residue], guess, waits=True)
        for residue in range(residues):
            target = self._target(rebuild, (rotation[residue], origin[residue]), steps, residue)
            if residue not in self._anchors:
                guess = rebuild.guess(residue)
                true = rotation[residue], origin[residue]
                motions[0][residue], motions[1][residue] = relative(guess, true)
                codes[:, residue] = self._choose(rebuild, residue, guess, target, torsions[residue])
                self._place(rebuild, residue, codes[:, residue], guess)
            elif not self._is_spatial(codes[:, residue]).all():
                chain, _ = self._nearest_chain(rebuild, residue, target, torsions[residue])
                spatial = self._is_spatial(codes[:, residue])
                codes[:, residue] = np.where(spatial, codes[:, residue], chain)
                self._place_waiting(rebuild, residue, codes[:, residue])
        return codes, rebuild, motions

    def _choose(self, rebuild: Rebuild, residue: int, guess, target, torsions) -> np.ndarray:
        """Codes (F,) of a residue: the nearest spatial or the nearest chain code, whichever is nearer."""
        cost = squared_distances(self._points(guess, target), self._spatial_table)
        best = cost.argmin(1)
        if residue == 0:
            return best
        found = self._torsions(rebuild.pose(residue - 1), self._move(guess, best), residue)
        nearest = cost.min(1) + ((found - torsions) ** 2).sum(-1)
        chain, chain_cost = self._nearest_chain(rebuild, residue, target, torsions)
        return np.where(nearest <= chain_cost, best, chain)

    def _nearest_chain(self, rebuild: Rebuild, residue: int, target, torsions):
        """Nearest chain codes (F,) and their squared distances (F,)."""
        points = np.concatenate([self._points(rebuild.pose(residue - 1), target), torsions], axis=1)
        cost = squared_distances(points, self._chain_table)
        return self.codebook.spatial + cost.argmin(1), cost.min(1)

    def _target(self, rebuild: Rebuild, true, steps, residue: int):
        """Mean of the true pose of a residue and of where it should be as seen from its rebuilt chain neighbours.

        The mean of rotations is no rotation, but the nearest code to it is the one with the least mean square
        distance to them.
        """
        rotation, origin = true[0].copy(), true[1].copy()
        total = np.ones(rotation.shape[-1])
        if residue > 0:
            step = steps[0][residue - 1], steps[1][residue - 1]
            seen = compose(rebuild.pose(residue - 1), step)
            rotation += self.chain_weight * seen[0]
            origin += self.chain_weight * seen[1]
            total += self.chain_weight
        if residue < len(steps[0]):
            weight = self.chain_weight * (rebuild.trust[residue + 1] > 0)
            after = multiply(rebuild.rotation[residue + 1], np.swapaxes(steps[0][residue], 0, 1))
            rotation += weight * after
            origin += weight * (rebuild.origin[residue + 1] - rotate(after, steps[1][residue]))
            total += weight
        return rotation / total, origin / total

    def _points(self, base, target) -> np.ndarray:
        """Features (F, 12) of target poses as seen from base poses."""
        rotation, origin = relative(base, target)
        return features(np.moveaxis(rotation, -1, 0), origin.T, self.rotation_length)

    def _torsions(self, before, here, residue: int) -> np.ndarray:
        """Torsion features (F, 5) of the peptide before `residue`, of the poses of residue - 1 and of residue."""
        n, ca, c = (rotate(before[0], atom[:, None]) + before[1] for atom in self.scaffold.local[residue - 1])
        following = [rotate(here[0], atom[:, None]) + here[1] for atom in self.scaffold.local[residue]]
        return torsion_features(torsion_direction(n, ca, c, following[0]), torsion_direction(c, *following))

    def _is_spatial(self, codes: np.ndarray) -> np.ndarray:
        return codes < self.codebook.spatial

    def _move(self, base, codes: np.ndarray):
        """Base poses moved by codes (F,)."""
        return compose(base, (self._rotation[:, :, codes], self._origin[:, codes]))

    def _place(self, rebuild: Rebuild, residue: int, codes: np.ndarray, guess, waits: bool = False) -> None:
        """Put `residue` where its codes (F,) say; with `waits`, chain codes leave it without trust for now."""
        spatial = self._is_spatial(codes)
        trust = self._trust[codes]
        if waits:
            trust = np.where(spatial, trust, 0.0)
        elif not spatial.all():
            before = rebuild.pose(residue - 1)
            guess = tuple(np.where(spatial, here, other) for here, other in zip(guess, before, strict=True))
        rebuild.place(residue, *self._move(guess, codes), trust)

    def _place_waiting(self, rebuild: Rebuild, residue: int, codes: np.ndarray) -> None:
        """Put an anchor where its chain codes say, in the frames where it has waited for the residue before it."""
        spatial = self._is_spatial(codes)
        chain = self._move(rebuild.pose(residue - 1), codes)
        here = rebuild.pose(residue)
        pose = [np.where(spatial, placed, other) for placed, other in zip(here, chain, strict=True)]
        rebuild.place(residue, *pose, self._trust[codes])


def open_loop_motions(scaffold: Scaffold, rotation: np.ndarray, origin: np.ndarray):
    """Motions (L, 3, 3, F), (L, 3, F) of true poses away from guesses that are made from true poses."""
    rebuild = Rebuild(scaffold, rotation.shape[-1])
    motions = np.empty_like(rotation), np.empty_like(origin)
    rest = np.setdiff1d(np.arange(len(rotation)), scaffold.anchors)
    for residue in (*scaffold.anchors, *rest):
        true = rotation[residue], origin[residue]
        motions[0][residue], motions[1][residue] = relative(rebuild.guess(residue), true)
        rebuild.place(residue, *true, np.ones(rotation.shape[-1]))
    return motions
