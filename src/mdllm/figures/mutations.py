"""A deep mutational scan as a heat map: every residue of a sequence, exchanged for every other."""

from pathlib import Path

import numpy as np
import pandas as pd

from mdllm.core.sequences import STANDARD
from mdllm.figures import style

_ORDER = "GAVLIMPFWYSTCNQHKRDE"  # small, aliphatic, aromatic, polar, charged
_PER_ROW = 60  # residues


def draw_scan(path: Path, score: str, stem: Path) -> None:
    """Draw the scores of `scan.parquet`; darker is more of a change, dots are the residues of the wild type."""
    table = pd.read_parquet(path)
    assert sorted(_ORDER) == list(STANDARD)
    grid = table.pivot_table(index="new", columns="position", values=score).reindex(list(_ORDER))
    letters = table.drop_duplicates("position").set_index("position")["old"]
    positions = np.arange(1, table["position"].max() + 1)
    rows = np.array_split(positions, -(-len(positions) // _PER_ROW))
    limits = dict(zip(("vmin", "vmax"), np.nanquantile(grid, [0.02, 0.98]), strict=True))
    conditions = f"{table['protein'].iloc[0]}; score {score}, larger where a mutation changes less"
    with style.figure(conditions, style.DOUBLE_COLUMN, 0.4 + 2.1 * len(rows), len(rows), 1) as (fig, axes):
        for ax, own in zip(axes[:, 0], rows, strict=True):
            values = grid.reindex(columns=own).to_numpy()
            extent = (own[0] - 0.5, own[-1] + 0.5, len(_ORDER) - 0.5, -0.5)
            image = ax.imshow(values, aspect="auto", cmap="viridis", extent=extent, interpolation="nearest", **limits)
            known = [position for position in own if position in letters.index]
            ax.plot(known, [_ORDER.index(letters[p]) for p in known], "o", ms=1.6, color="#E8590C")
            ax.set(yticks=range(len(_ORDER)), yticklabels=list(_ORDER), ylabel="new residue")
            ax.set_xlim(own[0] - 0.5, own[0] + len(rows[0]) - 0.5)
            ax.set_xticks(known, [f"{letters[p]}\n{p}" if p % 5 == 0 else letters[p] for p in known], fontsize=5)
            ax.tick_params(labelsize=5, length=1)
        axes[-1, 0].set_xlabel("residue")
        fig.colorbar(image, ax=axes, shrink=min(0.9, 0.9 / len(rows) + 0.2), pad=0.01, label=f"score {score}")
        style.save(fig, stem, table[["mutant", "position", "old", "new", score]])
