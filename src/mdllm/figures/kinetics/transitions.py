"""Transitions per ns between all pairs of states against the commit time, every model over MD."""

from pathlib import Path

from mdllm.figures import style
from mdllm.figures.kinetics.data import EXACT, error_bar, label_grid, log_axis, panels
from mdllm.figures.tables import SystemTables


def draw(system: SystemTables, stem: Path) -> None:
    """Write the figure and its data: the rows of `transitions.csv`; a count of zero is said, not drawn."""
    kinetics = system.kinetics
    table, pairs = kinetics.transitions, kinetics.pairs
    rows, columns = panels(len(pairs))
    sources = [source for source in kinetics.looks if source != EXACT]
    with style.figure(
        kinetics.conditions, style.DOUBLE_COLUMN, 0.7 + 1.3 * rows, rows, columns, sharex=True, sharey=True
    ) as (fig, axes):
        for ax, (start, end) in zip(axes.ravel(), pairs, strict=False):
            none = []
            for source in sources:
                look, own = kinetics.looks[source], table[table["source"] == source]
                own = own[(own["start"] == start) & (own["end"] == end) & (own["count"] > 0)]
                if own.empty:
                    none.append(look)
                error_bar(ax, own["commit_ps"], own["per_ns"], look, yerr=own["standard_error"], line=look.line)
            for line, look in enumerate(none):
                place = (0.97, 0.96 - 0.13 * line)
                ax.text(
                    *place, f"{look.label}: none", color=look.color, fontsize=6, ha="right", va="top",
                    transform=ax.transAxes,
                )  # fmt: skip
            ax.set_title(f"{start} → {end}", loc="center", pad=2)
        log_axis(axes[0, 0], "x")
        axes[0, 0].set_yscale("log")
        rarest = table.loc[table["count"] > 0, "per_ns"].min() / 3  # an error as large as its value has no lower end
        axes[0, 0].set_ylim(bottom=max(axes[0, 0].get_ylim()[0], rarest))
        log_axis(axes[0, 0], "y")
        rate = "ns" if kinetics.time_unit == "ps" else "1000 frames"
        label_grid(axes, len(pairs), f"commit time ({kinetics.time_unit})", f"transitions / {rate}")
        kinetics.title(fig)
        kinetics.legend(fig, sources)
        style.save(fig, stem, table)
