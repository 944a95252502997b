"""Collective variables, states and references of a system, bound to its topology: made once, asked for every frame."""

from dataclasses import dataclass

import MDAnalysis as mda
import numpy as np

from mdllm.config.settings.system import TRAINING_START, Observables
from mdllm.observables.collective_variables import CollectiveVariables
from mdllm.observables.references import ReferenceEnsemble, load_references
from mdllm.observables.slow import COLUMNS, SlowCoordinates
from mdllm.observables.states import States


@dataclass(frozen=True)
class BoundObservables:
    """Asked for values by column and for states by name; references by key.

    Attributes:
        states: as they are defined, or as they were found in the plane of `slow`.
        slow: coordinates that nobody had to define; None where nothing needs them.
    """

    variables: CollectiveVariables
    states: States | SlowCoordinates
    references: dict[str, ReferenceEnsemble]
    slow: SlowCoordinates | None = None

    @property
    def columns(self) -> list[str]:
        """Names of all values."""
        return [*self.variables.columns, *(COLUMNS if self.slow else ())]

    def values(self, coordinates: np.ndarray) -> dict[str, np.ndarray]:
        """Values {column: (F,)} of coordinates (F, A, 3) or (F, L, 4, 3) in nm."""
        slow = self.slow.compute(coordinates) if self.slow else {}
        return {**self.variables.compute(coordinates), **slow}

    def measure(self, backbone: np.ndarray, frames: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Values {column: (F,)} and states (F,) of backbones (F, L, 4, 3) in nm; `frames` (F,) are for messages."""
        values = self.values(backbone)
        return values, self.states.label(values, frames)


def beyond_backbone(observables: Observables) -> list[str]:
    """Keys of the variables that need other atoms than N, CA, C, O."""
    return [key for key, cv in observables.collective_variables.items() if cv.beyond_backbone()]


def bind(
    universe: mda.Universe,
    observables: Observables,
    training_start: np.ndarray | None = None,
    slow: SlowCoordinates | None = None,
    of_all_atoms: bool = False,
) -> BoundObservables:
    """Resolve every selection, load and match every reference.

    Args:
        universe: the system's backbone.
        observables: the config sections.
        slow: of the stage prepare; where there are none, frames are in no state unless states are defined.
        training_start: first training frame (L, 4, 3) in nm, for RMSDs to it; not needed where no variable asks.
        of_all_atoms: whether the universe has more than backbones; else variables of other atoms are NaN.

    Raises:
        InputError: a selection is empty, a reference cannot be read or does not align.
    """
    references = load_references(observables.references, universe)
    coordinates = {key: reference.coordinates for key, reference in references.items()}
    if training_start is not None:
        coordinates[TRAINING_START] = training_start.reshape(1, -1, 3)
    absent = [] if of_all_atoms else beyond_backbone(observables)
    variables = CollectiveVariables(universe, observables.collective_variables, coordinates, absent)
    states = States(observables.named_states, observables.collective_variables)
    found = observables.states == "auto" and slow is not None
    return BoundObservables(variables, slow if found else states, references, slow)
