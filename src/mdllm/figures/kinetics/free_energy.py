"""Free energy of every code, each model over the reference.

Few codes: population and free energy of each state. Codes along one collective variable: curves, and below them the
difference from the reference. Otherwise: model against reference, one panel per model, with the root mean square
deviation weighted by the reference's populations. A code that a source never visited has no point. Error bars are
standard errors.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mdllm.figures import style
from mdllm.figures.kinetics.data import EXACT, Kinetics, dodged, error_bar
from mdllm.figures.tables import SystemTables

_FEW = 8
_LABEL = "free energy (kT)"


def draw(system: SystemTables, stem: Path) -> None:
    """Write the figure and its data: the rows of `populations.csv` that it shows."""
    kinetics = system.kinetics
    if kinetics.description["codes"] <= _FEW:
        _of_states(kinetics, stem)
    elif len(kinetics.description["variables"]) == 1:
        _along_variable(kinetics, stem)
    else:
        _against_reference(kinetics, stem)


def _of_states(kinetics: Kinetics, stem: Path) -> None:
    table, states = _rows(kinetics, "state"), kinetics.description["states"]
    shown = {"population": ("standard_error", "population"), "energy": ("free_energy_error_kt", _LABEL)}
    points = [source for source in kinetics.looks if source != EXACT]
    with style.figure(kinetics.conditions, style.DOUBLE_COLUMN, 2.2, 1, 2) as (fig, axes):
        for ax, (column, (error, label)) in zip(axes[0], shown.items(), strict=True):
            if EXACT in kinetics.looks:
                exact = table[table["source"] == EXACT].set_index("name").loc[states, column]
                ax.hlines(exact, np.arange(len(states)) - 0.42, np.arange(len(states)) + 0.42, color="black", lw=0.9)
            for place, source in zip(dodged(len(points), 0.16), points, strict=True):
                rows = table[table["source"] == source].set_index("name").loc[states]
                x = np.arange(len(states)) + place
                error_bar(ax, x, rows[column], kinetics.looks[source], yerr=rows[error])
            ax.set(xticks=range(len(states)), xticklabels=states, xlabel="state", ylabel=label)
            ax.set_xlim(-0.5, len(states) - 0.5)
            for border in np.arange(len(states) - 1) + 0.5:
                ax.axvline(border, color="#DDDDDD", lw=0.5)
        axes[0, 0].set_ylim(0, None)
        style.letters(axes)
        _finish(kinetics, fig, stem, table)


def _along_variable(kinetics: Kinetics, stem: Path) -> None:
    (column, about), table = next(iter(kinetics.description["variables"].items())), _rows(kinetics, "code")
    table = table.sort_values([column])
    reference = table[table["source"] == kinetics.reference].set_index("code")
    options = {"sharex": True, "height_ratios": [2.2, 1]}
    with style.figure(kinetics.conditions, 1.4 * style.SINGLE_COLUMN, 3.4, 2, 1, **options) as (fig, axes):
        energy, difference = axes[:, 0]
        difference.axhline(0, color="black", lw=0.7)
        for source, look in kinetics.looks.items():
            rows = table[table["source"] == source].set_index("code")
            x, y, error = (rows[name].to_numpy(float) for name in (column, "energy", "free_energy_error_kt"))
            error_bar(energy, x, y, look, yerr=error, line=look.line, zorder=2 if source in kinetics.models else 3)
            if source != kinetics.reference:
                shift = rows["energy"] - reference["energy"].loc[rows.index]
                combined = np.hypot(rows["free_energy_error_kt"], reference["free_energy_error_kt"].loc[rows.index])
                error_bar(difference, x, shift, look, yerr=combined, line=look.line)
        energy.set(ylabel=_LABEL)
        named = kinetics.looks[kinetics.reference].label
        difference.set(xlabel=_axis_label(about), ylabel=f"difference\nfrom {named} (kT)")
        if about["unit"] == "rad":
            _ticks_of_a_circle(difference)
        style.letters(axes)
        _finish(kinetics, fig, stem, table)


def _against_reference(kinetics: Kinetics, stem: Path) -> None:
    table = _rows(kinetics, "code")
    reference = table[table["source"] == kinetics.reference].set_index("code")
    others = [source for source in kinetics.looks if source != kinetics.reference]
    low, top = table["energy"].min() - 0.4, table["energy"].max() + 0.4
    named = kinetics.looks[kinetics.reference].label
    with style.figure(kinetics.conditions, style.DOUBLE_COLUMN, 2.7, 1, max(3, len(others)), sharey=True) as (
        fig,
        axes,
    ):
        for ax, source in zip(axes[0], others, strict=False):
            look, rows = kinetics.looks[source], table[table["source"] == source].set_index("code")
            x, y = reference["energy"], rows["energy"].loc[reference.index]
            errors = {"xerr": reference["free_energy_error_kt"], "yerr": rows["free_energy_error_kt"]}
            ax.plot([low, top], [low, top], color="black", lw=0.7)
            error_bar(ax, x, y, look, alpha=0.75, **errors)
            ax.set(xlim=(low, top), ylim=(low, top), aspect="equal", xlabel=f"{_LABEL}, {named}")
            ax.set_title(look.label, loc="center", pad=3)
            both = x.notna() & y.notna()
            deviation = float(np.sqrt(((y - x)[both] ** 2 * reference["population"][both]).sum()))
            missing = int((x.notna() & y.isna()).sum())
            text = f"r.m.s. deviation {deviation:.2f} kT" + (f"\n{missing} codes never visited" if missing else "")
            box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
            ax.text(0.99, 0.02, text, transform=ax.transAxes, ha="right", fontsize=6, bbox=box, zorder=4)
        for ax in axes[0, len(others) :]:
            ax.set_axis_off()
        axes[0, 0].set_ylabel(_LABEL)
        style.letters(axes[:, : len(others)])
        kinetics.title(fig)
        style.save(fig, stem, table)


def _rows(kinetics: Kinetics, level: str) -> pd.DataFrame:
    """Populations of codes or states, with `energy`, -ln population less its minimum in the reference.

    The table's `free_energy_kt` has the minimum of each source at 0, perhaps at another code in each; one zero for all
    makes sources comparable.
    """
    rows = kinetics.populations[kinetics.populations["level"] == level]
    energy = -np.log(rows["population"].where(rows["population"] > 0))
    return rows.assign(energy=energy - energy[rows["source"] == kinetics.reference].min())


def _finish(kinetics: Kinetics, fig, stem: Path, table: pd.DataFrame) -> None:
    kinetics.title(fig)
    kinetics.legend(fig, list(kinetics.looks))
    style.save(fig, stem, table)


def _axis_label(about: dict[str, str]) -> str:
    return f"{about['label']} ({about['unit'] or 'reduced units'})"


def _ticks_of_a_circle(ax: Axes) -> None:
    ax.set_xlim(-np.pi, np.pi)
    ax.set_xticks(np.arange(-2, 3) * np.pi / 2, ["−π", "−π/2", "0", "π/2", "π"])
