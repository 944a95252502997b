"""Maps of pairs of residues, two in one square: one above the diagonal, one below."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

_TICKS = 10


def residue_ticks(labels: np.ndarray) -> tuple[list[int], list[str]]:
    """Places and labels of about ten residues along an axis of L residues with these numbers."""
    places = list(range(0, len(labels), max(1, -(-len(labels) // _TICKS))))
    return places, [str(labels[place]) for place in places]


def draw_map(
    ax: Axes, above: tuple[str, np.ndarray], below: tuple[str, np.ndarray], labels: np.ndarray, label: str, **look
) -> pd.DataFrame:
    """Draw two symmetric matrices (L, L), each with its name; what is shown, a row per pair.

    Args:
        labels: (L,) residue numbers.
        label: of the colour bar.
        look: of ``imshow``.
    """
    (one, upper), (other, lower) = above, below
    both = np.where(np.triu(np.ones(upper.shape, bool)), upper, lower).astype(float)
    both[np.diag_indices(len(both))] = np.nan
    image = ax.imshow(both, interpolation="nearest", **look)
    ax.set_xticks(*residue_ticks(labels))
    ax.set_yticks(*residue_ticks(labels))
    ax.set(xlabel="residue", ylabel="residue")
    ax.set_title(f"{one} above, {other} below", fontsize=7, loc="right", pad=3)
    ax.figure.colorbar(image, ax=ax, pad=0.02, shrink=0.85).set_label(label)
    first, second = np.triu_indices(len(both), 1)
    return pd.DataFrame(
        {
            "first": labels[first],
            "second": labels[second],
            one: upper[first, second],
            other: lower[first, second],
        }
    )
