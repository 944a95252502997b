"""Discovery against the nulls: for each state the share of frames and the distance, with intervals and in words.

A frame is found if it lies in the region of the state and is as close to true frames, where any are known, as these
are to each other; an open marker shows all that lie in the region.
"""

import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mdllm.ensembles.names import NULLS
from mdllm.figures import style
from mdllm.figures.tables import Tables

_SOURCES = ("model", *NULLS)
_DISTANCES = [
    "rmsd_to_true_nm_high",
    "rmsd_to_true_nm_median",
    "rmsd_to_reference_nm_high",
    "rmsd_to_reference_nm_median",
]
# Characters of a verdict that fit into one line of the panel.
_LINE = 66
_BACKGROUND = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
_ROW_INCHES, _FRAME_INCHES = 0.17, 0.75
_SLOTS = len(_SOURCES) + 3  # two lines of words above the sources of a state, and a gap


def draw(tables: Tables, stem: Path) -> None:
    """Write the figure and its data: the rows of `discovery.csv`."""
    table, states, confidence = tables.discovery, tables.states(), tables.description["confidence"]
    height = _FRAME_INCHES + _ROW_INCHES * _SLOTS * len(states)
    with style.figure(tables.conditions, style.DOUBLE_COLUMN, height, 1, 2, sharey=True, width_ratios=[1.25, 1]) as (
        fig,
        axes,
    ):
        share, distance = axes[0]
        share.set_xlim(-0.02, 1.02)
        distance.set_xlim(0, 1.1 * np.nanmax(table[_DISTANCES].to_numpy(float), initial=0.01))
        ticks = {}
        for number, state in enumerate(states):
            rows = table[table["state"] == state].set_index("source")
            top = number * _SLOTS
            for place, source in enumerate(_SOURCES, start=top + 2):
                ticks[place] = style.LOOKS[source].label
                found = rows.loc[source, ["share_found", "share_found_low", "share_found_high"]]
                region = float(rows.loc[source, "share"])
                look = style.LOOKS[source]
                if region > found.iloc[0]:
                    share.plot(region, place, color=look.color, marker=look.marker, mfc="white", ls="", ms=4, mew=0.6)
                _interval(share, place, source, found)
                _interval(distance, place, source, _distance(rows.loc[source]))
            text = share.text(0, top + 0.4, _words(state, rows), va="center", linespacing=1.3, bbox=_BACKGROUND)
            text.set_in_layout(False)
        share.set_yticks(list(ticks), list(ticks.values()))
        share.set(ylim=(len(states) * _SLOTS - 0.7, -0.6))
        share.set_xlabel(
            f"share of frames found in the state ({100 * confidence:.0f} % interval);\n"
            "open: in its region, but not as close as true frames are"
        )
        distance.set_xlabel("median RMSD to nearest known\nstructure of the state (nm)")
        for ax in (share, distance):
            ax.tick_params(axis="y", length=0)
            ax.grid(axis="x", lw=0.3, color="#CCCCCC")
            ax.set_axisbelow(True)
        style.letters(axes)
        style.save(fig, stem, table)


def _interval(ax: Axes, place: int, source: str, values: pd.Series) -> None:
    """A point with its interval, and both in figures on the side where there is room."""
    value, low, high = values.astype(float)
    if np.isnan(value):
        ax.text(0, place, "  nothing known", va="center", fontsize=6, color="#666666")
        return
    look, has_interval = style.LOOKS[source], np.isfinite([low, high]).all()
    if has_interval:
        ax.plot([low, high], [place, place], color=look.color, lw=1.6, solid_capstyle="butt")
    ax.plot(value, place, color=look.color, marker=look.marker, ms=4.5, mec="white", mew=0.4, clip_on=False, zorder=3)
    right = value < 0.5 * ax.get_xlim()[1]
    text = f"{value:.3f}" + (f" [{low:.3f}, {high:.3f}]" if has_interval else "")
    ax.annotate(
        text,
        (np.nanmax([value, high]) if right else np.nanmin([value, low]), place),
        xytext=(6 if right else -6, 0),
        textcoords="offset points",
        ha="left" if right else "right",
        va="center",
        fontsize=6,
        bbox=_BACKGROUND,
    )


def _distance(row: pd.Series) -> pd.Series:
    """To true frames of the state; to references where there are no true frames."""
    name = "rmsd_to_true_nm" if np.isfinite(float(row["rmsd_to_true_nm_median"])) else "rmsd_to_reference_nm"
    return row[[f"{name}_median", f"{name}_low", f"{name}_high"]]


def _words(state: str, rows: pd.DataFrame) -> str:
    model = rows.loc["model"]
    role = "trained on" if model["training_state"] else "never shown"
    reached = f"visited by {int(model['replicas_reached'])} of {int(model['clusters'])} replicas"
    return f"State {state} ({role}), {reached}:\n{textwrap.fill(model['verdict'], _LINE)}"
