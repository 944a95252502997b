"""Quality of the model's frames beside training frames and nulls, one small panel per metric."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from mdllm.ensembles.names import NULLS
from mdllm.figures import style
from mdllm.figures.tables import Tables

_COLUMNS = 5
_SOURCES = {"md training": "training", **{name: name for name in (*NULLS, "model")}}
_TOLERANCE = {"color": "black", "lw": 0.7, "ls": "--"}
_LIMIT = {"color": "black", "lw": 0.7, "ls": ":"}
_NAMES = {
    "rmsd_to_start_nm": "RMSD to first\ntraining frame (nm)",
    "rmsd_to_training_nm": "RMSD to nearest\ntraining frame (nm)",
    "bond_length_deviation_nm": "bond length\ndeviation (nm)",
    "bond_angle_deviation_rad": "bond angle\ndeviation (rad)",
    "ca_ca_deviation_nm": "CA–CA distance\ndeviation (nm)",
    "omega_deviation_rad": "ω from planar\n(rad)",
    "clashes_per_residue": "clashes\nper residue",
    "ramachandran_outlier_share": "share of Ramachandran\noutliers",
    "cis_share": "share of cis\npeptide bonds",
    "positive_phi_share": "share of residues\nwith φ > 0",
}


def draw(tables: Tables, stem: Path) -> None:
    """Write the figure and its data: the rows of `quality.csv`."""
    table = tables.quality
    metrics = table["metric"].unique()
    rows = -(-len(metrics) // _COLUMNS)
    with style.figure(tables.conditions, style.DOUBLE_COLUMN, 1.35 * rows + 0.35, rows, _COLUMNS) as (fig, axes):
        for ax, metric in zip(axes.ravel(), metrics, strict=False):
            _panel(ax, table[table["metric"] == metric].set_index("source"))
            ax.set_title(_NAMES[metric], loc="center", fontsize=6.5, pad=4)
        for ax in axes.ravel()[len(metrics) :]:
            ax.set_axis_off()
        fig.legend(handles=_legend(), loc="outside lower center", ncols=4)
        style.save(fig, stem, table)


def _panel(ax: Axes, rows: pd.DataFrame) -> None:
    """Mean (marker) and 5th to 95th percentile (line) of each source, "none" where it has none; the bounds as lines."""
    for place, (source, name) in enumerate(_SOURCES.items()):
        look, row = style.LOOKS[name], rows.loc[source]
        if np.isnan(row["mean"]):
            ax.text(place, 0, "none", color=look.color, fontsize=6, rotation=90, ha="center", va="bottom")
            continue
        ax.plot([place, place], [row["p05"], row["p95"]], color=look.color, lw=1.4, solid_capstyle="butt")
        ax.plot(
            place,
            row["mean"],
            color=look.color,
            marker=look.marker,
            ls="",
            ms=4.5,
            mec="white",
            mew=0.4,
            clip_on=False,
        )
    tolerance, limit = (float(rows.loc["model", key]) for key in ("tolerance", "limit"))
    if np.isfinite(tolerance):
        ax.axhline(rows.loc[rows.loc["model", "floor"], "mean"] + tolerance, **_TOLERANCE)
    if np.isfinite(limit):
        ax.axhline(limit, **_LIMIT)
    ax.set(xlim=(-0.6, len(_SOURCES) - 0.4), xticks=[])
    top = max(ax.get_ylim()[1], 0.01)
    ax.set_ylim(-0.04 * top, top)
    ax.locator_params(axis="y", nbins=4)


def _legend() -> list[Line2D]:
    looks = [style.LOOKS[name] for name in _SOURCES.values()]
    handles = [
        Line2D([], [], color=look.color, marker=look.marker, label=look.label, mec="white", mew=0.4) for look in looks
    ]
    handles.append(Line2D([], [], label="tolerated mean of the model", **_TOLERANCE))
    handles.append(Line2D([], [], label="limit for every frame", **_LIMIT))
    return handles
