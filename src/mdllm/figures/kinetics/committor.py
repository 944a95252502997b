"""Committors of the codes between two states, counted, every model over MD."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from mdllm.figures import style
from mdllm.figures.kinetics.data import EXACT, MD, dodged, error_bar
from mdllm.figures.tables import SystemTables

_LABELLED = 30
_NONE = "every code is in one of the two states"


def draw(system: SystemTables, stem: Path) -> None:
    """Write the figure and its data: the rows of `committor.csv`; codes in the order of MD's committor.

    Codes in the two states, whose committors are 0 and 1 by definition, are not drawn.
    """
    kinetics = system.kinetics
    table = kinetics.committor
    start, end = table[["start", "end"]].iloc[0]
    between = table[~table["state"].isin([start, end])]
    direct, msm = (between[between["method"] == method] for method in ("direct", "msm"))
    order = direct[direct["source"] == MD].sort_values(["committor", "code"])
    place = pd.Series(np.arange(len(order)), index=order["code"])
    sources = [source for source in kinetics.looks if source != EXACT]
    color = kinetics.looks[MD].color
    with style.figure(kinetics.conditions, style.DOUBLE_COLUMN, 2.6) as (fig, axes):
        ax = axes[0, 0]
        for shift, source in zip(dodged(len(sources), 0.14), sources, strict=True):
            own, look = direct[direct["source"] == source], kinetics.looks[source]
            error_bar(ax, own["code"].map(place) + shift, own["committor"], look, yerr=own["standard_error"])
        of_md = msm[msm["source"] == MD].set_index("code")["committor"].reindex(order["code"])
        ax.step(place, of_md, where="mid", color=color, lw=0.7)
        ax.set(ylabel=f"probability of {end} before {start}", ylim=(-0.04, 1.04), xlim=(-0.6, max(len(place), 1) - 0.4))
        variables = kinetics.description["variables"]
        named = next(iter(variables)) if len(variables) == 1 else "code"
        values = order[named].map("{:.3g}".format)
        if len(place) <= _LABELLED:
            ax.set_xticks(range(len(place)), values, rotation=0 if len(place) < 16 else 90)
        what = f"{variables[named]['label']} of each code" if named in variables else "code"
        ax.set_xlabel(f"{what}, in the order of MD")
        if order.empty:
            ax.text(0.5, 0.5, _NONE, ha="center", transform=ax.transAxes)
        kinetics.title(fig)
        kinetics.legend(fig, sources, Line2D([], [], color=color, lw=0.7, label="Markov model of MD"))
        style.save(fig, stem, table)
