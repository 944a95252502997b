"""What encode->decode keeps: RMSD, states, and both variables of the plane, for training and for unseen frames."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mdllm.figures import style
from mdllm.figures.tables import Tables

_LABELLED = 3
_GROUPS = {"training": "training", "md": "unseen"}


def draw(tables: Tables, stem: Path) -> None:
    """Write the figure and its data: per frame RMSD, states, and the absolute error of both variables."""
    description, table = tables.description, tables.fidelity
    data = table[["frame", "training", "state", "state_after", "rmsd_nm"]].copy()
    errors = {}
    for column in description["plane"]:
        difference = table[f"{column}_after"] - table[column]
        if description["columns"][column]["periodic"]:
            difference = (difference + np.pi) % (2 * np.pi) - np.pi
        errors[column] = f"error_{column}"
        data[errors[column]] = difference.abs()
    with style.figure(tables.conditions, style.DOUBLE_COLUMN, 1.95, 1, 4) as (fig, axes):
        axes = axes[0]
        handles = _distribution(axes[0], data, "rmsd_nm")
        axes[0].set(xlabel="backbone RMSD (nm)", ylabel="share of frames at or below")
        _states_kept(axes[1], data)
        for ax, column in zip(axes[2:], description["plane"], strict=True):
            _distribution(ax, data, errors[column])
            ax.set_xlabel(f"|error| of {_name(description, column)}")
        style.letters(axes)
        fig.legend(handles=handles, loc="outside lower center", ncols=2)
        style.save(fig, stem, data)


def _name(description: dict, column: str) -> str:
    about = description["columns"][column]
    unit = f" ({about['unit']})" if about["unit"] else ""
    return "\n".join(about["label"].rsplit(" ", 1)) + unit


def _distribution(ax: Axes, data: pd.DataFrame, column: str) -> list:
    """Cumulative share of frames, up to the 99th percentile."""
    handles, ends = [], []
    for name, group in _GROUPS.items():
        values = np.sort(data.loc[data["training"] == (name == "training"), column].dropna().to_numpy())
        if not len(values):
            continue
        look, share = style.LOOKS[name], np.arange(1, len(values) + 1) / len(values)
        handles += ax.plot(values, share, color=look.color, ls=look.line, label=f"{group} ({len(values)} frames)")
        ends.append(np.quantile(values, 0.99))
    ax.set(xlim=(0, 1.05 * max(ends)), ylim=(0, 1.02))
    return handles


def _states_kept(ax: Axes, data: pd.DataFrame) -> None:
    """Share of the frames of each state that are still in it, with the number of frames."""
    bars = []
    for name, group in _GROUPS.items():
        frames = data[data["training"] == (name == "training")]
        for state, rows in frames.groupby("state", sort=True):
            bars.append((name, state, group, len(rows), (rows["state_after"] == state).mean()))
    for place, (name, *_, share) in enumerate(bars):
        hatch = "" if name == "training" else "////"
        ax.bar(place, share, 0.65, color=style.LOOKS[name].color, hatch=hatch, edgecolor="white", lw=0)
        digits = 3 if len(bars) <= _LABELLED else 2
        ax.text(place, share + 0.02, f"{share:.{digits}f}", ha="center", va="bottom", fontsize=6)
    few = len(bars) <= _LABELLED
    labels = [f"{state}, {group}\nn = {count}" if few else str(state) for _, state, group, count, _ in bars]
    ax.set_xticks(range(len(bars)), labels)
    ax.set(ylabel="share still in its state", ylim=(0, 1.15), yticks=[0, 0.5, 1])
