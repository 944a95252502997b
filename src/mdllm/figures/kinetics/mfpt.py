"""Mean first passage times: of every pair and model over the reference, and those of Markov models against the lag."""

from pathlib import Path

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from mdllm.figures import style
from mdllm.figures.kinetics import mfpt_table
from mdllm.figures.kinetics.data import EXACT, dodged, error_bar, label_grid, log_axis, panels
from mdllm.figures.tables import SystemTables

_ROW_INCHES, _FRAME_INCHES = 0.3, 0.95
_GREY = "#CCCCCC"
ARROW = " → "


def draw(system: SystemTables, stem: Path) -> None:
    """Write the figure and its data, the direct and exact rows of `mfpt.csv`, and the same as a text (`mfpt_table`).

    Left, mean first passage times with standard errors; right, divided by the reference, whose own standard error is
    the grey bar.
    """
    kinetics = system.kinetics
    table = kinetics.mfpt[kinetics.mfpt["method"] != "msm"]
    by_source = {source: rows.set_index(["start", "end"]) for source, rows in table.groupby("source", sort=False)}
    reference, pairs = by_source[kinetics.reference], kinetics.pairs
    place = np.arange(len(pairs))
    height = _FRAME_INCHES + _ROW_INCHES * len(pairs)
    with style.figure(kinetics.conditions, style.DOUBLE_COLUMN, height, 1, 2, sharey=True, width_ratios=[1.25, 1]) as (
        fig,
        axes,
    ):
        times, ratios = axes[0]
        scale = reference["mfpt_ps"].loc[pairs].to_numpy(float)
        width = 1 + _error(reference, pairs) / scale
        ratios.barh(place, width - 1 / width, 0.8, left=1 / width, color=_GREY, lw=0)
        ratios.axvline(1, color="black", lw=0.7)
        for offset, source in zip(dodged(len(kinetics.looks)), kinetics.looks, strict=True):
            look, rows = kinetics.looks[source], by_source[source]
            value, error = rows["mfpt_ps"].loc[pairs].to_numpy(float), _error(rows, pairs)
            if source == EXACT:
                times.plot(value, place, color=look.color, marker="|", ms=13, ls="none")
                continue
            error_bar(times, value, place + offset, look, xerr=error)
            for row in np.flatnonzero(np.isnan(value)):
                at = (0.01, row + offset)
                words = f"{look.label}: no passage"
                times.text(*at, words, color=look.color, fontsize=6, va="center", transform=times.get_yaxis_transform())
            if source != kinetics.reference:
                error_bar(ratios, value / scale, place + offset, look, xerr=error / scale)
        log_axis(times, "x")
        times.set(xlabel=f"mean first passage time ({kinetics.time_unit})", ylim=(len(pairs) - 0.5, -0.5))
        times.set_yticks(place, [ARROW.join(pair) for pair in pairs])
        ratios.set(
            xlabel=f"MFPT relative to {kinetics.looks[kinetics.reference].label}",
        )
        log_axis(ratios, "x")
        for ax in (times, ratios):
            ax.tick_params(axis="y", length=0)
            for border in place[:-1] + 0.5:
                ax.axhline(border, color="#DDDDDD", lw=0.5, zorder=0)
        style.letters(axes)
        kinetics.title(fig)
        error = Patch(color=_GREY, label=f"standard error of {kinetics.looks[kinetics.reference].label}")
        kinetics.legend(fig, list(kinetics.looks), *([] if kinetics.reference == EXACT else [error]))
        style.save(fig, stem, table)
    mfpt_table.write(kinetics, stem.with_name("mfpt_table"))


def draw_against_lag(system: SystemTables, stem: Path) -> None:
    """Write the figure and its data: all rows of `mfpt.csv`.

    Lines are Markov models, bands their posterior intervals; the points left of them are counted directly, and a
    dashed line is exact.
    """
    kinetics = system.kinetics
    table, pairs = kinetics.mfpt, kinetics.pairs
    rows, columns = panels(len(pairs))
    lags = np.sort(table["lag_ps"].dropna().unique())
    left = lags[0] / 3
    with style.figure(kinetics.conditions, style.DOUBLE_COLUMN, 0.7 + 1.35 * rows, rows, columns, sharex=True) as (
        fig,
        axes,
    ):
        for ax, (start, end) in zip(axes.ravel(), pairs, strict=False):
            of_pair = table[(table["start"] == start) & (table["end"] == end)]
            for place, (source, look) in zip(dodged(len(kinetics.looks)), kinetics.looks.items(), strict=True):
                own = of_pair[of_pair["source"] == source]
                lag = own[own["method"] == "msm"].sort_values("lag_ps")
                ax.plot(lag["lag_ps"], lag["mfpt_ps"], color=look.color, ls=look.line)
                if lag[["low", "high"]].notna().any(axis=None):
                    ax.fill_between(lag["lag_ps"], lag["low"], lag["high"], color=look.color, alpha=0.2, lw=0)
                other = own[own["method"] != "msm"]
                if source == EXACT:
                    ax.axhline(float(other["mfpt_ps"].iloc[0]), color="black", lw=0.8, ls="--")
                else:
                    error_bar(ax, left * 3 ** (1.2 * place), other["mfpt_ps"], look, yerr=other["standard_error"])
            ax.set_xlim(left / 2, lags[-1] * 1.3)
            log_axis(ax, "x")
            log_axis(ax, "y")
            ax.set_xticks([left, *_labelled(lags)], ["counted", *(f"{lag:g}" for lag in _labelled(lags))])
            ax.set_xticks(lags, minor=True)
            ax.axvline(lags[0] / 1.5, color="#DDDDDD", lw=0.5)
            ax.set_title(f"{start}{ARROW}{end}", loc="center", pad=2)
        label_grid(axes, len(pairs), f"lag ({kinetics.time_unit})", f"MFPT ({kinetics.time_unit})")
        kinetics.title(fig)
        dashed = Line2D([], [], color="black", lw=0.8, ls="--", label="exact, without a lag")
        kinetics.legend(fig, list(kinetics.looks), *([dashed] if EXACT in kinetics.looks else []))
        style.save(fig, stem, table)


def _error(rows, pairs) -> np.ndarray:
    """Standard errors; exact values have none."""
    if "standard_error" not in rows:
        return np.zeros(len(pairs))
    return rows["standard_error"].loc[pairs].fillna(0).to_numpy(float)


def _labelled(lags: np.ndarray) -> list[float]:
    """The shortest lag, and every lag at least four times the one labelled before: what fits into a small panel."""
    labelled = [float(lags[0])]
    for lag in lags:
        if lag >= 4 * labelled[-1]:
            labelled.append(float(lag))
    return labelled
