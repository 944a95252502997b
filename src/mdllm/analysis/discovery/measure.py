"""One pass over every ensemble: collective variables, state, quality and distances of each frame.

A region of collective variables is a weak definition of a state: a frame counts as *found* if it lies in the region
and, where true frames of the state are known, is as close to them as they are to each other. That is the 95th
percentile of the distance of a true frame to its nearest true frame outside of its own neighbourhood in time, over
the residues that differ between the training frames and the state, and over all residues.

Axes: F frames, L residues, M known structures. RMSDs are of N, CA, C after superposition.
"""

import logging
from dataclasses import dataclass

import MDAnalysis as mda
import numpy as np
import pandas as pd

from mdllm.analysis.quality.geometry import METRICS, bonded_neighbours, geometry_of_frames
from mdllm.core.geometry import backbone_torsions, pairwise_rmsd, rmsd
from mdllm.ensembles.names import GENERATED, MD
from mdllm.ensembles.sources import Ensemble, spread
from mdllm.observables.bound import BoundObservables

logger = logging.getLogger(__name__)

NEAREST_TRAINING_FRAMES = 200
NEAREST_TRUE_FRAMES = 500
_CLOSE = 0.95  # quantile of the distances between true frames
_NEIGHBOURHOOD = 0.01  # share of the MD frames, on either side of a frame in time
_DIFFERENT_RAD = 0.45  # mean torsions of residues that differ between two states
_FRAME = ["source", "replica", "frame", "sample", "training"]


def to_true(state: str) -> str:
    """Column of the RMSD to the nearest of the spread MD frames of a state."""
    return f"rmsd_to_true_{state}_nm"


def found(state: str) -> str:
    """Column that says whether a frame is in a state as true frames are."""
    return f"found_{state}"


def to_reference(state: str) -> str:
    """Column of the RMSD to the nearest model of the references of a state."""
    return f"rmsd_to_reference_{state}_nm"


@dataclass(frozen=True)
class Closeness:
    """How close true frames of a state are to each other: over `residues` (by index) that differ, and over all, nm."""

    residues: np.ndarray
    limit_nm: float
    limit_all_nm: float


@dataclass(frozen=True)
class TrueFrames:
    """Frames of a state, and how close they are to each other.

    Attributes:
        points: (M, 3 L, 3), N, CA, C in nm.
    """

    points: np.ndarray
    close: Closeness

    def as_close(self, points: np.ndarray) -> np.ndarray:
        """Whether frames (F, 3 L, 3) are as close to these as these are to each other, (F,)."""
        near = pairwise_rmsd(points, self.points).min(1) < self.close.limit_all_nm
        atoms = (3 * self.close.residues[:, None] + np.arange(3)).ravel()
        rows = np.flatnonzero(near)
        if len(rows):
            near[rows] = pairwise_rmsd(points[rows][:, atoms], self.points[:, atoms]).min(1) < self.close.limit_nm
        return near


@dataclass(frozen=True)
class KnownStructures:
    """What frames are compared with; coordinates (M, A, 3) of N, CA, C in nm.

    Attributes:
        start: (A, 3), the first training frame.
        training: spread training frames; `training_frames` are their raw numbers.
        true: spread MD frames of each state that MD visits; training frames are among them.
        references: reference models of each state that has any; NaN where a model lacks atoms.
        closeness: of each state with true frames far enough apart in time.
    """

    start: np.ndarray
    training: np.ndarray
    training_frames: np.ndarray
    true: dict[str, np.ndarray]
    references: dict[str, np.ndarray]
    closeness: dict[str, Closeness]


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
            references[name] = skeleton(stacked.reshape(len(stacked), -1, 4, 3))
    shown = md.pick(chosen)
    frames = {name: md.pick(rows) for name, rows in true.items() if len(rows)}
    apart = round(_NEIGHBOURHOOD * len(md.table))
    closeness = {name: _closeness(shown, backbone, true[name], apart) for name, backbone in frames.items()}
    return KnownStructures(
        start=skeleton(md.pick(training[:1]))[0],
        training=skeleton(shown),
        training_frames=md.table["frame"].to_numpy()[chosen],
        true={name: skeleton(backbone) for name, backbone in frames.items()},
        references=references,
        closeness={name: close for name, close in closeness.items() if close is not None},
    )


