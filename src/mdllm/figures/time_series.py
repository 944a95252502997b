"""Figure b: both variables of the plane and the RMSD in time, training frames first, then what the model generates.

Left, the training frames one after another; a thin vertical line marks a gap between segments. Right, the generated
frames of all replicas as points and those of replica 0 as a line. Bands: the state's own bounds where it is defined by
that variable alone, else the 5th to 95th percentile of the MD frames in the state. The lowest row is the share of
frames (left, in bins) and of replicas (right) in each state.
"""

from collections.abc import Callable
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from mdllm.figures import style
from mdllm.figures.axis import VariableAxis
from mdllm.figures.tables import Tables

RMSD = "rmsd_to_start_nm"
_MOST_POINTS = 6000
_BINS = 60


def draw(tables: Tables, stem: Path) -> None:
    """Write the figure and its data: training frames and generated frames with the three series."""
    description, states = tables.description, tables.states()
    columns = [*description["plane"], RMSD]
    cvs = tables.cvs
    training = cvs[(cvs["source"] == "md") & cvs["training"]].reset_index(drop=True)
    model = cvs[(cvs["source"] == "model") & (cvs["sample"] == 0)]
    with style.figure(
        tables.conditions, style.DOUBLE_COLUMN, 4.6, 4, 2, sharex="col", sharey="row", height_ratios=[1, 1, 1, 0.45]
    ) as (
        fig,
        axes,
    ):
        for row, column in zip(axes, columns, strict=False):
            if column == RMSD:
                _series(row, training, model, RMSD, np.asarray)
                top = 1.05 * max(training[RMSD].max(), model[RMSD].max())
                row[0].set(ylabel="RMSD to first\ntraining frame (nm)", ylim=(0, top))
                continue
            bands = {state: _bounds(cvs, description, state, column) for state in states}
            values = [part[column].to_numpy() for part in (training, model)]
            axis = VariableAxis.of(description, column, values, list(chain.from_iterable(bands.values())))
            _bands(row, bands, axis)
            _series(row, training, model, column, axis.fold)
            axis.set_scale(row[0], "y")
            row[0].set_ylabel(axis.text(two_lines=True))
        for gap in np.flatnonzero(np.diff(training["segment"]) != 0) + 0.5:
            for ax in axes[:, 0]:
                ax.axvline(gap, color="black", lw=0.5)
        _shares(axes[3, 0], training.index.to_numpy(), training["state"].to_numpy(), states, _BINS)
        frames = model["frame"].to_numpy()
        _shares(axes[3, 1], frames, model["state"].to_numpy(), states, min(_BINS, len(np.unique(frames))))
        axes[3, 0].set(
            ylabel="share\nin state", xlabel="training frame, in order", ylim=(0, 1), xlim=(0, len(training) - 1)
        )
        axes[3, 1].set(xlabel="generated frame", xlim=(0, max(frames.max(), 1)))
        replicas = model["replica"].nunique()
        axes[0, 0].set_title(
            f"training ({len(training)} MD frames of state {' and '.join(description['training_states'])})", pad=3
        )
        axes[0, 1].set_title(f"inference ({replicas} replicas of {len(np.unique(frames))} frames)", pad=3)
        for ax in axes[:, 0]:
            ax.yaxis.set_label_coords(-0.13, 0.5)
        fig.legend(handles=_legend(states), loc="outside lower center", ncols=6)
        keep = ["source", "replica", "frame", "state", *columns]
        style.save(fig, stem, pd.concat([training[keep], model[keep]], ignore_index=True))


def _series(row: np.ndarray, training: pd.DataFrame, model: pd.DataFrame, column: str, fold: Callable) -> None:
    look = style.LOOKS["training"]
    dots = {"ls": "", "marker": ".", "mew": 0, "rasterized": True}
    row[0].plot(training.index, fold(training[column]), ms=2, color=look.color, **dots)
    look, points = style.LOOKS["model"], style.thin(model, _MOST_POINTS)
    row[1].plot(points["frame"], fold(points[column]), ms=2.5, alpha=0.4, color=look.color, **dots)
    first = model[model["replica"] == 0]
    row[1].plot(first["frame"], fold(first[column]), color="black", lw=0.5)


def _bounds(cvs: pd.DataFrame, description: dict, state: str, column: str) -> list[list[float]]:
    """Intervals [low, high] of a state on one variable; empty where neither its definition nor MD gives any."""
    boxes = description["states"][state]
    if all(set(box) == {column} for box in boxes):
        return [box[column] for box in boxes]
    values = cvs.loc[(cvs["source"] == "md") & (cvs["state"] == state), column].dropna().to_numpy()
    if not len(values):
        return []
    if not description["columns"][column]["periodic"]:
        return [np.quantile(values, [0.05, 0.95]).tolist()]
    middle = np.angle(np.exp(1j * values).mean())
    low, high = middle + np.quantile((values - middle + np.pi) % (2 * np.pi) - np.pi, [0.05, 0.95])
    return [[float(low), float(high)]]


def _bands(row: np.ndarray, bands: dict[str, list[list[float]]], axis: VariableAxis) -> None:
    for number, bounds in enumerate(bands.values()):
        look = {"fc": style.STATE_SHADES[number], "ec": "white", "lw": 0, "hatch": style.STATE_HATCHES[number]}
        for low, size in [piece for interval in bounds for piece in axis.pieces(interval)]:
            for ax in row:
                ax.axhspan(low, low + size, **look)


def _shares(ax: Axes, position: np.ndarray, state: np.ndarray, states: list[str], bins: int) -> None:
    """Share of the frames of each bin in each state, stacked."""
    edges = np.linspace(position.min(), position.max() + 1, bins + 1)
    total = np.maximum(np.histogram(position, edges)[0], 1)
    bottom = np.zeros(bins)
    for number, name in enumerate(states):
        share = np.histogram(position[state == name], edges)[0] / total
        options = {"fc": style.STATE_SHADES[number], "ec": "white", "hatch": style.STATE_HATCHES[number], "lw": 0}
        ax.stairs(bottom + share, edges, baseline=bottom, fill=True, **options)
        bottom = bottom + share


def _legend(states: list[str]) -> list:
    handles = [
        Line2D([], [], color=style.LOOKS["training"].color, marker=".", ls="", label="MD, training"),
        Line2D([], [], color=style.LOOKS["model"].color, marker=".", ls="", label="model, all replicas"),
        Line2D([], [], color="black", lw=0.6, label="model, replica 0"),
    ]
    for number, state in enumerate(states):
        options = {"fc": style.STATE_SHADES[number], "ec": "white", "hatch": style.STATE_HATCHES[number], "lw": 0}
        handles.append(Patch(label=f"state {state}", **options))
    return handles
