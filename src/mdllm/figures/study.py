"""Figures of a study: a measure over the axes, and one measure over another."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mdllm.config.measures import measures
from mdllm.figures import style

_COLORS = ("#12436D", "#E8590C", "#28A197", "#A8559F", "#6E6E6E", "#8FC1EA", "#7A5C00", "#D4A017")
_MARKERS, _LINES = "o^sDvPX<", ("-", "--", "-.", ":")
_PANELS = 4
_LABEL_CHARACTERS = 30  # of a line beside one row of panels


def draw_measure(
    table: pd.DataFrame, axes: Sequence[str], measure: str, lines: Sequence[float], about: str, stem: Path
) -> None:
    """Write the figure of a measure: its mean and interval over the first axis, a panel per source.

    Further axes are lines, whose values the legend names.

    Args:
        table: `study.csv`.
        lines: values that the measure is judged by, drawn across.
        about: small print.
    """
    own = table[table["measure"] == measure]
    sources, x = list(dict.fromkeys(own["source"])), axes[0]
    places, labels, numeric = _places(own[x])
    rows = -(-len(sources) // _PANELS)
    columns = -(-len(sources) // rows)
    size = (style.DOUBLE_COLUMN, 0.9 + 1.7 * rows)
    with style.figure(about, *size, rows, columns, sharex=True, sharey=True) as (fig, panels):
        for ax, source in zip(panels.ravel(), sources, strict=False):
            shown = own[own["source"] == source]
            for number, (name, part) in enumerate(_groups(shown, axes[1:])):
                part = part.assign(at=part[x].map(places)).sort_values("at")
                _means(ax, part["at"], part, number, name, joined=numeric)
            for value in lines:
                ax.axhline(value, color="black", lw=0.6, ls=(0, (4, 3)))
            ax.set_title(style.LOOKS[source].label if source in style.LOOKS else source, loc="center", pad=2)
            _axis(ax, list(places.values()), labels, numeric)
        for ax in panels.ravel()[len(sources) :]:
            ax.set_axis_off()
        for ax in panels[:, 0]:
            ax.set_ylabel(textwrap.fill(measures()[measure].label, _LABEL_CHARACTERS), fontsize=7)
        if lines and own["mean"].min() > 0:
            panels[0, 0].set_yscale("log")
        for ax in panels.ravel()[len(sources) - columns : len(sources)]:  # the lowest of each column
            ax.set_xlabel(x)
            ax.tick_params(labelbottom=True)
        _legend(fig, panels[0, 0], axes[1:])
        style.save(fig, stem, own)


def draw_plane(table: pd.DataFrame, axes: Sequence[str], plane: tuple[str, str], about: str, stem: Path) -> None:
    """Write one measure over another, a point per combination of values and source, with both intervals.

    Sources that do not depend on the axes, as nulls, stand as they are, in their own looks.
    """
    first, second = (table[table["measure"] == name].set_index([*axes, "source"]) for name in plane)
    both = first.join(second, lsuffix="_x", rsuffix="_y", how="inner").reset_index()
    sources = list(dict.fromkeys(both["source"]))
    with style.figure(about, style.DOUBLE_COLUMN, 3.4) as (fig, panels):
        ax = panels[0, 0]
        for number, source in enumerate(sources):
            own = both[both["source"] == source]
            look = style.LOOKS.get(source, style.Look(source, _COLORS[number % 8], _MARKERS[number % 8], ""))
            errors = {f"{axis}err": _errors(own, f"_{axis}") for axis in "xy"}
            ax.errorbar(
                own["mean_x"], own["mean_y"], color=look.color, marker=look.marker, ls="none", ms=4, elinewidth=0.6,
                alpha=0.85, label=look.label, **errors,
            )  # fmt: skip
            if source == "model":
                for row in own.to_dict("records"):
                    text = ", ".join(str(row[axis]) for axis in axes)
                    ax.annotate(text, (row["mean_x"], row["mean_y"]), (3, 3), textcoords="offset points", fontsize=6)
        ax.set(xlabel=measures()[plane[0]].label, ylabel=measures()[plane[1]].label)
        ax.margins(0.08)
        fig.legend(loc="outside lower center", ncols=6, title=f"labels: {', '.join(axes)}", title_fontsize=6)
        style.save(fig, stem, both)


def _places(values: pd.Series) -> tuple[dict, list[str], bool]:
    """Where each value stands on the axis, its label, and whether places are the values themselves."""
    found = list(dict.fromkeys(values))
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    places = {value: value if numeric else number for number, value in enumerate(found)}
    return places, [f"{value:g}" if numeric else str(value) for value in found], numeric


def _axis(ax: Axes, places: list[float], labels: list[str], numeric: bool) -> None:
    if numeric and min(places) > 0 and max(places) >= 8 * min(places):
        ax.set_xscale("log")
    ax.set_xticks(places, labels, rotation=0 if max(map(len, labels)) < 6 else 20)
    ax.minorticks_off()
    if not numeric:
        ax.set_xlim(-0.5, len(places) - 0.5)


def _groups(table: pd.DataFrame, axes: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    if not axes:
        return [("", table)]
    grouped = table.groupby(list(axes), sort=False)
    return [(", ".join(map(str, key if isinstance(key, tuple) else (key,))), part) for key, part in grouped]


def _means(ax: Axes, x: pd.Series, part: pd.DataFrame, number: int, name: str, joined: bool) -> None:
    ax.errorbar(
        x, part["mean"], yerr=_errors(part), color=_COLORS[number % 8], marker=_MARKERS[number % 8], ms=3.5,
        ls=_LINES[number % 4] if joined else "none", elinewidth=0.8, lw=0.9, label=name,
    )  # fmt: skip


def _errors(rows: pd.DataFrame, suffix: str = "") -> np.ndarray:
    mean = rows[f"mean{suffix}"]
    return np.nan_to_num(np.stack([mean - rows[f"low{suffix}"], rows[f"high{suffix}"] - mean]))


def _legend(fig, ax: Axes, axes: Sequence[str]) -> None:
    if axes:
        handles, names = ax.get_legend_handles_labels()
        fig.legend(handles, names, loc="outside lower center", ncols=6, title=", ".join(axes), title_fontsize=6)
