"""Coordinates and states that nobody has to define: slowest motions of the backbone's torsions, and clusters in them.

Features are cosine and sine of every phi and psi that the first frame has: none over a break or between two chains. The
coordinates are the two slowest of a time-lagged independent component analysis (Perez-Hernandez et al., J. Chem. Phys.
139, 015102, 2013; deeptime), at a lag of LAG_FRAMES frames. Where fewer frames follow each other at that lag than there
are features, or LEAST_PAIRS, slowness would be fitted to noise or is not known at all, and they are the two largest
principal components instead; fewer structures than LEAST_FRAMES vary in no plane, and get their RMSD to the first one
and their radius of gyration. States are clusters in their plane (k-means, scikit-learn): the number of them, up to
MOST_STATES, is the one with the largest mean silhouette, and one where none reaches SILHOUETTE. They are called S1,
S2 ... from the most populated on; a frame is in that of the nearest center.

Pitfalls: a slow motion of the data need not be the one of interest, and an end that flips now and then is slow.

Axes: F frames, L residues, D features, K states.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mdllm.core.geometry import backbone_torsions, paired_rmsd, peptide_bonds
from mdllm.core.records import read_npz, write_npz
from mdllm.core.trajectories import iterate_backbone

logger = logging.getLogger(__name__)
LAG_FRAMES = 10
LEAST_PAIRS = 50
LEAST_FRAMES = 3
MOST_STATES = 5
SILHOUETTE = 0.5
COLUMNS = ("slow_1", "slow_2")
_FIT_FRAMES, _CLUSTERED = 50_000, 2000
TIME, VARIANCE, SHAPE = "tICA", "PCA", "shape"


@dataclass(frozen=True)
class SlowCoordinates:
    """A projection of backbones, and the centers of its states.

    Attributes:
        mean: (D,) of the features.
        components: (D, 2) per unit of standard deviation of each coordinate.
        centers: (K, 2), in the plane; K = 0 where states are defined otherwise.
        kind: tICA, PCA or shape.
        bonded: (L - 1,) whether a residue is bound to the next.
    """

    mean: np.ndarray
    components: np.ndarray
    centers: np.ndarray
    kind: str
    bonded: np.ndarray

    @property
    def names(self) -> list[str]:
        """Names of the states."""
        return [f"S{number}" for number in range(1, len(self.centers) + 1)]

    @property
    def boxes(self) -> dict[str, list]:
        """The states have no bounds in collective variables."""
        return {name: [] for name in self.names}

    def labels(self) -> dict[str, str]:
        """Labels of COLUMNS, for figures."""
        return {column: f"{self.kind} coordinate {number}" for number, column in enumerate(COLUMNS, start=1)}

    def compute(self, coordinates: np.ndarray) -> dict[str, np.ndarray]:
        """Column -> (F,) of coordinates (F, A, 3) or (F, L, 4, 3) in nm; NaN where atoms are missing."""
        projected = (_features(coordinates, self.bonded) - self.mean) @ self.components
        return dict(zip(COLUMNS, projected.T, strict=True))

    def label(self, values: Mapping[str, np.ndarray], frames: np.ndarray | None = None) -> np.ndarray:
        """State (F,) of each frame, from the values of `compute`."""
        points = np.stack([np.asarray(values[column]) for column in COLUMNS], axis=-1)
        nearest = ((points[:, None] - self.centers) ** 2).sum(-1).argmin(1)
        return np.array(self.names)[nearest]

    @classmethod
    def fit(cls, universe, segment: np.ndarray, states: bool, seed: int) -> "SlowCoordinates":
        """From a backbone trajectory.

        Args:
            segment: (F,) frames of one segment follow each other without a gap.
            states: whether to find states.
        """
        stride = max(1, -(-len(segment) // _FIT_FRAMES))
        index = np.arange(0, len(segment), stride)
        bonded = peptide_bonds(next(iterate_backbone(universe, index[:1]))[1])[0]
        if len(index) < LEAST_FRAMES:
            return Shape.of(next(iterate_backbone(universe, index))[1], bonded, states)
        features = np.concatenate([_features(backbone, bonded) for _, backbone in iterate_backbone(universe, index)])
        features, segment = features.astype(float), np.asarray(segment)[index]
        mean, kind, components = features.mean(0), TIME, _slowest(features, segment)
        if components is None:
            kind, components = VARIANCE, _largest(features - mean)
        projected = (features - mean) @ components
        spread = projected.std(0)
        components = components / np.where(spread > 0, spread, 1)
        plane = (features - mean) @ components
        centers = _centers(plane, seed) if states else np.zeros((0, 2))
        logger.info("the plane is that of %s of backbone torsions; %d states found", kind, len(centers))
        return cls(mean, components, centers, kind, bonded)

    def save(self, path: Path) -> None:
        arrays = {"mean": self.mean, "components": self.components, "centers": self.centers, "bonded": self.bonded}
        write_npz(path, kind=np.array([self.kind]), **arrays)

    @classmethod
    def load(cls, path: Path) -> "SlowCoordinates | None":
        """What `save` or `save_none` has written."""
        content = read_npz(path)
        if not len(content["mean"]):
            return None
        bonded = content.get("bonded", np.ones(len(content["mean"]) // 4, bool))  # of an older version
        kind = str(content["kind"][0])
        made = Shape if kind == SHAPE else cls
        return made(content["mean"], content["components"], content["centers"], kind, bonded)


class Shape(SlowCoordinates):
    """RMSD of N, CA, C to a structure, and radius of gyration of CA, nm; `mean` is the structure (L * 3 * 3)."""

    @classmethod
    def of(cls, backbone: np.ndarray, bonded: np.ndarray, states: bool) -> "Shape":
        """From structures (F, L, >=3, 3) in nm, of the first; where states are asked for, all of them are one."""
        made = cls(backbone[0, :, :3].astype(float).ravel(), np.zeros((0, 2)), np.zeros((0, 2)), SHAPE, bonded)
        centers = np.stack(list(made.compute(backbone[:1]).values()), axis=-1)[: int(states)]
        logger.info("the plane is that of RMSD to the first structure and radius of gyration")
        return cls(made.mean, made.components, centers, SHAPE, bonded)

    def labels(self) -> dict[str, str]:
        names = ("RMSD to first structure (nm)", "radius of gyration (nm)")
        return dict(zip(COLUMNS, names, strict=True))

    def compute(self, coordinates: np.ndarray) -> dict[str, np.ndarray]:
        backbone = np.asarray(coordinates)
        points = backbone.reshape(len(backbone), -1, 4, 3)[:, :, :3]
        goal = np.broadcast_to(self.mean.reshape(1, -1, 3), (len(points), points.shape[1] * 3, 3))
        rmsd = paired_rmsd(points.reshape(goal.shape), goal)
        ca = points[:, :, 1].astype(float)
        spread = ((ca - ca.mean(1, keepdims=True)) ** 2).sum(-1)
        return dict(zip(COLUMNS, (rmsd, np.sqrt(spread.mean(1))), strict=True))


def save_none(path: Path) -> None:
    """The file of a system that needs no coordinates of this kind."""
    write_npz(path, mean=np.zeros(0))


def _features(coordinates: np.ndarray, bonded: np.ndarray) -> np.ndarray:
    """(F, D)"""
    backbone = np.asarray(coordinates)
    backbone = backbone.reshape(len(backbone), -1, 4, 3).astype(np.float64)
    phi, psi, _ = backbone_torsions(backbone)
    angles = np.concatenate([phi[:, 1:][:, bonded], psi[:, :-1][:, bonded]], axis=1)
    return np.concatenate([np.cos(angles), np.sin(angles)], axis=1)


def _slowest(features: np.ndarray, segment: np.ndarray) -> np.ndarray | None:
    """Components (D, 2), or None where too few frames follow each other."""
    pieces = np.split(features, np.flatnonzero(np.diff(segment) != 0) + 1)
    pieces = [piece for piece in pieces if len(piece) > LAG_FRAMES]
    if sum(len(piece) - LAG_FRAMES for piece in pieces) < max(LEAST_PAIRS, features.shape[1]):
        return None
    # Every stage that knows a system's variables reads this module, and deeptime takes seconds and 200 MB to import.
    from deeptime.decomposition import TICA

    estimator = TICA(lagtime=LAG_FRAMES, dim=2, scaling=None)
    for piece in pieces:
        estimator.partial_fit((piece[:-LAG_FRAMES], piece[LAG_FRAMES:]))
    vectors = np.asarray(estimator.fetch_model().instantaneous_coefficients)[:, :2].real
    return _signed(vectors) if vectors.shape[1] == 2 else None


def _largest(centred: np.ndarray) -> np.ndarray:
    """Principal components (D, 2)."""
    vectors = np.linalg.svd(centred, full_matrices=False)[2][:2].T
    if vectors.shape[1] < 2:
        vectors = np.pad(vectors, ((0, 0), (0, 2 - vectors.shape[1])))
    return _signed(vectors)


def _signed(vectors: np.ndarray) -> np.ndarray:
    """With the largest entry of each column positive, so that no sign is left to chance."""
    largest = np.abs(vectors).argmax(0)
    return vectors * np.where(vectors[largest, np.arange(vectors.shape[1])] < 0, -1, 1)


def _centers(plane: np.ndarray, seed: int) -> np.ndarray:
    """Centers (K, 2), those of populated states first."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    shown = plane[np.unique(np.linspace(0, len(plane) - 1, min(_CLUSTERED, len(plane))).round().astype(int))]
    best, centers = SILHOUETTE, shown.mean(0, keepdims=True)
    for count in range(2, min(MOST_STATES, len(np.unique(shown, axis=0)) - 1) + 1):
        fitted = KMeans(count, n_init=10, random_state=seed).fit(shown)
        score = silhouette_score(shown, fitted.labels_)
        if score > best:
            best, centers = score, fitted.cluster_centers_
    nearest = ((plane[:, None] - centers) ** 2).sum(-1).argmin(1)
    return centers[np.argsort(-np.bincount(nearest, minlength=len(centers)), kind="stable")]
