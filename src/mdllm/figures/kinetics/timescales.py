"""Implied timescales against the lag, one panel per process, every model over the reference."""

from pathlib import Path

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from mdllm.figures import style
from mdllm.figures.kinetics.data import EXACT, log_axis
from mdllm.figures.tables import SystemTables

_SHADE = "#E4E4E4"


def draw(system: SystemTables, stem: Path) -> None:
    """Write the figure and its data: the rows of `timescales.csv`.

    Bands are posterior intervals. The grey area holds timescales below the lag, which cannot be resolved: what is left
    of such a process at the lag is less than 1 / e and drowns in noise, and no band is drawn. A black line is the exact
    process as its codes show it; where it is dashed, the dynamics itself.
    """
    kinetics = system.kinetics
    table = kinetics.timescales
    processes = sorted(table["process"].unique())
    lags = table["lag_ps"].dropna()
    span = lags.min() / 1.15, lags.max() * 1.15
    exact, more = table[table["method"] == EXACT].set_index("process")["timescale_ps"], []
    with style.figure(kinetics.conditions, style.DOUBLE_COLUMN, 2.5, 1, len(processes)) as (fig, axes):
        for ax, process in zip(axes[0], processes, strict=True):
            for source, look in kinetics.looks.items():
                rows = table[(table["source"] == source) & (table["process"] == process)].dropna(subset="lag_ps")
                rows = rows.sort_values("lag_ps")
                ax.plot(
                    rows["lag_ps"], rows["timescale_ps"], color=look.color, marker=look.marker, ls=look.line, ms=3.5,
                    mec="white", mew=0.4,
                )  # fmt: skip
                band = rows[["low", "high"]].where(rows["timescale_ps"] >= rows["lag_ps"]).to_numpy(float).T
                if np.isfinite(band).any():
                    ax.fill_between(rows["lag_ps"], *band, color=look.color, alpha=0.2, lw=0)
            if process in exact.index:
                ax.axhline(exact[process], color="black", lw=0.8, ls="--")
            ax.set(xlim=span, xlabel=f"lag ({kinetics.time_unit})")
            log_axis(ax, "x")
            log_axis(ax, "y")
            low, high = ax.get_ylim()
            ax.fill_between(span, low, span, color=_SHADE, lw=0, zorder=0)
            ax.set_ylim(low, high)
            ax.set_title(f"process {process}", loc="center", pad=3)
        axes[0, 0].set_ylabel(f"implied timescale ({kinetics.time_unit})")
        if len(exact):
            more.append(Line2D([], [], color="black", lw=0.8, ls="--", label="exact, without a lag"))
        more.append(Patch(color=_SHADE, label="below the lag"))
        style.letters(axes)
        kinetics.title(fig)
        kinetics.legend(fig, list(kinetics.looks), *more)
        style.save(fig, stem, table)
