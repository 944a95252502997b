"""Chapman-Kolmogorov test: what the Markov model at its lag predicts, and what is counted at multiples of it."""

from pathlib import Path

from matplotlib.lines import Line2D

from mdllm.figures import style
from mdllm.figures.kinetics.data import EXACT, error_bar, label_grid
from mdllm.figures.tables import SystemTables

_GREY = "#555555"


def draw(system: SystemTables, stem: Path) -> None:
    """Write the figure and its data: the rows of `chapman_kolmogorov.csv`; rows are starts, columns are ends."""
    kinetics = system.kinetics
    table, states = kinetics.chapman_kolmogorov, kinetics.description["states"]
    sources = [source for source in kinetics.looks if source != EXACT]
    count, lags = len(states), table["lag_ps"]
    height = 0.9 + min(1.25, 4.6 / count) * count
    with style.figure(kinetics.conditions, style.DOUBLE_COLUMN, height, count, count, sharex=True) as (fig, axes):
        for i, start in enumerate(states):
            for j, end in enumerate(states):
                ax = axes[i, j]
                for source in sources:
                    look = kinetics.looks[source]
                    rows = table[(table["source"] == source) & (table["start"] == start) & (table["end"] == end)]
                    ax.plot(rows["lag_ps"], rows["predicted"], color=look.color, ls=look.line)
                    ax.fill_between(rows["lag_ps"], rows["low"], rows["high"], color=look.color, alpha=0.2, lw=0)
                    error_bar(ax, rows["lag_ps"], rows["estimated"], look, yerr=rows["standard_error"])
                ax.set_title(f"{start} → {end}", loc="center", pad=2)
                ax.set_xlim(0, 1.05 * lags.max())
                ax.locator_params(axis="y", nbins=4)
                if i != j:
                    ax.set_ylim(0, None)
        label_grid(axes, axes.size, f"time ({kinetics.time_unit})", "probability")
        kinetics.title(fig)
        predicted = Line2D([], [], color=_GREY, label="line, band: predicted, interval")
        counted = Line2D([], [], color=_GREY, marker="o", ls="none", label="points: counted, standard error")
        kinetics.legend(fig, sources, predicted, counted)
        style.save(fig, stem, table)
