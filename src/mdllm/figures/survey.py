"""What `mdllm init` saw: the plane of the proposed variables, series in time, and contacts that change.

a, frames by state, with the proposed regions (dashed) where both variables define them. b, the first variable in time.
c, the RMSD of the backbone to the first frame. d, contacts of CA atoms (0.8 nm) that are made (below the diagonal) or
lost (above it) from the first group of frames to the second.
"""

import json
from itertools import product
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from mdllm.figures import style
from mdllm.figures.axis import VariableAxis

_MOST_POINTS = 5000
_COLORS = [*(look.color for name, look in style.LOOKS.items() if name != "frequencies")]
_OUTSIDE = style.LOOKS["frequencies"].color
_MAP_POINTS, _LEAST_MARK = 115, 1.5  # size of the map, and of the smallest mark in it
_DOTS = {"ls": "", "marker": ".", "ms": 2, "mew": 0, "rasterized": True}


def draw(folder: Path) -> Path:
    """Write `survey` as PDF, PNG and CSV into a folder with the tables of `mdllm.survey`; the path of the PNG."""
    about = json.loads((folder / "survey.json").read_text())
    frames = style.thin(pd.read_csv(folder / "frames.csv", keep_default_na=False, na_values=[""]), _MOST_POINTS)
    contacts = pd.read_csv(folder / "contacts.csv")
    names = list(dict.fromkeys([*about["states"], *about["boxes"]]))
    colors = dict(zip(names, _COLORS, strict=False))
    known = frames["time_ps"].notna().all()
    time = frames["time_ps"] / 1000 if known else frames["frame"]
    axis = [
        VariableAxis.of(about, column, [frames[column].to_numpy(float)], _bounds(about, column))
        for column in about["plane"]
    ]
    every = "every one" if about["stride"] == 1 else f"one in {about['stride']}"
    words = f"{about['system']}: {about['frames']} frames, {every} was looked at"
    with style.figure(words, style.DOUBLE_COLUMN, 4.4, 2, 2) as (fig, axes):
        style.letters(axes)
        plane, series, rmsd, change = axes.ravel()
        for state, rows in frames.groupby("state", sort=False):
            color = colors.get(state, _OUTSIDE)
            plane.plot(*(variable.fold(rows[variable.column]) for variable in axis), color=color, **_DOTS)
            series.plot(time[rows.index], axis[0].fold(rows[axis[0].column]), color=color, **_DOTS)
            rmsd.plot(time[rows.index], rows["rmsd_to_first_nm"], color=color, **_DOTS)
        _boxes(plane, about, axis, colors)
        for which, variable in zip("xy", axis, strict=True):
            variable.set_scale(plane, which)
        axis[0].set_scale(series, "y")
        plane.set(xlabel=axis[0].text(), ylabel=axis[1].text())
        label = "time (ns)" if known else "frame"
        series.set(xlabel=label, ylabel=axis[0].text())
        rmsd.set(xlabel=label, ylabel="RMSD to first frame (nm)", ylim=(0, None))
        _contacts(change, about, contacts)
        handles = [Line2D([], [], color=colors[name], marker="o", ms=3, ls="", label=f"state {name}") for name in names]
        if (frames["state"] == "none").any():
            handles.append(Line2D([], [], color=_OUTSIDE, marker="o", ms=3, ls="", label="in no state"))
        fig.legend(handles=handles, loc="outside lower center", ncols=6)
        style.save(fig, folder / "survey", frames)
    return folder / "survey.png"


def _bounds(about: dict, column: str) -> list[list[float]]:
    """Bounds of all regions on one variable."""
    return [box[column] for boxes in about["boxes"].values() for box in boxes if column in box]


def _boxes(ax: Axes, about: dict, axis: list[VariableAxis], colors: dict[str, str]) -> None:
    for state, boxes in about["boxes"].items():
        for box in boxes:
            if {variable.column for variable in axis} <= set(box):
                for (x, width), (y, height) in product(*(variable.pieces(box[variable.column]) for variable in axis)):
                    look = {"ec": colors[state], "fc": "none", "lw": 0.9, "ls": "--", "zorder": 3}
                    ax.add_patch(Rectangle((x, y), width, height, **look))


def _contacts(ax: Axes, about: dict, contacts: pd.DataFrame) -> None:
    size = about["residues"]
    made = contacts["change"] > 0
    near, far = contacts["residue_a"] + 1, contacts["residue_b"] + 1
    look = {"s": max(_LEAST_MARK, _MAP_POINTS / size) ** 2, "marker": "s", "linewidths": 0, "rasterized": True}
    x, y = far.where(made, near), near.where(made, far)
    shown = ax.scatter(x, y, c=contacts["change"], cmap="RdBu_r", vmin=-1, vmax=1, **look)
    ax.plot([0.5, size + 0.5], [0.5, size + 0.5], color="black", lw=0.5)
    one, other = about["contacts_compared"]
    ax.figure.colorbar(shown, ax=ax, label=f"contacts, {other} − {one}")
    ax.set(xlabel="residue, in order", ylabel="residue, in order", aspect="equal")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, nbins=6))
