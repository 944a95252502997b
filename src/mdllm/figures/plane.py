"""Figure a: the plane of two collective variables with MD, the model, and the nulls side by side.

Three panels share their axes: what MD shows (training frames, and frames that the model was not shown), what the model
generates, and what the nulls make. The lines enclose 90 % of the MD frames of each state and are the same in all
panels. The region of a state is shaded where it is defined by the two variables of the plane.
"""

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from scipy.ndimage import gaussian_filter

from mdllm.ensembles.names import NULLS
from mdllm.figures import style
from mdllm.figures.axis import VariableAxis
from mdllm.figures.tables import Tables

_ENCLOSED = 0.9
_BINS = 60
_LEAST_FOR_CONTOUR = 50
_MOST_POINTS = 4000
_INDEX = ["source", "replica", "frame", "sample", "training", "state"]


def draw(tables: Tables, stem: Path) -> None:
    """Write the figure and its data: every point shown, and every model of the references."""
    description, plane = tables.description, tables.description["plane"]
    frames = tables.cvs[[*_INDEX, *plane]]
    groups = _groups(frames)
    shown = [*groups.values(), tables.references]
    axis = [VariableAxis.of(description, column, [part[column].to_numpy(float) for part in shown]) for column in plane]
    contours = {state: _contour(frames, state, axis) for state in tables.states()}
    with style.figure(tables.conditions, style.DOUBLE_COLUMN, 2.75, 1, 3, sharex=True, sharey=True) as (fig, axes):
        panels = {"MD": ("training", "md"), "model": ("model",), "nulls": tuple(NULLS)}
        style.letters(axes)
        for ax, (title, names) in zip(axes[0], panels.items(), strict=True):
            _regions(ax, description, tables.states(), axis)
            for name in reversed(names):
                _scatter(ax, groups[name], axis, name)
            for state, contour in contours.items():
                if contour is not None:
                    _outline(ax, *contour, dashed=state not in description["training_states"])
            _references(ax, tables.references, axis)
            ax.set_title(title + _hidden(pd.concat([groups[name] for name in names]), axis), loc="center", pad=3)
            ax.set_xlabel(axis[0].text())
        axes[0, 0].set_ylabel(axis[1].text())
        for which, variable in zip("xy", axis, strict=True):
            variable.set_scale(axes[0, 0], which)
        fig.legend(handles=_legend(tables, groups, contours), loc="outside lower center", ncols=4)
        points = [groups[name].assign(shown_as=name) for name in groups]
        references = tables.references.rename(columns={"reference": "shown_as", "model": "frame"})
        points.append(references[["shown_as", "frame", *plane]].assign(source="reference"))
        style.save(fig, stem, pd.concat([part for part in points if len(part)], ignore_index=True))


def _groups(frames: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Points by look, thinned."""
    is_md = frames["source"] == "md"
    groups = {"training": frames[is_md & frames["training"]], "md": frames[is_md & ~frames["training"]]}
    groups |= {name: frames[frames["source"] == name] for name in ("model", *NULLS)}
    return {name: style.thin(group, _MOST_POINTS) for name, group in groups.items()}


def _scatter(ax: Axes, points: pd.DataFrame, axis: list[VariableAxis], name: str) -> None:
    look = style.LOOKS[name]
    options = {"s": 3, "linewidths": 0, "alpha": 0.45, "rasterized": True}
    ax.scatter(
        *(variable.fold(points[variable.column]) for variable in axis), c=look.color, marker=look.marker, **options
    )


def _contour(frames: pd.DataFrame, state: str, axis: list[VariableAxis]):
    """Bin centres, smoothed density and level that encloses 90 % of the MD frames of a state; None for too few."""
    points = frames[(frames["source"] == "md") & (frames["state"] == state)]
    points = points[[variable.column for variable in axis]].dropna()
    if len(points) < _LEAST_FOR_CONTOUR:
        return None
    folded = [variable.fold(points[variable.column]) for variable in axis]
    counts, x, y = np.histogram2d(*folded, bins=_BINS, range=[variable.span for variable in axis])
    density = gaussian_filter(counts, 1.5, mode="constant")
    ranked = np.sort(density.ravel())[::-1]
    level = ranked[np.searchsorted(ranked.cumsum(), _ENCLOSED * ranked.sum())]
    return (x[1:] + x[:-1]) / 2, (y[1:] + y[:-1]) / 2, density.T, level


def _outline(ax: Axes, x: np.ndarray, y: np.ndarray, density: np.ndarray, level: float, dashed: bool) -> None:
    ax.contour(x, y, density, levels=[level], colors="white", linewidths=1.8)
    ax.contour(x, y, density, levels=[level], colors="black", linewidths=0.8, linestyles="--" if dashed else "-")


def _regions(ax: Axes, description: dict, states: list[str], axis: list[VariableAxis]) -> None:
    for number, state in enumerate(states):
        for box in description["states"][state]:
            if set(box) <= set(description["plane"]):
                sides = [
                    variable.pieces(box[variable.column])
                    if variable.column in box
                    else [(variable.span[0], variable.span[1] - variable.span[0])]
                    for variable in axis
                ]
                for (x, width), (y, height) in product(*sides):
                    color = style.STATE_SHADES[number]
                    ax.add_patch(Rectangle((x, y), width, height, color=color, lw=0, alpha=0.4, zorder=0))


def _references(ax: Axes, references: pd.DataFrame, axis: list[VariableAxis]) -> None:
    for (_, rows), marker in zip(references.groupby("reference", sort=False), style.REFERENCE_MARKERS, strict=False):
        options = {"s": 11, "linewidths": 0.5, "edgecolors": "black", "zorder": 5}
        ax.scatter(*(variable.fold(rows[variable.column]) for variable in axis), c="white", marker=marker, **options)


def _hidden(points: pd.DataFrame, axis: list[VariableAxis]) -> str:
    """Words on the points that the axes do not show."""
    count = int(np.logical_or.reduce([variable.outside(points[variable.column]) for variable in axis]).sum())
    return f", {count} of {len(points)} not in view" if count else ""


def _legend(tables: Tables, groups: dict[str, pd.DataFrame], contours: dict) -> list:
    handles = [
        Line2D([], [], color=look.color, marker=look.marker, ls="", label=look.label)
        for name, look in style.LOOKS.items()
        if len(groups[name])
    ]
    training = tables.description["training_states"]
    for state, contour in contours.items():
        if contour is not None:
            handles.append(
                Line2D([], [], color="black", ls="-" if state in training else "--", label=f"state {state}, 90 % of MD")
            )
    for number, state in enumerate(tables.states()):
        if any(set(box) <= set(tables.description["plane"]) for box in tables.description["states"][state]):
            handles.append(Patch(color=style.STATE_SHADES[number], lw=0, alpha=0.4, label=f"region of state {state}"))
    labels = tables.references.drop_duplicates("reference")["label"]
    for label, marker in zip(labels, style.REFERENCE_MARKERS, strict=False):
        handles.append(
            Line2D([], [], color="black", mfc="white", mew=0.5, ms=4.5, marker=marker, ls="", label=str(label))
        )
    return handles
