"""The axis of one collective variable: label, range, ticks, and where a circle is cut open.

A torsion lives on a circle. Drawn from -pi to pi, a state at the border falls in two; so the axis starts where the
fewest frames are, and values below the start are shown one turn higher. Tick labels stay within -pi and pi.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

from mdllm.core.geometry import emptiest_angle

_TURN = 2 * np.pi
_EIGHTHS = {-3: "−3π/4", -2: "−π/2", -1: "−π/4", 0: "0", 1: "π/4", 2: "π/2", 3: "3π/4", 4: "π"}
# Single outliers would otherwise decide the scale; a figure says how many points lie outside.
_INNER = (0.002, 0.998)


@dataclass(frozen=True)
class VariableAxis:
    """How a column is drawn.

    Attributes:
        column: name in the tables.
        label, unit: as in `description.json`.
        start: lowest value of a periodic axis, radian; None for a variable that does not wrap.
        span: limits of the axis.
    """

    column: str
    label: str
    unit: str
    start: float | None
    span: tuple[float, float]

    @classmethod
    def of(
        cls, description: dict, column: str, groups: list[np.ndarray], intervals: list[list[float]] | None = None
    ) -> "VariableAxis":
        """The axis that shows the inner 99.6 % of each group of values and every interval [low, high)."""
        about = description["columns"][column]
        known = [np.asarray(values, float)[np.isfinite(np.asarray(values, float))] for values in groups]
        known = [values for values in known if len(values)]
        axis = cls(column, about["label"], about["unit"], emptiest_angle(known) if about["periodic"] else None, (0, 1))
        ranges = [np.quantile(axis.fold(values), _INNER) for values in known]
        ranges += [(low, low + size) for bounds in intervals or [] for low, size in axis._unbounded(bounds)]
        low, high = min(r[0] for r in ranges), max(r[1] for r in ranges)
        margin = 0.06 * (high - low) + 1e-3
        return cls(column, axis.label, axis.unit, axis.start, (low - margin, high + margin))

    def fold(self, values: np.ndarray) -> np.ndarray:
        """Values as they are drawn."""
        values = np.asarray(values, float)
        return values if self.start is None else self.start + (values - self.start) % _TURN

    def pieces(self, bounds: list[float]) -> list[tuple[float, float]]:
        """(lowest value, size) of the visible parts of the interval [low, high), which may wrap."""
        clipped = [(max(low, self.span[0]), min(low + size, self.span[1])) for low, size in self._unbounded(bounds)]
        return [(low, high - low) for low, high in clipped if high > low]

    def outside(self, values: np.ndarray) -> np.ndarray:
        """True where a value is not visible."""
        drawn = self.fold(values)
        return ~((drawn >= self.span[0]) & (drawn <= self.span[1]))

    def text(self, two_lines: bool = False) -> str:
        """Label as "CA11–CA15 distance (nm)"; for a short axis broken before its last word."""
        label = "\n".join(self.label.rsplit(" ", 1)) if two_lines else self.label
        return f"{label} ({self.unit})" if self.unit else label

    def set_scale(self, ax: "Axes", which: str) -> None:
        """Limits of the x or y axis, and the ticks of a torsion."""
        getattr(ax, f"set_{which}lim")(self.span)
        if ticks := self.ticks():
            getattr(ax, f"set_{which}ticks")(list(ticks), list(ticks.values()))

    def ticks(self) -> dict[float, str]:
        """Of a torsion its ticks, multiples of pi/2, or of pi/4 on a short axis, and what they say; else none."""
        if self.start is None:
            return {}
        every = 2 if self.span[1] - self.span[0] > 1.5 * np.pi else 1
        eighths = range(int(np.ceil(self.span[0] / (np.pi / 4))), int(np.floor(self.span[1] / (np.pi / 4))) + 1)
        return {k * np.pi / 4: _EIGHTHS[(k + 3) % 8 - 3] for k in eighths if k % every == 0}

    def _unbounded(self, bounds: list[float]) -> list[tuple[float, float]]:
        low, high = bounds
        if self.start is None:
            return [(low, high - low)]
        size = high - low if high > low else high - low + _TURN
        if size >= _TURN - 1e-3:
            return [(self.start, _TURN)]
        low = float(self.fold(np.array(low)))
        end = self.start + _TURN
        return [(low, min(size, end - low))] + ([(self.start, low + size - end)] if low + size > end else [])
