"""How the protein moves: fluctuation along the sequence, maps of contacts and correlated motion, agreement with MD."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from mdllm.ensembles.names import NULLS
from mdllm.figures import style
from mdllm.figures.maps import draw_map, residue_ticks
from mdllm.figures.style import Look
from mdllm.figures.tables import Tables

_MD = Look("MD, all frames", "#12436D", "o", "-")
_LOOKS = {
    "md": _MD,
    "md_halves": Look("halves of MD", "#12436D", "o", ""),
    "md_training": Look("MD, training", "#28A197", "s", "-."),
    "model": style.LOOKS["model"],
    **{name: replace(style.LOOKS[name], label=label) for name, label in NULLS.items()},
    "gnm": Look("GNM", "#801650", "h", ""),
    "anm": Look("ANM", "#B8860B", "X", ""),
}
_LINES = ("md", "md_training", *NULLS, "model")
_LEGEND = {"columnspacing": 0.8, "handletextpad": 0.4}
_QUANTITIES = {
    "rmsf": "RMSF",
    "torsions": "torsions",
    "secondary_structure": "secondary\nstructure",
    "contacts": "contacts",
    "correlation": "correlated\nmotion",
}


def draw(tables: Tables, stem: Path) -> None:
    """Write the figure and its data.

    a: RMSF of CA along the sequence, of MD with two standard errors, model and nulls. b: agreement with MD, 1 where
    all is the same. c: share of frames in which CB are in contact, MD above the diagonal, the model below. d: the same
    of the correlation of motion.
    """
    residues, alike, pairs = tables.motion_of_residues, tables.motion_alike, tables.motion_of_pairs
    rmsf = residues[residues["property"] == "rmsf_nm"]
    shown = alike[alike["headline"] & (alike["reference"] == "md")]
    labels = rmsf[rmsf["source"] == "md"]["resid"].to_numpy()
    ratios = {"height_ratios": [1, 1.35], "width_ratios": [1, 1]}
    with style.figure(tables.conditions, style.DOUBLE_COLUMN, 5.6, 2, 2, **ratios) as (fig, axes):
        _profile(axes[0, 0], rmsf, labels)
        _agreement(axes[0, 1], shown)
        maps = [
            draw_map(ax, ("MD", pairs[f"md_{name}"]), ("model", pairs[f"model_{name}"]), labels, label, vmax=1, **look)
            for ax, name, label, look in (
                (axes[1, 0], "contacts", "share of frames in contact", {"cmap": "Greys", "vmin": 0}),
                (axes[1, 1], "correlation", "correlation of motion", {"cmap": "RdBu_r", "vmin": -1}),
            )
        ]
        style.letters(axes)
        data = {"rmsf": rmsf, "agreement": shown, "contacts": maps[0], "correlation": maps[1]}
        style.save(fig, stem, pd.concat([part.assign(panel=name) for name, part in data.items()], ignore_index=True))


def _profile(ax: Axes, rmsf: pd.DataFrame, labels: np.ndarray) -> None:
    for source in _LINES:
        own, look = rmsf[rmsf["source"] == source], _LOOKS[source]
        if own.empty:  # all frames of MD were trained on
            continue
        place = np.arange(len(own))
        ax.plot(place, own["value"], color=look.color, ls=look.line, lw=1.2, label=look.label)
        if source in ("md", "model"):
            low, high = (own["value"] + sign * 2 * own["standard_error"] for sign in (-1, 1))
            ax.fill_between(place, low, high, color=look.color, alpha=0.18, lw=0)
    ax.set_xticks(*residue_ticks(labels))
    ax.set(xlabel="residue", ylabel="RMSF of CA (nm)", xlim=(0, len(labels) - 1))
    ax.set_ylim(bottom=0)
    ax.legend(loc="lower right", bbox_to_anchor=(1.02, 1), ncols=2, **_LEGEND)


def _agreement(ax: Axes, shown: pd.DataFrame) -> None:
    names = [name for name in _QUANTITIES if name in set(shown["quantity"])]
    there = [name for name in _LOOKS if name in set(shown["source"])]
    for row, quantity in enumerate(names):
        own = shown[shown["quantity"] == quantity].set_index("source")
        for offset, source in zip(np.linspace(-0.3, 0.3, len(there)), there, strict=True):
            if source not in own.index:
                continue
            value, error = own.loc[source, ["value", "standard_error"]].astype(float)
            value = 1 - value if own.loc[source, "measure"] == "jensen_shannon" else value
            look = _LOOKS[source]
            if np.isfinite(error):
                ax.hlines(row + offset, value - 2 * error, value + 2 * error, color=look.color, lw=1)
            ax.plot(value, row + offset, color=look.color, marker=look.marker, ms=4, mec="white", mew=0.4)
    ax.set_yticks(range(len(names)), [_QUANTITIES[name] for name in names])
    ax.set(ylim=(len(names) - 0.5, -0.5), xlabel="agreement with MD (1: the same)")
    ax.set_xlim(right=1.02)
    ax.grid(axis="x", lw=0.3, color="#CCCCCC")
    handles = [
        Line2D([], [], color=_LOOKS[name].color, marker=_LOOKS[name].marker, ls="", ms=4, label=_LOOKS[name].label)
        for name in there
    ]
    ax.legend(handles=handles, loc="lower right", bbox_to_anchor=(1.02, 1), ncols=3, **_LEGEND)
