"""The look of every figure: sizes, and how a figure is written; colours and names are those of `looks`."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.figure import SubFigure
from matplotlib.transforms import Bbox

from mdllm.figures.looks import (  # noqa: F401 (figures find them here)
    LOOKS,
    OUTSIDE_SHADE,
    REFERENCE_MARKERS,
    STATE_HATCHES,
    STATE_SHADES,
    Look,
)

_MM = 1 / 25.4
SINGLE_COLUMN = 89 * _MM
DOUBLE_COLUMN = 183 * _MM
_SMALL_PT, _SMALL_INCHES, _SMALL_PER_INCH = 6, 0.11, 24  # size, height and width of the small print
_STYLE = Path(__file__).with_name("mdllm.mplstyle")


@contextmanager
def figure(
    conditions: str, width: float, height: float, rows: int = 1, columns: int = 1, **layout
) -> Iterator[tuple[SubFigure, np.ndarray]]:
    """A figure in the house style with its axes, always a 2-D array; closed at the end.

    Args:
        conditions: what the results were made with, for small lines at the bottom.
        width, height: in inches, without these lines.
        layout: of ``subplots``.
    """
    lines = textwrap.wrap(conditions, int(width * _SMALL_PER_INCH)) or [""]
    strip = _SMALL_INCHES * (len(lines) + 0.6)
    with plt.style.context(["default", _STYLE]):
        fig = plt.figure(figsize=(width, height + strip))
        upper, lower = fig.subfigures(2, 1, height_ratios=[height, strip], hspace=0)
        lower.text(0.01, 0.5, "\n".join(lines), va="center", fontsize=_SMALL_PT, color="#555555", linespacing=1.2)
        try:
            yield upper, upper.subplots(rows, columns, squeeze=False, **layout)
        finally:
            plt.close(fig)


def save(upper: SubFigure, stem: Path, data: pd.DataFrame) -> None:
    """Write `stem`.pdf, .png (300 dpi) and .csv, the data shown; the same input gives the same bytes."""
    fig = upper.figure
    stem.parent.mkdir(parents=True, exist_ok=True)
    shrinking = any(ax.get_aspect() != "auto" for ax in fig.axes)
    for _ in range(1 + shrinking):  # what surrounds axes of equal aspect is known once they have shrunk
        fig.get_layout_engine().execute(fig)
    with mpl.rc_context({"figure.constrained_layout.use": False}):
        fig.set_layout_engine(None)  # or the layout would be made again, twice for each file, and all be drawn twice
        for ax in fig.axes:  # the layout's last digits depend on addresses in memory
            ax.set_position(Bbox(ax.get_position(original=True).get_points().round(6)))
        fig.savefig(stem.with_suffix(".pdf"), metadata={"CreationDate": None, "ModDate": None})
        fig.savefig(stem.with_suffix(".png"))
    data.to_csv(stem.with_suffix(".csv"), index=False)


def letters(axes: np.ndarray) -> None:
    """Panel letters a, b, c ... before the titles."""
    for letter, ax in zip("abcdefghijkl", axes.ravel(), strict=False):
        ax.set_title(letter, loc="left", fontweight="bold", pad=3)


def thin(table: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most `most` rows, evenly spread, so that no scatter grows without bound."""
    if len(table) <= most:
        return table
    return table.iloc[np.linspace(0, len(table) - 1, most).round().astype(int)]
