"""What MD says of new frames: where simulations of proposals end, on which way, and with what energy they start."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from mdllm.figures import style
from mdllm.figures.looks import LOOKS, RESTART_LOOKS
from mdllm.figures.tables import Tables
from mdllm.verification.verdict import RESTART, TRAINING, states_shown

_USUAL = {"returned": "#B7CDE3", "stayed": "#E8590C", "elsewhere": "#BBBBBB", "fell apart": "#444444"}
_STATES = ("#28A197", "#5B3A9E", "#B8860B", "#A11D33")
_WORDS = {"returned": "near training frames", "stayed": "near the proposal"}
_LOOKS = LOOKS | RESTART_LOOKS
_ROW_INCHES, _FRAME_INCHES = 0.22, 1.5


def draw(tables: Tables, stem: Path) -> None:
    """Write the figure and its data.

    a: share of the simulations of each kind of proposal by where they end. b: novelty over time of the simulations of
    the model's proposals. c: energy of each simulation after minimization, less the median of those of
    training frames. d, where there has been more than one round: proposals kept over simulated time, by source.
    """
    keys = ["proposal", "kind", "source"]
    groups = tables.verified[[*keys, "group"]].copy()
    state = groups["group"].astype(str).str.rpartition("_")[0]
    alone = groups["kind"].isin([TRAINING, RESTART])
    named = groups["source"].replace({name: look.label for name, look in RESTART_LOOKS.items()})
    groups["of"] = named.where(alone, named + ", " + groups["kind"])
    groups["of"] += (" " + state).where(groups["kind"] == "state", "")
    simulations = tables.simulations.merge(groups[[*keys, "of"]], on="proposal")
    states = states_shown(simulations["where"], len(_STATES))
    simulations["where"] = simulations["where"].replace(states)
    colors = _USUAL | dict(zip(dict.fromkeys(states.values()), _STATES, strict=False))
    height = _FRAME_INCHES + max(1.0, _ROW_INCHES * groups["of"].nunique())
    rounds = tables.rounds
    several = rounds["round"].max() > 1
    with style.figure(tables.conditions, style.DOUBLE_COLUMN, height, 1, 4 if several else 3) as (fig, axes):
        ends, way, energy = axes[0][:3]
        names = list(dict.fromkeys(simulations["of"]))
        _ends(ends, simulations, names, colors)
        shown = _way(way, tables.simulated_frames, simulations, colors)
        _energy(energy, simulations, names)
        shown = [simulations.assign(panel="ends"), shown.assign(panel="way")]
        if several:
            shown.append(_rounds(axes[0][3], rounds).assign(panel="rounds"))
        style.letters(axes)
        handles = [Patch(color=color, label=_WORDS.get(name, name)) for name, color in colors.items()]
        handles.append(Line2D([], [], color="black", lw=0.7, ls="--", label="limit of held-out MD"))
        handles += axes[0][3].lines if several else []
        fig.legend(handles=handles, loc="outside lower center", ncols=6)
        style.save(fig, stem, pd.concat(shown, ignore_index=True))


def _ends(ax: Axes, simulations: pd.DataFrame, names: list[str], colors: dict[str, str]) -> None:
    share = pd.crosstab(simulations["of"], simulations["where"], normalize="index").loc[names]
    left = np.zeros(len(names))
    for where in (name for name in colors if name in share):
        width = 100 * share[where].to_numpy()
        ax.barh(range(len(names)), width, left=left, color=colors[where], height=0.7)
        left += width
    ax.set_yticks(range(len(names)), names)
    ax.set(ylim=(len(names) - 0.5, -0.5), xlim=(0, 100), xlabel="simulations that end there (%)")


def _way(ax: Axes, frames: pd.DataFrame, simulations: pd.DataFrame, colors: dict[str, str]) -> pd.DataFrame:
    own = simulations[simulations["source"] == "model"]
    frames = frames.merge(own[["proposal", "replica", "where"]], on=["proposal", "replica"], suffixes=("_now", ""))
    for (_, _, where), rows in frames.groupby(["proposal", "replica", "where"]):
        ax.plot(rows["time_ps"], rows["novelty"], color=colors[where], lw=0.8, alpha=0.8)
    ax.axhline(1, color="black", lw=0.7, ls="--")
    ax.set(xlabel="time (ps)", ylabel="novelty, proposals of the model")
    ax.set_ylim(bottom=0)
    return frames[["proposal", "replica", "time_ps", "novelty", "where"]]


def _energy(ax: Axes, simulations: pd.DataFrame, names: list[str]) -> None:
    baseline = simulations.loc[simulations["kind"] == "training", "minimized_energy_kj_mol"].median()
    for place, name in enumerate(names):
        rows = simulations[simulations["of"] == name]
        look = _LOOKS[rows["source"].iloc[0]]
        energy = rows["minimized_energy_kj_mol"] - baseline
        options = {"marker": look.marker, "ls": "", "ms": 4, "mec": "white", "mew": 0.4}
        ax.plot(energy, np.full(len(rows), place), color=look.color, **options)
    ax.axvline(0, color="black", lw=0.7)
    ax.set_yticks(range(len(names)), [])
    ax.set(ylim=(len(names) - 0.5, -0.5), xlabel="energy after minimization,\nabove training frames (kJ/mol)")


def _rounds(ax: Axes, rounds: pd.DataFrame) -> pd.DataFrame:
    """Proposals kept so far over the time simulated so far, a line for each source, a marker for each round."""
    columns = ["simulated_ns", "kept"]
    so_far = rounds.sort_values("round", kind="stable")
    so_far = so_far[["round", "source"]].join(so_far.groupby("source")[columns].cumsum())
    for source, rows in so_far.groupby("source", sort=False):
        look = _LOOKS[source]
        options = {"color": look.color, "marker": look.marker, "ls": look.line, "ms": 4, "lw": 0.9, "label": look.label}
        ax.plot(*(np.r_[0, rows[column]] for column in columns), **options)
    ax.set(xlabel="MD so far (ns)", ylabel="proposals kept by MD")
    ax.yaxis.get_major_locator().set_params(integer=True)
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=-0.3)
    return so_far
