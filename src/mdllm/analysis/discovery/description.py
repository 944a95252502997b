"""What figures need besides tables: names, labels, units, regions. No figure reads a config file."""

import pandas as pd

from mdllm.config.settings.system import OUTSIDE, Observables
from mdllm.observables.bound import BoundObservables
from mdllm.observables.collective_variables import column
from mdllm.observables.slow import COLUMNS
from mdllm.prepare.training_set import JOINED

# Share of the training frames that makes a state one that was trained on, where the system file names none.
VISITED = 0.01


def describe(
    *,
    system: str,
    variant: str,
    about: str,
    plane: tuple[str, str] | None,
    observables: Observables,
    bound: BoundObservables,
    training_states: list[str],
    confidence: float,
) -> dict:
    """The content of `description.json`.

    Keys: `system`, `variant`, `about`; `columns` {column: {label, unit, periodic}} of every collective variable;
    `plane`, the two columns of the plane; `states` {state: [{column: [low, high]}, ...]}, low > high through pi;
    `training_states`; `references` {key: {label, state}}; `confidence` of every interval.
    """
    variables = observables.collective_variables
    slow = bound.slow.labels() if bound.slow else {}
    return {
        "system": system,
        "variant": variant,
        "about": about,
        "columns": {
            column(key, cv): {
                "label": bound.variables.labels[column(key, cv)],
                "unit": cv.unit,
                "periodic": cv.periodic,
            }
            for key, cv in variables.items()
        }
        | {name: {"label": label, "unit": "", "periodic": False} for name, label in slow.items()},
        "plane": [column(key, variables[key]) for key in plane] if plane else list(COLUMNS),
        "states": {
            state: [{name: list(bounds) for name, bounds in box.items()} for box in boxes]
            for state, boxes in bound.states.boxes.items()
        },
        "training_states": training_states,
        "references": {
            key: {"label": reference.label, "state": reference.state} for key, reference in bound.references.items()
        },
        "confidence": confidence,
    }


def visited(md: pd.DataFrame) -> list[str]:
    """States that hold more than a few of the training frames, from the MD frames, the most populated first."""
    share = md.loc[md["training"] & (md["state"] != OUTSIDE), "state"].value_counts() / md["training"].sum()
    return list(share.index[share >= VISITED])


def trained_on(md: pd.DataFrame, training_states: list[str]) -> list[str]:
    """The training states, those visited where none are named, and those of frames that have joined, from MD frames."""
    known = training_states or visited(md)
    joined = md.loc[md[JOINED] > 0, "state"]
    return [*known, *sorted(set(joined) - {OUTSIDE, *known})]


def reference_table(bound: BoundObservables) -> pd.DataFrame:
    """One row per model of each reference.

    Columns: reference, label, model (from 1, as in the file), state (that it stands for), identity (share of aligned
    residues that are the same), matched_residues, and every collective variable; NaN where the model lacks atoms.
    """
    parts = []
    for key, reference in bound.references.items():
        parts.append(
            pd.DataFrame(
                {
                    "reference": key,
                    "label": reference.label,
                    "model": range(1, len(reference.coordinates) + 1),
                    "state": reference.state,
                    "identity": reference.identity,
                    "matched_residues": reference.matched,
                    **bound.values(reference.coordinates),
                }
            )
        )
    columns = ["reference", "label", "model", "state", "identity", "matched_residues", *bound.columns]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
