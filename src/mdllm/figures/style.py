"""The look of every figure: sizes, colours, names of sources, and how a figure is written.

Each source has a colour, a marker and a line style of its own, so that colour is never the only difference. Colours
are told apart with the common colour vision deficiencies and differ in lightness, so that greyscale keeps them.
"""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.figure import SubFigure
from matplotlib.transforms import Bbox

_MM = 1 / 25.4
SINGLE_COLUMN = 89 * _MM
DOUBLE_COLUMN = 183 * _MM
_SMALL_PT, _SMALL_INCHES, _SMALL_PER_INCH = 6, 0.11, 24  # size, height and width of the small print
_STYLE = Path(__file__).with_name("mdllm.mplstyle")


@dataclass(frozen=True)
class Look:
    label: str
    color: str
    marker: str
    line: str | tuple


LOOKS = {
    "training": Look("MD, training", "#12436D", "o", "-"),
    "md": Look("MD, not shown to the model", "#28A197", "s", "-."),
    "model": Look("model", "#E8590C", "^", "-"),
    "roundtrip": Look("null (floor): encode→decode", "#8FC1EA", "D", "--"),
    "frequencies": Look("null: code frequencies", "#6E6E6E", "v", ":"),
    "residue_types": Look("null: residue types", "#A285D1", "P", (0, (3, 1, 1, 1))),
}
# Shades, light to dark, and hatches tell states apart; order: training state, other states, outside all states.
STATE_SHADES = ("#B7CDE3", "#F3B98B", "#A8D5BA", "#D9B8DC", "#F0E19B")
STATE_HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx")
OUTSIDE_SHADE = "#EEEEEE"
REFERENCE_MARKERS = ("*", "P", "X", "h", "8", "p")


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
    fig.get_layout_engine().execute(fig)
    fig.set_layout_engine("none")  # or the layout would be made again, twice for each file
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
