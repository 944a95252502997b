"""Indirect effects of a causal trace over layers and positions, for codes that stay and codes that move."""

import textwrap
from pathlib import Path

import numpy as np

from mdllm.figures import style
from mdllm.figures.tables import Tables

_WORDS = {"stays": "the code stays", "moves": "the code moves"}
_TITLE_CHARACTERS = 110


def draw(tables: Tables, stem: Path) -> None:
    """Write the figure and its data: the rows of `causal_trace/effects.csv`."""
    effects, about = tables.effects, tables.summary["about"]
    kinds = [kind for kind in _WORDS if (effects["kind"] == kind).any()]
    with style.figure(tables.conditions, style.DOUBLE_COLUMN, 2.4, 1, len(kinds)) as (fig, axes):
        for ax, kind in zip(axes[0], kinds, strict=True):
            rows = effects[effects["kind"] == kind]
            grid = rows.pivot_table(index="layer", columns="position", values="indirect_effect")
            limit = np.abs(grid.to_numpy()).max()
            image = ax.pcolormesh(grid.columns, grid.index, grid, cmap="PuOr_r", vmin=-limit, vmax=limit)
            fig.colorbar(image, ax=ax, label="indirect effect")
            first = rows.iloc[0]
            ax.set(xlabel="position (0: last frame)", ylabel="layer (0: embedding)", yticks=grid.index)
            ax.set_title(
                f"{_WORDS[kind]}, {int(first['windows'])} windows\n"
                f"total effect {first['total_effect']:.3f} ± {first['total_error']:.3f}"
            )
        fig.suptitle(textwrap.fill(about, _TITLE_CHARACTERS), x=0.01, ha="left", fontsize=7)
        style.save(fig, stem, effects)