def closeness_of_states(known: KnownStructures, universe: mda.Universe) -> dict[str, dict]:
    """What decides that a frame is found in a state, by state, for `description.json`."""
    resids = universe.residues.resids
    return {
        state: {
            "residues": close.residues.tolist(),
            "resids": resids[close.residues].tolist(),
            "limit_nm": close.limit_nm,
            "limit_all_nm": close.limit_all_nm,
        }
        for state, close in known.closeness.items()
    }


def closeness_of_description(description: dict) -> dict[str, Closeness]:
    """The inverse of `closeness_of_states`, from `description.json`."""
    return {
        state: Closeness(np.array(close["residues"]), close["limit_nm"], close["limit_all_nm"])
        for state, close in description["closeness"].items()
    }


def differing_residues(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Indices of residues whose mean phi or psi differs between backbones (F, L, ..., 3), with one on either side.

    All residues, where none differs.
    """
    means = [
        [np.exp(1j * torsion).mean(0) for torsion in backbone_torsions(backbone[:, :, :3])[:2]]
        for backbone in (one, other)
    ]
    change = np.abs(np.angle(np.array(means[0]) * np.conj(means[1])))
    change = np.nan_to_num(change).max(0)
    residues = np.flatnonzero(change > _DIFFERENT_RAD)
    around = np.unique(residues[:, None] + np.arange(-1, 2))
    return around[(around >= 0) & (around < len(change))] if len(around) else np.arange(len(change))


def _closeness(training: np.ndarray, true: np.ndarray, rows: np.ndarray, apart: int) -> Closeness | None:
    """Of true backbones (M, L, 4, 3) at `rows` (M,) of MD; None where no two are farther apart than `apart` frames."""
    residues = differing_residues(training, true)
    near = np.abs(rows[:, None] - rows) <= apart
    lonely = near.all(1)
    if lonely.all():
        return None
    limits = []
    for part in (residues, slice(None)):
        points = skeleton(true[:, part])
        distance = pairwise_rmsd(points, points)
        distance[near] = np.inf
        limits.append(float(np.quantile(distance[~lonely].min(1), _CLOSE)))
    return Closeness(residues, *limits)


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
        points = skeleton(backbone)
        to_start = rmsd(points, known.start)
        distances = {} if ensemble.source == MD else _distances(points, state, known, bound.states.names)
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


def _distances(
    points: np.ndarray, of_frames: np.ndarray, known: KnownStructures, states: list[str]
) -> dict[str, np.ndarray]:
    """Columns (F,) to the nearest true frame and the nearest reference of each state; NaN where none is known.

    Also whether frames, which lie in the states `of_frames` (F,), are found in each.
    """
    columns = {}
    for state in states:
        nothing = np.full(len(points), np.nan)
        true, models = known.true.get(state), known.references.get(state)
        columns[to_true(state)] = nothing if true is None else pairwise_rmsd(points, true).min(1)
        columns[to_reference(state)] = nothing if models is None else _nearest_model(points, models)
        inside = of_frames == state
        if close := known.closeness.get(state):
            rows = np.flatnonzero(inside)
            inside[rows] = TrueFrames(true, close).as_close(points[rows])
        columns[found(state)] = inside
    return columns


def _nearest_model(points: np.ndarray, models: np.ndarray) -> np.ndarray:
    """RMSD (F,) to the nearest model (M, A, 3), each by the atoms that it has."""
    present = np.isfinite(models).all(-1)  # (M, A)
    nearest = np.full(len(points), np.inf)
    for pattern in np.unique(present, axis=0):
        alike = (present == pattern).all(1)
        nearest = np.minimum(nearest, pairwise_rmsd(points[:, pattern], models[alike][:, pattern]).min(1))
    return nearest


def skeleton(backbone: np.ndarray) -> np.ndarray:
    """N, CA, C (F, 3 L, 3) of backbones (F, L, 4, 3)."""
    return backbone[:, :, :3].reshape(len(backbone), -1, 3)
