"""What is new: new frames in the plane, clusters beside the nulls, and where along the sequence they have moved."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from mdllm.ensembles.names import MODEL, NULLS
from mdllm.figures import style
from mdllm.figures.axis import VariableAxis
from mdllm.figures.tables import Tables

_SHOWN = 12
_NAMED = 6
_MOST_POINTS = 3000
_ROW_INCHES, _FRAME_INCHES = 0.13, 1.35
_CLUSTER_COLORS = ("#E8590C", "#801650", "#28A197", "#B8860B", "#5B3A9E", "#A11D33")
_KEYS = ["source", "replica", "frame", "sample"]
_SOURCES = {"held_out_coded": ("held-out MD,\nencode→decode", "md")}
_SOURCES |= {source: (words, source) for source, words in {**NULLS, MODEL: "model"}.items()}


def draw(tables: Tables, stem: Path) -> None:
    """Write the figure and its data.

    a: training frames of MD and new frames of the model in the plane of two collective variables; the largest clusters
    have colours and numbers. b: share of frames that are new, of each source. c: share of frames in each of the largest
    clusters, of model and nulls. d: their residues, shaded by the change of their torsions; a dot marks those that have
    changed by more than held-out MD shows.
    """
    sources, shares = tables.new_sources, tables.new_shares
    shown = sorted(shares["cluster"].unique())[:_SHOWN]
    height = _FRAME_INCHES + 1.55 + _ROW_INCHES * max(len(shown), 3)
    ratios = {"height_ratios": [1.9, 0.35 + _ROW_INCHES * max(len(shown), 3)], "width_ratios": [1, 1.25]}
    with style.figure(tables.conditions, style.DOUBLE_COLUMN, height, 2, 2, **ratios) as (fig, axes):
        points = _map(axes[0, 0], tables, shown)
        _new(axes[0, 1], sources)
        own = shares[shares["cluster"].isin(shown)]
        residues = tables.new_residues[tables.new_residues["cluster"].isin(shown)]
        if len(shown):
            _shares(axes[1, 0], own, shown)
            _strip(axes[1, 1], residues, shown)
        else:
            for ax in axes[1]:
                ax.set_axis_off()
            axes[1, 0].text(0, 0.5, "no generated frame is new", va="center", transform=axes[1, 0].transAxes)
        style.letters(axes)
        style.save(fig, stem, _data(points, sources, own, residues))


def _data(points: pd.DataFrame, sources: pd.DataFrame, shares: pd.DataFrame, residues: pd.DataFrame) -> pd.DataFrame:
    parts = {"map": points, "share_new": sources, "clusters": shares, "residues": residues}
    return pd.concat([part.assign(panel=name) for name, part in parts.items()], ignore_index=True)


def _map(ax: Axes, tables: Tables, shown: list[int]) -> pd.DataFrame:
    description, frames, plane = tables.description, tables.cvs, tables.description["plane"]
    training = style.thin(frames[(frames["source"] == "md") & frames["training"]], _MOST_POINTS)
    new = tables.new_frames
    new = new.loc[new["new"] & (new["source"] == "model"), [*_KEYS, "cluster", "novelty"]]
    new = new.merge(frames[[*_KEYS, *plane]], on=_KEYS)
    axis = [
        VariableAxis.of(description, column, [part[column].to_numpy(float) for part in (training, new)])
        for column in plane
    ]

    def scatter(part: pd.DataFrame, **look) -> None:
        ax.scatter(*(variable.fold(part[variable.column]) for variable in axis), linewidths=0, rasterized=True, **look)

    scatter(training, c="#B7CDE3", s=3)
    scatter(new[~new["cluster"].isin(shown[:_NAMED])], c="#777777", s=5, marker="^")
    for cluster, color in zip(shown[:_NAMED], _CLUSTER_COLORS, strict=False):
        scatter(new[new["cluster"] == cluster], c=color, s=9, marker=f"${cluster}$" if cluster < 10 else "o")
    for which, variable in zip("xy", axis, strict=True):
        variable.set_scale(ax, which)
    ax.set(xlabel=axis[0].text(), ylabel=axis[1].text())
    handles = [
        Line2D([], [], color="#B7CDE3", marker="o", ms=3, ls="", label="MD, training"),
        Line2D([], [], color="#777777", marker="^", ms=3, ls="", label="model, new, in smaller clusters"),
        Line2D([], [], color=_CLUSTER_COLORS[0], marker="$1$", ms=4, ls="", label="model, new, in cluster 1, 2 ..."),
    ]
    ax.legend(handles=handles[: 2 + bool(shown)], loc="best", fontsize=6)
    return pd.concat([training[[*_KEYS, *plane]].assign(cluster=0), new], ignore_index=True)


def _new(ax: Axes, sources: pd.DataFrame) -> None:
    by_source = sources.set_index("source")
    there = [name for name in _SOURCES if name in by_source.index]
    for place, name in enumerate(there):
        row, look = by_source.loc[name], style.LOOKS[_SOURCES[name][1]]
        ax.hlines(place, 100 * row["share_new_low"], 100 * row["share_new_high"], color=look.color, lw=1.4)
        ax.plot(100 * row["share_new"], place, color=look.color, marker=look.marker, ms=4.5, mec="white", mew=0.4)
    ax.set_yticks(range(len(there)), [_SOURCES[name][0] for name in there])
    ax.set(ylim=(len(there) - 0.5, -0.5), xlabel="frames that are new (%)")
    ax.set_xlim(left=0)
    ax.grid(axis="x", lw=0.3, color="#CCCCCC")


def _shares(ax: Axes, shares: pd.DataFrame, shown: list[int]) -> None:
    place = {cluster: number for number, cluster in enumerate(shown)}
    names = [name for name in _SOURCES if name in set(shares["source"])]
    for offset, name in zip(np.linspace(-0.22, 0.22, len(names)), names, strict=True):
        own, look = shares[shares["source"] == name], style.LOOKS[_SOURCES[name][1]]
        at = own["cluster"].map(place) + offset
        ax.hlines(at, 100 * own["share_low"], 100 * own["share_high"], color=look.color, lw=1)
        ax.plot(100 * own["share"], at, color=look.color, marker=look.marker, ls="", ms=3, mec="white", mew=0.3)
    ax.set_yticks(range(len(shown)), [str(cluster) for cluster in shown])
    ax.set(ylim=(len(shown) - 0.4, -0.6), xlabel="frames in the cluster (%)", ylabel="cluster")
    ax.set_xlim(left=0)
    ax.grid(axis="x", lw=0.3, color="#CCCCCC")


def _strip(ax: Axes, residues: pd.DataFrame, shown: list[int]) -> None:
    change = residues.pivot_table(index="cluster", columns="residue", values="change_rad").loc[shown]
    moved = residues.pivot_table(index="cluster", columns="residue", values="moved", aggfunc="max").loc[shown]
    image = ax.imshow(change, aspect="auto", cmap="Greys", vmin=0, vmax=np.pi / 2, interpolation="nearest")
    row, column = np.nonzero(moved.to_numpy(bool))
    ax.plot(column, row, ls="", marker="o", ms=2.2, color=style.LOOKS["model"].color)
    first = residues[residues["cluster"] == shown[0]].reset_index(drop=True)
    every = max(1, -(-len(first) // 10))
    ticks = range(0, len(first), every)
    ax.set_xticks(ticks, [str(first.loc[place, "resid"]) for place in ticks])
    ax.set_yticks(range(len(shown)), [str(cluster) for cluster in shown])
    ax.set(xlabel="residue", ylabel="cluster")
    bar = ax.figure.colorbar(image, ax=ax, pad=0.02)
    bar.set_label("change of torsions (rad)")
