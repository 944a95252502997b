"""Conformational states: named regions in the space of the collective variables.

A region is a box {CV: [low, high)}; a state is one box or the union of several. Bounds are half-open, so that two
states may share a border. For an angle that wraps at +-pi, low > high means the interval through pi.
"""

from collections.abc import Mapping

import numpy as np

from mdllm.config.settings.system import OUTSIDE, CollectiveVariable, Region
from mdllm.core.errors import InputError
from mdllm.observables.collective_variables import column


class States:
    """The states of one system.

    Args:
        states: region, or list of regions, by state.
        variables: the CVs that the regions speak of, by key.
    """

    def __init__(self, states: Mapping[str, Region | list[Region]], variables: Mapping[str, CollectiveVariable]):
        self.names = list(states)
        # state -> boxes, each {column: (low, high)}
        self.boxes = {
            state: [
                {column(cv, variables[cv]): bounds for cv, bounds in box.items()}
                for box in (boxes if isinstance(boxes, list) else [boxes])
            ]
            for state, boxes in states.items()
        }

    def label(self, values: Mapping[str, np.ndarray], frames: np.ndarray | None = None) -> np.ndarray:
        """State of each frame, (F,) strings; "none" outside all states, and where a CV is NaN.

        Args:
            values: column -> (F,) as `CollectiveVariables.compute` returns it.
            frames: (F,) frame numbers for the error message; 0, 1, ... when None.

        Raises:
            InputError: a frame lies in two states; names the frame and both.
        """
        if not self.boxes:
            return np.full(len(next(iter(values.values()), frames if frames is not None else [])), OUTSIDE)
        inside = np.stack([self._inside(boxes, values) for boxes in self.boxes.values()])  # (states, F)
        twice = np.flatnonzero(inside.sum(0) > 1)
        if len(twice):
            first = twice[0]
            states = [name for name, member in zip(self.names, inside[:, first], strict=True) if member]
            number = first if frames is None else frames[first]
            where = ", ".join(f"{name} = {np.asarray(values[name])[first]:.4f}" for name in sorted(self._columns()))
            raise InputError(
                f"states: frame {number} ({where}) lies in '{states[0]}' and in '{states[1]}' ({len(twice)} frames "
                "lie in two states); make the regions disjoint"
            )
        return np.where(inside.any(0), np.array(self.names)[inside.argmax(0)], OUTSIDE)

    def _columns(self) -> set[str]:
        return {name for boxes in self.boxes.values() for box in boxes for name in box}

    @staticmethod
    def _inside(boxes: list[dict[str, tuple[float, float]]], values: Mapping[str, np.ndarray]) -> np.ndarray:
        union = False
        for box in boxes:
            within = True
            for name, (low, high) in box.items():
                x = np.asarray(values[name])
                within = within & ((x >= low) & (x < high) if low < high else (x >= low) | (x < high))
            union = union | within
        return union
