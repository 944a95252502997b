"""How far frames are from the nearest known frame: over all residues, and over sliding spans of residues.

A global RMSD hides a local change, and a change of torsions hides the motion of a domain, so three measures are taken
of every frame: the backbone RMSD of the whole molecule, that of each span, and the distance of each span's torsions.
The nearest known frame may be another one for each span: a combination of local structures that are all known is near
in every span, and far as a whole.

Axes: F frames asked about, M known frames, L residues, S spans, W residues of a span, K candidates.

An RMSD of a span needs a superposition for each pair of frames, far too many (L F M). So all frames of a span are laid
on one known frame, where the coordinates of similar structures lie near each other; there the nearest known frame in
each of K stretches of the known frames is found by matrix products, and only these K are superposed pair by pair.
The distance found can thus be larger than the smallest one, never smaller, and by little (see the tests).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mdllm.core.geometry import backbone_torsions, paired_rmsd, superpose

_CANDIDATES = 4
_PAIRS_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class Distances:
    """Distances to the nearest known frame.

    Attributes:
        whole_nm: (F,) RMSD of N, CA, C of all residues.
        nearest: (F,) index of the known frame at this distance.
        span_nm: (F, S) RMSD of N, CA, C of each span.
        span_rad: (F, S) root mean square over the span's phi and psi of 2 sin(difference / 2), which for small
            differences is the difference.
    """

    whole_nm: np.ndarray
    nearest: np.ndarray
    span_nm: np.ndarray
    span_rad: np.ndarray

    def measures(self) -> np.ndarray:
        """All of them side by side, (F, 1 + 2 S)."""
        return np.concatenate([self.whole_nm[:, None], self.span_nm, self.span_rad], axis=1)


def sliding_spans(bonded: np.ndarray, residues: int) -> np.ndarray:
    """First and last residue (S, 2) of every span of so many residues; of a shorter chain, the chain.

    Args:
        bonded: (L-1,) whether residue i and i+1 are neighbours in one chain; no span holds a break.
    """
    ends = np.flatnonzero(np.r_[~bonded, True])
    starts = np.r_[0, ends[:-1] + 1]
    spans = []
    for first, last in zip(starts, ends, strict=True):
        length = min(residues, last - first + 1)
        spans += [(start, start + length - 1) for start in range(first, last - length + 2)]
    return np.array(spans)


class KnownFrames:
    """Frames that others are compared with.

    Args:
        backbone: (M, L, >=3, 3) in nm.
        spans: (S, 2) of `sliding_spans`.
    """

    def __init__(self, backbone: np.ndarray, spans: np.ndarray):
        self._points, self.spans = backbone[:, :, :3].astype(np.float32), spans
        self._torsions = torsion_vectors(backbone)

    def __len__(self) -> int:
        return len(self._points)

    def distances(self, backbone: np.ndarray) -> Distances:
        """Distances of frames (F, L, >=3, 3) in nm to the nearest of the known ones."""
        points, torsions = backbone[:, :, :3].astype(np.float32), torsion_vectors(backbone)
        whole, nearest = self._nearest(points, slice(None))
        span_nm, span_rad = (np.empty((len(points), len(self.spans)), np.float32) for _ in range(2))
        for number, (first, last) in enumerate(self.spans):
            span = slice(first, last + 1)
            span_nm[:, number], _ = self._nearest(points, span)
            span_rad[:, number] = self._nearest_torsions(torsions, span)
        return Distances(whole, nearest, span_nm, span_rad)

    def _nearest(self, points: np.ndarray, span: slice) -> tuple[np.ndarray, np.ndarray]:
        """RMSD (F,) of a span to the nearest known frame, and the index (F,) of that frame."""
        known = self._points[:, span].reshape(len(self), -1, 3)
        asked = points[:, span].reshape(len(points), -1, 3)
        goal = known[len(known) // 2]
        laid, known_laid = (_flat(superpose(x, goal)) for x in (asked, known))
        blocks = np.array_split(np.arange(len(known)), min(_CANDIDATES, len(known)))
        candidates = np.empty((len(asked), len(blocks)), int)  # (F, K)
        for rows, products in _products(laid, known_laid, -2):
            products += (known_laid**2).sum(1)
            for number, block in enumerate(blocks):
                candidates[rows, number] = block[0] + products[:, block[0] : block[-1] + 1].argmin(1)
        distance = np.stack([paired_rmsd(asked, known[candidate]) for candidate in candidates.T])
        best = distance.argmin(0)
        frames = np.arange(len(asked))
        return distance[best, frames], candidates[frames, best]

    def _nearest_torsions(self, torsions: np.ndarray, span: slice) -> np.ndarray:
        """Distance (F,) of the torsions of a span."""
        asked, known = (x[:, span].reshape(len(x), -1) for x in (torsions, self._torsions))
        angles = (known[0] ** 2).sum()
        most = np.concatenate([products.max(1) for _, products in _products(asked, known, 1)])
        return np.sqrt(np.maximum(2 * (angles - most), 0) / angles)


def torsion_vectors(backbone: np.ndarray) -> np.ndarray:
    """Cosine and sine of phi and psi, (F, L, 4) float32, of backbones (F, L, >=3, 3); 0 where there is no angle."""
    phi, psi, _ = backbone_torsions(backbone.astype(np.float64))
    parts = [function(angle) for angle in (phi, psi) for function in (np.cos, np.sin)]
    return np.nan_to_num(np.stack(parts, axis=-1)).astype(np.float32)


def _flat(points: np.ndarray) -> np.ndarray:
    points = points - points.mean(1, keepdims=True)
    return np.ascontiguousarray(points.reshape(len(points), -1), np.float32)


def _products(a: np.ndarray, b: np.ndarray, factor: float) -> Iterator[tuple[slice, np.ndarray]]:
    """Blocks (rows, `factor` a b^T) of all products of rows of `a` (F, D) and `b` (M, D), in flat memory."""
    step = max(_PAIRS_AT_ONCE // len(b), 1)
    scaled = np.ascontiguousarray(b.T * np.float32(factor))
    for first in range(0, len(a), step):
        rows = slice(first, first + step)
        yield rows, a[rows] @ scaled
