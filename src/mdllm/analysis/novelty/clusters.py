"""New frames that are alike: clusters, their medoids, and which frames of any source belong to them.

The separation of two frames is measured as novelty is: the largest of their distances, over the whole and over each
span, in units of what makes a frame new. Frames of a cluster thus differ from each other by about as much as MD frames
of one state do, and the number of clusters follows from one distance (average linkage, scikit-learn). The medoid of
each is its most central frame; a frame, of the model or of a null, belongs to the nearest medoid if it is new and
within that distance.

Axes: F frames, K medoids, L residues, D distances.
"""

from collections.abc import Iterator

import numpy as np
from sklearn.cluster import AgglomerativeClustering

from mdllm.analysis.novelty.spans import torsion_vectors
from mdllm.analysis.novelty.threshold import Threshold
from mdllm.core.geometry import paired_rmsd, pairwise_rmsd

_ROWS_AT_ONCE = 200


def separations(a: np.ndarray, b: np.ndarray, spans: np.ndarray, threshold: Threshold) -> np.ndarray:
    """(F, K) of frames `a` (F, L, >=3, 3) and `b` (K, L, >=3, 3), in nm; above 1: one would be new beside the other."""
    found = np.zeros((len(a), len(b)))
    torsions_a, torsions_b = torsion_vectors(a), torsion_vectors(b)
    for first in range(0, len(a), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        found[rows] = _largest((a[rows], b), (torsions_a[rows], torsions_b), spans, threshold)
    return found


def separations_within(backbone: np.ndarray, spans: np.ndarray, threshold: Threshold) -> np.ndarray:
    """(F, F) of frames (F, L, >=3, 3) in nm among each other, each pair measured once."""
    found = np.zeros((len(backbone), len(backbone)))
    torsions = torsion_vectors(backbone)
    for first in range(0, len(backbone), _ROWS_AT_ONCE):
        rows, later = slice(first, first + _ROWS_AT_ONCE), slice(first, None)
        found[rows, later] = _largest(
            (backbone[rows], backbone[later]), (torsions[rows], torsions[later]), spans, threshold
        )
    np.fill_diagonal(found, 0)
    return np.maximum(found, found.T)


def find_medoids(backbone: np.ndarray, spans: np.ndarray, threshold: Threshold, distance: float) -> np.ndarray:
    """Rows of the medoids of frames (F, L, >=3, 3), those of large clusters first.

    Args:
        distance: mean separation up to which two clusters are merged.
    """
    if len(backbone) < 2:
        return np.arange(len(backbone))
    apart = separations_within(backbone, spans, threshold)
    clustering = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="average", distance_threshold=distance
    )
    label = clustering.fit_predict(apart)
    size = np.bincount(label)
    medoids = []
    for cluster in np.lexsort((np.arange(len(size)), -size)):
        members = np.flatnonzero(label == cluster)
        medoids.append(members[apart[np.ix_(members, members)].sum(1).argmin()])
    return np.array(medoids)


def assign(
    backbone: np.ndarray, medoids: np.ndarray, spans: np.ndarray, threshold: Threshold, distance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Cluster (F,), from 1, and separation (F,) from its medoid, of new frames; 0 and NaN where none is near enough."""
    if not len(medoids) or not len(backbone):
        return np.zeros(len(backbone), int), np.full(len(backbone), np.nan)
    apart = np.zeros((len(backbone), len(medoids)))
    torsions = torsion_vectors(backbone), torsion_vectors(medoids)
    for measure, found in _of_matrices((backbone, medoids), torsions, spans):
        np.maximum(apart, found / threshold.scale[measure], out=apart)
    rows, columns = np.nonzero(apart <= distance)  # few: only these are superposed span by span
    for number, (first, last) in enumerate(spans):
        piece = slice(first, last + 1)
        atoms = 3 * (last - first + 1)
        both = (x[:, piece, :3][at].reshape(-1, atoms, 3) for x, at in ((backbone, rows), (medoids, columns)))
        apart[rows, columns] = np.maximum(apart[rows, columns], paired_rmsd(*both) / threshold.scale[1 + number])
    nearest, separation = apart.argmin(1), apart.min(1)
    near = separation <= distance
    return np.where(near, nearest + 1, 0), np.where(near, separation, np.nan)


def _largest(
    points: tuple[np.ndarray, np.ndarray],
    torsions: tuple[np.ndarray, np.ndarray],
    spans: np.ndarray,
    threshold: Threshold,
) -> np.ndarray:
    """Separations (F, K), from what `_of_matrices` takes."""
    a, b = points
    found = np.zeros((len(a), len(b)))
    for measure, distance in (*_of_matrices(points, torsions, spans), *_of_spans(a, b, spans)):
        np.maximum(found, distance / threshold.scale[measure], out=found)
    return found


def _of_matrices(
    points: tuple[np.ndarray, np.ndarray], torsions: tuple[np.ndarray, np.ndarray], spans: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    """Distances (F, K) of the whole and of the torsions of spans, which cost little, with their number.

    Numbers are those of `mdllm.analysis.novelty.spans.Distances.measures`.

    Args:
        points, torsions: of both sides, (F, L, >=3, 3) and (K, L, >=3, 3), and of `torsion_vectors`.
    """
    yield 0, pairwise_rmsd(*(x[:, :, :3].reshape(len(x), -1, 3) for x in points))
    for number, (first, last) in enumerate(spans):
        own, other = (x[:, first : last + 1].reshape(len(x), -1) for x in torsions)
        angles = (other[0] ** 2).sum()
        yield 1 + len(spans) + number, np.sqrt(np.maximum(2 * (angles - own @ other.T), 0) / angles)


def _of_spans(a: np.ndarray, b: np.ndarray, spans: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """RMSD (F, K) of spans, with their number likewise."""
    for number, (first, last) in enumerate(spans):
        yield 1 + number, pairwise_rmsd(*(x[:, first : last + 1, :3].reshape(len(x), -1, 3) for x in (a, b)))
