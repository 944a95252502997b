"""What is drawn: the artists of a figure, taken as it is saved."""

from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mdllm.figures import style


@dataclass(frozen=True)
class Pictures:
    """Figures that were saved in `folder`, by name."""

    folder: Path
    figures: dict[str, Figure]

    def texts(self, name: str) -> list[tuple[str, float]]:
        """Every visible text and its size."""
        return texts(self.figures[name])

    def words(self, name: str) -> list[str]:
        return [text for text, _ in self.texts(name)]


def draw_into(folder: Path, draw, *arguments, written: bool = True) -> Pictures:
    """The figures that `draw(*arguments, folder)` saves; their files are what takes long, and can be left out."""
    figures, save = {}, style.save

    def keep(upper, stem, data):
        if written:
            save(upper, stem, data)
        figures[stem.name] = upper.figure

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(style, "save", keep)
        draw(*arguments, folder)
    return Pictures(folder, figures)


def texts(fig: Figure) -> list[tuple[str, float]]:
    shown = [text for text in fig.findobj(mpl.text.Text) if text.get_text().strip() and text.get_visible()]
    return [(text.get_text(), text.get_size()) for text in shown]


def alike(one, other) -> bool:
    return mpl.colors.same_color(one, other)


def scattered(ax: Axes, color: str) -> np.ndarray:
    """Points (n, 2) of the one scatter of a colour."""
    (found,) = [
        points
        for points in ax.collections
        if isinstance(points, mpl.collections.PathCollection) and alike(points.get_facecolor()[0, :3], color)
    ]
    return np.asarray(found.get_offsets())


def lines(ax: Axes, color: str, marked: bool | None = None) -> list[np.ndarray]:
    """Points (n, 2) of the lines of a colour, those with (without) a marker if `marked` says so."""
    found = [line for line in ax.lines if alike(line.get_color(), color)]
    kept = [line for line in found if marked is None or (line.get_marker() not in ("None", "", None)) == marked]
    return [np.asarray(line.get_xydata(), float) for line in kept]


@dataclass(frozen=True)
class ErrorBars:
    """Points (n,) and half the lengths of their bars (n,); None where there are none."""

    x: np.ndarray
    y: np.ndarray
    xerr: np.ndarray | None
    yerr: np.ndarray | None


def error_bars(ax: Axes, color: str) -> ErrorBars:
    """Those of the one source of a colour."""
    (found,) = [bars for bars in ax.containers if hasattr(bars, "has_yerr") and alike(bars[0].get_color(), color)]
    bars, half = list(found[2]), {}
    for axis, there in ((0, found.has_xerr), (1, found.has_yerr)):
        if there:
            segments = bars.pop(0).get_segments()  # empty where the length is unknown
            ends = np.array([segment[:, axis] if len(segment) == 2 else (np.nan, np.nan) for segment in segments])
            half[axis] = np.diff(ends.reshape(-1, 2))[:, 0] / 2
    return ErrorBars(*np.asarray(found[0].get_xydata(), float).T, half.get(0), half.get(1))
