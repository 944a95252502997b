"""SeqDance's properties of MD with all atoms: along the sequence, and of pairs."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mdllm.figures import style
from mdllm.figures.maps import draw_map, residue_ticks
from mdllm.figures.tables import Tables

_DSSP = {
    "dssp_H": ("α helix", "#12436D"),
    "dssp_G": ("3-10 helix", "#28A197"),
    "dssp_I": ("π helix", "#801650"),
    "dssp_E": ("strand", "#E8590C"),
    "dssp_B": ("bridge", "#F3B98B"),
    "dssp_T": ("turn", "#B7CDE3"),
    "dssp_S": ("bend", "#D9D9D9"),
    "dssp_none": ("none", "#FFFFFF"),
}
_HYDROGEN_BONDS = ("hbbb", "hbsb", "hbss")


def draw(tables: Tables, stem: Path) -> None:
    """Write the figure and its data.

    a: RMSF of CA, with two standard errors. b: surface, mean and standard deviation over frames. c: classes of DSSP.
    d: entropy of phi, psi and chi1. e: share of frames with van der Waals contacts, and with any hydrogen bond. f:
    correlation of motion of MD, and that of the slowest band of the anisotropic network.
    """
    residues, arrays = tables.properties_of_residues, tables.properties_of_pairs
    names = [str(name) for name in arrays["pair_names"]]
    pair = {name: arrays["pair"][..., number] for number, name in enumerate(names)}
    wide = residues.pivot_table(index="residue", columns="property", values="value", dropna=False, sort=False)
    error = residues.pivot_table(index="residue", columns="property", values="standard_error", dropna=False, sort=False)
    labels = residues.groupby("residue")["resid"].first().to_numpy()
    ratios = {"height_ratios": [1, 1, 1.9], "width_ratios": [1, 1]}
    with style.figure(tables.conditions, style.DOUBLE_COLUMN, 7.2, 3, 2, **ratios) as (fig, axes):
        _band(axes[0, 0], wide["rmsf_nm"], 2 * error["rmsf_nm"], "RMSF of CA (nm)", "#12436D")
        _band(axes[0, 1], wide["sasa_mean_nm2"], wide["sasa_std_nm2"], "surface (nm²)", "#28A197")
        _classes(axes[1, 0], wide)
        _entropies(axes[1, 1], wide)
        for ax in axes[:2].ravel():
            ax.set_xticks(*residue_ticks(labels))
            ax.set(xlabel="residue", xlim=(-0.5, len(labels) - 0.5))
        bonds = np.max([np.nan_to_num(pair[name]) for name in _HYDROGEN_BONDS], axis=0)
        share = {"cmap": "Greys", "vmin": 0, "vmax": 1}
        contacts = draw_map(
            axes[2, 0], ("van der Waals", pair["vdw"]), ("hydrogen bond", bonds), labels, "share of frames", **share
        )
        both = {"cmap": "RdBu_r", "vmin": -1, "vmax": 1}
        slow = ("slow ANM", pair["anm_low"])
        motion = draw_map(axes[2, 1], ("MD", pair["correlation"]), slow, labels, "correlation of motion", **both)
        style.letters(axes)
        parts = {"residues": residues, "contacts": contacts, "correlation": motion}
        style.save(fig, stem, pd.concat([part.assign(panel=name) for name, part in parts.items()], ignore_index=True))


def _band(ax: Axes, value: pd.Series, width: pd.Series, label: str, color: str) -> None:
    place = np.arange(len(value))
    ax.plot(place, value, color=color, lw=1.2)
    ax.fill_between(place, value - width, value + width, color=color, alpha=0.2, lw=0)
    ax.set(ylabel=label)
    ax.set_ylim(bottom=0)
    if value.isna().all():
        ax.text(0.5, 0.5, "not measured: no hydrogens", ha="center", transform=ax.transAxes)


def _classes(ax: Axes, wide: pd.DataFrame) -> None:
    bottom, place = np.zeros(len(wide)), np.arange(len(wide))
    for name, (label, color) in _DSSP.items():
        ax.bar(place, wide[name], 1, bottom, color=color, label=label, ec="#BBBBBB", lw=0.2)
        bottom += wide[name].to_numpy()
    ax.set(ylabel="share of frames", ylim=(0, 1))
    ax.legend(ncols=4, loc="lower left", bbox_to_anchor=(0.06, 1), columnspacing=0.8, handlelength=1)


def _entropies(ax: Axes, wide: pd.DataFrame) -> None:
    for name, look in (("phi", "-"), ("psi", "--"), ("chi1", ":")):
        share = wide[[column for column in wide if column.startswith(f"{name}_")]].to_numpy()
        with np.errstate(divide="ignore", invalid="ignore"):
            bits = -np.where(share > 0, share * np.log2(share), 0 * share).sum(1)
        ax.plot(np.arange(len(wide)), bits, ls=look, lw=1.1, label=name)
    ax.set(ylabel="entropy of bins (bits)")
    ax.set_ylim(bottom=0)
    ax.legend()
