"""Which states a trajectory shows: clusters of the slowest motions of the backbone, as far as they differ in structure.

Clusters are those of `states: auto` (`mdllm.observables.slow`), of all residues but the ends of chains, whose flips are
slow as well. Two clusters are one state where no distance between two CA atoms tells them apart.

Axes: F frames, L residues, K states, P pairs of residues.
"""

import logging
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import pdist

from mdllm.core.geometry import CA
from mdllm.observables.slow import SlowCoordinates
from mdllm.survey.frames import Survey

logger = logging.getLogger(__name__)
CONTACT_NM = 0.8
_SEED = 0
_LEAST_SHIFT_NM = 0.1  # between the means of a distance in two states
_LEAST_EFFECT = 2.0  # the same in standard deviations within the states
_LEAST_SHARE, _LEAST_FRAMES = 0.02, 20
_NEIGHBOURS = 3  # residues nearer in the chain keep their distance
_LEAST_INNER = 3
_MEASURED = 1000  # frames of a cluster whose distances are taken


@dataclass(frozen=True)
class Distances:
    """Distances between CA atoms within each of K groups of frames.

    Attributes:
        mean, variance: (K, P) in nm and nm^2, of all pairs i < j.
        contacts: (K, P) share of frames in which they are below CONTACT_NM.
        pairs: (P, 2) residues, from 0.
    """

    mean: np.ndarray
    variance: np.ndarray
    contacts: np.ndarray
    pairs: np.ndarray

    @classmethod
    def of(cls, backbone: np.ndarray, labels: np.ndarray) -> "Distances":
        """Of backbones (F, L, 4, 3) in nm with labels 0 ... K - 1 (F,), from at most _MEASURED frames of each."""
        residues = backbone.shape[1]
        pairs = np.stack(np.triu_indices(residues, 1), axis=1)
        moments = np.zeros((3, labels.max() + 1, len(pairs)))
        for label in range(labels.max() + 1):
            own = np.flatnonzero(labels == label)
            own = own[np.unique(np.linspace(0, len(own) - 1, min(_MEASURED, len(own))).round().astype(int))]
            for frame in own:
                distance = pdist(backbone[frame, :, CA].astype(np.float64))
                moments[:, label] += distance, distance**2, distance < CONTACT_NM
            moments[:, label] /= len(own)
        mean, square, contacts = moments
        return cls(mean, np.maximum(square - mean**2, 1e-6), contacts, pairs)

    def effects(self, one: int, other: int) -> np.ndarray:
        """How far the means of two groups are apart, in standard deviations within them: (P,).

        Zero where the shift is below _LEAST_SHIFT_NM, and for neighbours in the chain.
        """
        shift = np.abs(self.mean[one] - self.mean[other])
        far = np.diff(self.pairs, axis=1)[:, 0] >= _NEIGHBOURS
        effect = shift / np.sqrt((self.variance[one] + self.variance[other]) / 2)
        return np.where(far & (shift >= _LEAST_SHIFT_NM), effect, 0)


@dataclass(frozen=True)
class States:
    """The states of a survey.

    Attributes:
        labels: (F,) 0 ... K - 1, by number of frames.
        slow: values (F, 2) of the slowest coordinates.
        kind: tICA or PCA.
        merged: clusters that were found, before those that differ in no distance were taken together.
        distances: within each state.
    """

    labels: np.ndarray
    slow: np.ndarray
    kind: str
    merged: int
    distances: Distances

    @property
    def count(self) -> int:
        return int(self.labels.max()) + 1


def find_states(survey: Survey) -> States:
    """Clusters of the sampled frames, those that structure does not tell apart taken together."""
    inner = _inner(survey.atoms.bonded)
    universe, backbone = survey.universe(inner), survey.backbone[:, inner]
    fitted = SlowCoordinates.fit(universe, survey.table["segment"].to_numpy(), states=True, seed=_SEED)
    values = fitted.compute(backbone)
    _, clusters = np.unique(fitted.label(values), return_inverse=True)
    labels = _merged(survey.backbone, clusters)
    distances = Distances.of(survey.backbone, labels)
    return States(labels, np.stack(list(values.values()), axis=1), fitted.kind, len(fitted.names), distances)


def _inner(bonded: np.ndarray) -> np.ndarray:
    """Residues (L',) that are no ends of chains; all, where few are left. `bonded` (L - 1,): to the next."""
    inner = np.flatnonzero(np.append(False, bonded) & np.append(bonded, False))
    return inner if len(inner) >= _LEAST_INNER else np.arange(len(bonded) + 1)


def _merged(backbone: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Labels (F,) by number of frames; clusters that no distance tells apart, and rare ones, go to the nearest."""
    count = int(clusters.max()) + 1
    distances = Distances.of(backbone, clusters)
    effects = np.zeros((count, count))
    for one, other in combinations(range(count), 2):
        effects[one, other] = effects[other, one] = distances.effects(one, other).max(initial=0)
    least = max(_LEAST_FRAMES, _LEAST_SHARE * len(clusters))
    alike = effects < _LEAST_EFFECT
    sizes = np.bincount(clusters)
    for rare in np.flatnonzero(sizes < least):
        others = np.where(np.arange(count) == rare, np.inf, effects[rare])
        alike[rare, others.argmin()] = True
    state = connected_components(coo_array(alike), directed=False)[1][clusters]
    order = pd.Series(state).value_counts().index.to_numpy()
    return np.argsort(order)[state]
