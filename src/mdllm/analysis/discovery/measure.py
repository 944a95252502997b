"""One pass over every ensemble: collective variables, state, quality and distances of each frame.

Axes: F frames, L residues, M known structures. RMSDs are of N, CA, C after superposition.
"""

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mdllm.analysis.discovery.ensembles import GENERATED, MD, Ensemble, spread
from mdllm.analysis.quality.geometry import METRICS, bonded_neighbours, geometry_of_frames
from mdllm.core.geometry import pairwise_rmsd, rmsd
from mdllm.observables.bound import BoundObservables

logger = logging.getLogger(__name__)

NEAREST_TRAINING_FRAMES = 200
NEAREST_TRUE_FRAMES = 500
_FRAME = ["source", "replica", "frame", "sample", "training"]


def to_true(state: str) -> str:
    """Column of the RMSD to the nearest of the spread MD frames of a state."""
    return f"rmsd_to_true_{state}_nm"


def to_reference(state: str) -> str:
    """Column of the RMSD to the nearest model of the references of a state."""
    return f"rmsd_to_reference_{state}_nm"


@dataclass(frozen=True)
class KnownStructures:
    """What frames are compared with; coordinates (M, A, 3) of N, CA, C in nm.

    Attributes:
        start: (A, 3), the first training frame.
        training: spread training frames; `training_frames` are their raw numbers.
        true: spread MD frames of each state that MD visits; training frames are among them.
        references: reference models of each state that has any; NaN where a model lacks atoms.
    """

    start: np.ndarray
    training: np.ndarray
    training_frames: np.ndarray
    true: dict[str, np.ndarray]
    references: dict[str, np.ndarray]


def known_structures(md: Ensemble, bound: BoundObservables) -> KnownStructures:
    """Gather them from the MD ensemble and from the references."""
    state = md.table["state"].to_numpy()
    training = np.flatnonzero(md.table["training"])
    chosen = spread(training, NEAREST_TRAINING_FRAMES)
    true = {name: spread(np.flatnonzero(state == name), NEAREST_TRUE_FRAMES) for name in bound.states.names}
    references = {}
    for name in bound.states.names:
        models = [reference.coordinates for reference in bound.references.values() if reference.state == name]
        if models:
            stacked = np.concatenate(models)
            references[name] = _skeleton(stacked.reshape(len(stacked), -1, 4, 3))
    return KnownStructures(
        start=_skeleton(md.pick(training[:1]))[0],
        training=_skeleton(md.pick(chosen)),
        training_frames=md.table["frame"].to_numpy()[chosen],
        true={name: _skeleton(md.pick(rows)) for name, rows in true.items() if len(rows)},
        references=references,
    )


def measure(ensemble: Ensemble, bound: BoundObservables, known: KnownStructures) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables `cvs` and `quality_frames` of an ensemble.

    `cvs` has, for every frame, the index columns, `state`, the collective variables, `rmsd_to_start_nm` and, but for
    MD, the distances to the known structures of each state. `quality_frames` has the METRICS; of MD, for the training
    frames only. A training frame, and its round trip, is compared with the *other* training frames; where there is no
    other, `rmsd_to_training_nm` is NaN.
    """
    resnames, bonded = ensemble.universe.residues.resnames, bonded_neighbours(ensemble.universe)
    cvs, quality = [], []
    for table, backbone in ensemble.stream():
        values, state = bound.measure(backbone, table["frame"].to_numpy())
        if ensemble.source == MD:
            # The XTC is rounded to 0.001 nm; the state that chose the training frames is that of the raw frame.
            state = table["state"].to_numpy()
            values |= {name: table[name].to_numpy() for name in bound.variables.absent}
        points = _skeleton(backbone)
        to_start = rmsd(points, known.start)
        distances = {} if ensemble.source == MD else _distances(points, known, bound.states.names)
        cvs.append(table.assign(state=state, **values, rmsd_to_start_nm=to_start, **distances))
        judged = table["training"].to_numpy() if ensemble.source == MD else np.ones(len(table), bool)
        if judged.any():
            frames = table.loc[judged, _FRAME].assign(
                rmsd_to_start_nm=to_start[judged],
                rmsd_to_training_nm=_nearest_training(points[judged], table[judged], ensemble.source, known),
                **geometry_of_frames(backbone[judged], resnames, bonded),
            )
            quality.append(frames[_FRAME + list(METRICS)])
    logger.info("%s: %d frames measured", ensemble.source, len(ensemble.table))
    return pd.concat(cvs, ignore_index=True), pd.concat(quality, ignore_index=True)


def _nearest_training(points: np.ndarray, table: pd.DataFrame, source: str, known: KnownStructures) -> np.ndarray:
    distance = pairwise_rmsd(points, known.training)
    if source not in GENERATED:
        distance[table["frame"].to_numpy()[:, None] == known.training_frames] = np.inf
    nearest = distance.min(1)
    return np.where(np.isfinite(nearest), nearest, np.nan)


def _distances(points: np.ndarray, known: KnownStructures, states: list[str]) -> dict[str, np.ndarray]:
    """Columns (F,) to the nearest true frame and the nearest reference of each state; NaN where none is known."""
    columns = {}
    for state in states:
        nothing = np.full(len(points), np.nan)
        true, models = known.true.get(state), known.references.get(state)
        columns[to_true(state)] = nothing if true is None else pairwise_rmsd(points, true).min(1)
        columns[to_reference(state)] = nothing if models is None else _nearest_model(points, models)
    return columns


def _nearest_model(points: np.ndarray, models: np.ndarray) -> np.ndarray:
    """RMSD (F,) to the nearest model (M, A, 3), each by the atoms that it has."""
    present = np.isfinite(models).all(-1)  # (M, A)
    nearest = np.full(len(points), np.inf)
    for pattern in np.unique(present, axis=0):
        alike = (present == pattern).all(1)
        nearest = np.minimum(nearest, pairwise_rmsd(points[:, pattern], models[alike][:, pattern]).min(1))
    return nearest


def _skeleton(backbone: np.ndarray) -> np.ndarray:
    """N, CA, C (F, 3 L, 3) of backbones (F, L, 4, 3)."""
    return backbone[:, :, :3].reshape(len(backbone), -1, 3)
