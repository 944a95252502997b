"""What the figures of kinetics read: the tables of every variant of one system, side by side.

In these tables `source` is `exact`, `md`, or the name of a variant. MD and exact kinetics are those of the first
variant, since all share one codebook.
"""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from mdllm.core.errors import InputError
from mdllm.figures.looks import FURTHER, MODEL_LOOKS, REFERENCE_LOOKS, Look
from mdllm.figures.tables import Tables

MD, MODEL, EXACT = "md", "model", "exact"
NAMES = ("populations", "timescales", "mfpt", "transitions", "committor", "chapman_kolmogorov")
_TITLE_CHARACTERS = 130
_LEAST_SPAN = 3.2
_TICKS = ((200, (1,)), (30, (1, 2, 5)), (6, (1, 2, 3, 5)), (0, (1, 1.5, 2, 3, 4, 5, 7)))


@dataclass(frozen=True)
class Kinetics:
    """The tables of one system.

    Attributes:
        about: what every figure says on top, the temperature for one.
        conditions: what it says at the bottom.
        description: `description.json` of the first variant.
        trainings: models that were trained alike, by variant.
        looks: of every source, the reference first, then the variants.
        populations, timescales, mfpt, transitions, committor, chapman_kolmogorov: the tables of these names.
    """

    about: str
    conditions: str
    description: dict
    trainings: dict[str, int]
    looks: dict[str, Look]
    populations: pd.DataFrame
    timescales: pd.DataFrame
    mfpt: pd.DataFrame
    transitions: pd.DataFrame
    committor: pd.DataFrame
    chapman_kolmogorov: pd.DataFrame

    @property
    def reference(self) -> str:
        return self.description["reference"]

    @property
    def time_unit(self) -> str:
        """What axes of time say: ps, or frames where the time between frames is not known, and tables count frames."""
        return self.description.get("time_unit", "ps")

    @property
    def models(self) -> list[str]:
        return [source for source in self.looks if source not in REFERENCE_LOOKS]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Ordered pairs of states."""
        states = self.description["states"]
        return [(start, end) for start in states for end in states if start != end]

    def title(self, fig: Figure) -> None:
        """Print `about` on top of a figure."""
        fig.suptitle(textwrap.fill(self.about, _TITLE_CHARACTERS), x=0.01, ha="left", fontsize=7)

    def legend(self, fig: Figure, sources: list[str], *more) -> None:
        """One legend under all panels: the looks of sources, and further handles."""
        looks = [self.looks[source] for source in sources]
        handles = [
            Line2D([], [], color=look.color, marker=look.marker, ls=look.line, label=look.label) for look in looks
        ]
        fig.legend(handles=[*handles, *more], loc="outside lower center", ncols=min(8, len(handles) + len(more)))


def load(variants: Mapping[str, Tables], conditions: str) -> Kinetics:
    """Tables of all variants; `conditions` is what figures say at the bottom.

    Raises:
        InputError: the codes of two variants differ, or there are more variants than looks.
    """
    found = {variant: _read(tables) for variant, tables in variants.items()}
    first = next(iter(found.values()))
    for variant, tables in found.items():
        if not _codes(tables).equals(_codes(first)):
            raise InputError(
                f"variant '{variant}': its codes are not those of '{next(iter(found))}'; kinetics are compared over "
                "one codebook, so give variants of another tokenizer figures of their own"
            )
    looks = {
        source: look for source, look in REFERENCE_LOOKS.items() if (first["populations"]["source"] == source).any()
    }
    unknown = [variant for variant in found if variant not in MODEL_LOOKS]
    if len(unknown) > len(FURTHER):
        raise InputError(
            f"figures of kinetics tell no more than {len(FURTHER)} variants apart beside {', '.join(MODEL_LOOKS)}; "
            f"these are {', '.join(unknown)}"
        )
    left = iter(FURTHER)
    looks |= {name: MODEL_LOOKS[name] if name in MODEL_LOOKS else Look(name, *next(left)) for name in found}
    combined = {}
    for name in NAMES:
        parts = [tables[name][tables[name]["source"] == MODEL].assign(source=v) for v, tables in found.items()]
        combined[name] = pd.concat([first[name][first[name]["source"] != MODEL], *parts], ignore_index=True)
    description = first["description"]
    trainings = {variant: tables["description"]["trainings"] for variant, tables in found.items()}
    return Kinetics(description["about"], conditions, description, trainings, looks, **combined)


def _read(tables: Tables) -> dict:
    return {**{name: getattr(tables, name) for name in NAMES}, "description": tables.kinetics}


def _codes(tables: dict) -> pd.DataFrame:
    rows = tables["populations"].query("source == 'md' and level == 'code'")
    return rows[["code", *tables["description"]["variables"]]].reset_index(drop=True)


def error_bar(ax: Axes, x, y, look: Look, *, yerr=None, xerr=None, line: str | None = None, **more) -> None:
    """Points with error bars of one standard error in the look of their source; no line unless one is given."""
    ax.errorbar(
        x, y, yerr=yerr, xerr=xerr, color=look.color, marker=look.marker, ls=line or "none",
        ms=3.5, mec="white" if look.marker != "_" else look.color, mew=0.4, elinewidth=0.8, lw=0.9, **more,
    )  # fmt: skip


def log_axis(ax: Axes, which: str) -> None:
    """A log axis of at least half a decade whose ticks are plain numbers, the more of a decade the fewer it shows."""
    getattr(ax, f"set_{which}scale")("log")
    low, high = getattr(ax, f"get_{which}lim")()
    widen = max(1.0, (_LEAST_SPAN * low / high) ** 0.5)
    getattr(ax, f"set_{which}lim")(low / widen, high * widen)
    span = high / low * widen**2
    ticks = next(ticks for least, ticks in _TICKS if span >= least)
    axis = getattr(ax, f"{which}axis")
    axis.set_major_locator(LogLocator(subs=ticks))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def dodged(count: int, step: float = 0.2) -> np.ndarray:
    """Offsets of points that share a category of width 1."""
    return (np.arange(count) - (count - 1) / 2) * min(step, 0.75 / count)


def label_grid(axes: np.ndarray, count: int, x: str, y: str) -> None:
    """Labels under the lowest panel of every column and left of every row; panels beyond `count` are switched off."""
    columns = axes.shape[1]
    for number, ax in enumerate(axes.ravel()):
        if number >= count:
            ax.set_axis_off()
            continue
        if number % columns == 0:
            ax.set_ylabel(y)
        if number + columns >= count:
            ax.set_xlabel(x)
            ax.tick_params(labelbottom=True)


def panels(count: int, most: int = 4) -> tuple[int, int]:
    """Rows and columns of a grid of small panels."""
    columns = min(most, count)
    return -(-count // columns), columns
