"""What is proposed for raw files: states, the variables that tell them apart, what to train on."""

import string
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mdllm.config.settings.system import OUTSIDE, Observables
from mdllm.core.geometry import paired_rmsd
from mdllm.core.sequences import sequence
from mdllm.molecules.chains import Chains
from mdllm.observables.bound import BoundObservables, bind
from mdllm.survey.frames import Survey
from mdllm.survey.reference import KnownStructure
from mdllm.survey.regions import Regions, tell_apart, with_reference
from mdllm.survey.states import States, find_states
from mdllm.survey.variables import candidates

LEAST_ACCURACY = 0.8  # of what few variables must tell right; else states are left to the run
LEAST_WINDOWS = 50
CONTEXT_FRAMES = 5  # of the preset cpu, for the count of windows
_VISITED_NM = 0.08  # a reference that has a frame as near is no state of its own
_SAME_NM = 0.15  # a reference that has a frame as near stands for the state of this frame


@dataclass(frozen=True)
class Proposal:
    """What a system file is written from.

    Attributes:
        names: of the states that MD shows.
        regions: None: states are left to the run.
        of_reference: whether the last region is that of the reference.
        training: state to train on; None: all frames.
        counts: frames in each state, of those that were looked at.
        changes: how often one state follows another.
        windows: of the state that has most of them, CONTEXT_FRAMES and the next one each.
        windows_trained: of what is trained on.
        nearest_nm: RMSD of the nearest frame to the reference.
        state_of_reference: the state that it stands for; None: none.
    """

    name: str
    survey: Survey
    states: States
    names: list[str]
    regions: Regions | None
    reference: KnownStructure | None
    of_reference: bool
    training: str | None
    counts: dict[str, int]
    changes: int
    windows: int
    windows_trained: int
    nearest_nm: float | None
    state_of_reference: str | None

    @property
    def chains(self) -> Chains:
        return self.survey.atoms.chains()

    @property
    def sequences(self) -> list[str]:
        """Of each chain."""
        letters, residues = self.chains.letters, self.survey.atoms.residues
        return [sequence(residues[letters == letter].resnames) for letter in dict.fromkeys(letters)]


def proposal_of(
    name: str, survey: Survey, known: KnownStructure | None
) -> tuple[Proposal, BoundObservables, pd.DataFrame]:
    """What is proposed for raw files, its variables bound to the backbone, and a row per frame that was looked at."""
    states = find_states(survey)
    universe, bonded = survey.atoms.universe(), survey.atoms.bonded
    names, regions = list(string.ascii_uppercase[: states.count]), None
    if states.count > 1:
        found = candidates(universe, bonded, survey.backbone, states.distances)
        regions = tell_apart(found, states.labels)
        if regions.accuracy < LEAST_ACCURACY:
            regions = None
    of_reference = False
    if known is not None:
        beside = candidates(universe, bonded, survey.backbone, known.beside(states), known.models)
        beyond = with_reference(regions, beside)
        visited = known.nearest_nm(survey.backbone) <= _VISITED_NM
        if beyond is not None and not visited and (regions is not None or states.count == 1):
            regions, of_reference = beyond, True
    settings = _observables(regions, names, known, of_reference)
    bound = bind(universe, settings)
    values = bound.variables.compute(survey.backbone)
    label = bound.states.label(values, survey.table["frame"].to_numpy())
    if regions is None:
        label = np.array(names)[states.labels]
    table = survey.table.assign(state=label, slow_1=states.slow[:, 0], slow_2=states.slow[:, 1], **values)
    table["rmsd_to_first_nm"] = paired_rmsd(
        *(
            x.reshape(len(x), -1, 3)
            for x in (survey.backbone, np.broadcast_to(survey.backbone[0], survey.backbone.shape))
        )
    )
    counts = {state: int(np.sum(label == state)) for state in [*names, OUTSIDE]}
    windows = {state: _windows(label == state, survey.table["segment"].to_numpy()) for state in names}
    best = max(windows, key=windows.get)
    training = best if regions is not None and windows[best] >= LEAST_WINDOWS else None
    inside = label[label != OUTSIDE]
    changes = int((inside[1:] != inside[:-1]).sum())
    segment = survey.table["segment"].to_numpy()
    trained = windows[best] if training else _windows(np.ones(len(label), bool), segment)
    nearest_nm, stands_for = _place_of_reference(known, of_reference, values, label) if known else (None, None)
    made = Proposal(
        name,
        survey,
        states,
        names,
        regions,
        known,
        of_reference,
        training,
        counts,
        changes,
        windows[best],
        trained * survey.stride,
        nearest_nm,
        stands_for if regions else None,
    )
    return made, bound, table


def _place_of_reference(
    known: KnownStructure, of_reference: bool, values: dict[str, np.ndarray], label: np.ndarray
) -> tuple[float, str | None]:
    """RMSD of the nearest frame, and the state: its own region's, or that of this frame, where it is near."""
    rmsd = values[f"rmsd_{known.key}_nm"]
    nearest = int(rmsd.argmin())
    visited = rmsd[nearest] <= _SAME_NM and label[nearest] != OUTSIDE
    return float(rmsd[nearest]), known.key if of_reference else str(label[nearest]) if visited else None


def _observables(
    regions: Regions | None, names: list[str], known: KnownStructure | None, of_reference: bool
) -> Observables:
    """The sections that say what is measured."""
    content: dict = {"collective_variables": {}, "states": "auto", "references": {}}
    if regions is not None:
        content["collective_variables"] = {variable.key: variable.definition for variable in regions.variables}
        content["states"] = regions.settings([*names, known.key] if of_reference else names)
    if known is not None:
        content["references"] = {known.key: known.loadable}
        content["collective_variables"][f"rmsd_{known.key}"] = {"type": "rmsd", "reference": known.key}
    return Observables.model_validate(content)


def _windows(inside: np.ndarray, segment: np.ndarray) -> int:
    """Windows of CONTEXT_FRAMES and the next frame, all of them inside a state, in one segment."""
    pieces = np.split(inside, np.flatnonzero(np.diff(segment) != 0) + 1)
    size = CONTEXT_FRAMES + 1
    return sum(
        int(np.lib.stride_tricks.sliding_window_view(piece, size).all(axis=1).sum())
        for piece in pieces
        if len(piece) >= size
    )
