"""Charts of a page, as Vega-Lite: the names, colours and shapes of `mdllm.figures.looks`.

Dark colours of the figures cannot be read on a dark page: the script of the page puts others in their place.
"""

from collections.abc import Iterable

import altair as alt
import pandas as pd

from mdllm.ensembles.names import NULLS
from mdllm.figures.looks import LOOKS, RESTART_LOOKS

alt.data_transformers.disable_max_rows()

# Every colour that a chart may have, and what stands for it on a dark page.
DARK = {
    "#12436D": "#6AA6E0",
    "#28A197": "#3CC4B8",
    "#E8590C": "#FF8A4C",
    "#8FC1EA": "#CFE6FA",
    "#6E6E6E": "#A9A9A9",
    "#A285D1": "#C6B1EA",
    "#A8559F": "#D58BCD",
    "#801650": "#E07AB0",
    "#000000": "#F2F2F2",
    "#B7CDE3": "#3E5D7C",
    "#F3B98B": "#8A5A33",
    "#A8D5BA": "#3F6B51",
    "#D9B8DC": "#6E4B72",
    "#F0E19B": "#6B602B",
    "#BBBBBB": "#777777",
    "#444444": "#D0D0D0",
    "#7A5C00": "#C9A227",
    "#D4A017": "#E8BE4A",
}
SHAPES = {
    "o": "circle",
    "s": "square",
    "^": "triangle-up",
    "D": "diamond",
    "v": "triangle-down",
    "P": "cross",
    "X": "cross",
    "<": "triangle-left",
    "_": "M-0.15,-1L0.15,-1L0.15,1L-0.15,1Z",
}
DASHES = {"-": [1, 0], "--": [4, 2], ":": [1, 2], "-.": [6, 2]}
SEQUENCE = "residue, from the first"
SHORT = {
    "training": "MD, training",
    "md": "MD, not shown to the model",
    "model": "model",
    **{null: f"null: {words}" for null, words in NULLS.items()},
    **{name: look.label for name, look in RESTART_LOOKS.items()},
}


def color(names: Iterable[str], legend: alt.Legend | None = None) -> alt.Color:
    """The colours of sources, in a column `source` of the words of `SHORT`."""
    names = list(names)
    scale = alt.Scale(domain=[SHORT[name] for name in names], range=[LOOKS[name].color for name in names])
    return alt.Color("source:N", scale=scale, title=None, legend=legend)


def shape(names: Iterable[str], legend: alt.Legend | None = None) -> alt.Shape:
    """The markers of sources, likewise."""
    names = list(names)
    scale = alt.Scale(domain=[SHORT[name] for name in names], range=[SHAPES[LOOKS[name].marker] for name in names])
    return alt.Shape("source:N", scale=scale, title=None, legend=legend)


def dashes(name: str) -> list[int]:
    """The dashes of a source's line."""
    line = LOOKS[name].line
    return DASHES[line] if isinstance(line, str) else list(line[1])


def finished(chart: alt.TopLevelMixin, height: int | None = None) -> dict:
    """The chart as JSON, as wide as the page lets it be, with its data inside."""
    if height is not None:
        chart = chart.properties(width="container", height=height)
    return chart.to_dict(validate=True)


def along_sequence(rows: pd.DataFrame) -> tuple[pd.DataFrame, alt.X, alt.Tooltip]:
    """Rows with the names of their residues in a column `name`, an axis of residues, and what a tooltip says.

    Args:
        rows: with `residue`, from 1, `chain`, `resid` and `resname`.
    """
    chains = len(set(rows["chain"])) > 1
    names = rows["resname"] + rows["resid"].astype(str)
    named = rows.assign(name=(rows["chain"].astype(str) + " " + names) if chains else names)
    span = [int(rows["residue"].min()), int(rows["residue"].max())]
    axis = alt.Axis(format="d", tickMinStep=1, labelOverlap=True)
    x = alt.X("residue:Q", title=SEQUENCE, scale=alt.Scale(domain=span, nice=False), axis=axis)
    return named, x, alt.Tooltip("name:N", title="residue")


def intervals(frame: pd.DataFrame, title: str) -> alt.LayerChart:
    """Shares with their intervals, one line for each source; columns `source`, `value`, `low`, `high`.

    Args:
        title: of the axis.
    """
    names = [name for name in LOOKS if name in set(frame["source"])]
    frame = frame.assign(source=frame["source"].map(SHORT))
    axis = {"title": title, "axis": alt.Axis(format="~%", labelFlush=False), "scale": alt.Scale(domainMin=0)}
    tips = ["source", *(alt.Tooltip(name, format=".3%") for name in ("value", "low", "high"))]
    y = alt.Y("source:N", sort=[SHORT[name] for name in names], title=None)
    base = alt.Chart(frame).encode(y=y, color=color(names), tooltip=tips)
    lines = base.mark_rule(strokeWidth=2.5).encode(x=alt.X("low:Q", **axis), x2="high:Q")
    points = base.mark_point(filled=True, size=70, opacity=1)
    return alt.layer(lines, points.encode(x=alt.X("value:Q", **axis), shape=shape(names)))
