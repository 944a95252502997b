"""Kinetic distances of all pairs of codes against those of MD: of the model, of its embeddings, and commute times."""

import textwrap
from pathlib import Path

import numpy as np

from mdllm.figures import style
from mdllm.figures.kinetics.data import log_axis
from mdllm.figures.looks import Look
from mdllm.figures.tables import Tables

_LOOKS = {
    "model": Look("predictions after one frame", "#E8590C", "^", "-"),
    "linearized": Look("embeddings and slopes of the logits", "#6E6E6E", "v", ":"),
    "embeddings": Look("embeddings and output matrix", "#28A197", "s", "--"),
    "md_commute": Look("commute time in MD", "#12436D", "o", "-"),
}
_PANELS = (("model", "linearized", "embeddings"), ("md_commute",))
_TITLE_CHARACTERS = 110
_MOST_NAMED = 15  # pairs whose states are written at their points


def draw(tables: Tables, stem: Path) -> None:
    """Write the figure and its data: the rows of `kinetic_distance/pairs.csv`."""
    pairs, agree = tables.distances, tables.distances_agree.set_index("source")
    unit = tables.summary["kinetics"]["time_unit"]
    by_source = {source: rows.set_index(["code_1", "code_2"]) for source, rows in pairs.groupby("source")}
    md = by_source["md"]["time_ps"]
    with style.figure(tables.conditions, style.DOUBLE_COLUMN, 2.9, 1, 2) as (fig, axes):
        for ax, sources in zip(axes[0], _PANELS, strict=True):
            for source in sources:
                look, row = _LOOKS[source], agree.loc[source]
                label = f"{look.label}: {int(row['pairs'])} pairs"
                if not np.isnan(row["rank_correlation"]):
                    label += f", rank correlation {row['rank_correlation']:.2f}"
                ax.plot(
                    md, by_source[source]["time_ps"].loc[md.index], look.marker, color=look.color, ms=3.5, label=label
                )
            known = md.dropna()
            ax.plot([known.min(), known.max()], [known.min(), known.max()], color="black", lw=0.7)
            log_axis(ax, "x")
            log_axis(ax, "y")
            ax.set(xlabel=f"kinetic distance in MD ({unit})")
            ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), fontsize=6)
        axes[0, 0].set_ylabel(f"kinetic distance ({unit})")
        axes[0, 1].set_ylabel(f"commute time ({unit})")
        if len(known) <= _MOST_NAMED:
            for number, (pair, time) in enumerate(known.sort_values().items()):
                row = by_source["md_commute"].loc[pair]
                names, above = f"{row['state_1']}, {row['state_2']}", (4, -10)[number % 2]
                place = (time, row["time_ps"])
                axes[0, 1].annotate(names, place, (0, above), textcoords="offset points", ha="center", fontsize=6)
        fig.suptitle(textwrap.fill(tables.summary["about"], _TITLE_CHARACTERS), x=0.01, ha="left", fontsize=7)
        style.save(fig, stem, pairs)
