"""Which residues have moved: torsions of a cluster's frames beside those of the nearest training frame of each.

Axes: F frames, L residues.
"""

import numpy as np
import pandas as pd

from mdllm.core.geometry import backbone_torsions, circular_difference

_TORSIONS = ("phi", "psi")


def torsion_changes(backbone: np.ndarray, nearest: np.ndarray) -> np.ndarray:
    """phi and psi of frames (F, L, >=3, 3) minus those of the training frame next to each, (F, L, 2) radian."""
    own, other = (backbone_torsions(x.astype(np.float64))[:2] for x in (backbone, nearest))
    return np.stack([circular_difference(a, b) for a, b in zip(own, other, strict=True)], axis=-1)


def size_of_change(changes: np.ndarray) -> np.ndarray:
    """(F, L) root mean square over phi and psi, radian, of changes (F, L, 2); angles that do not exist are left out."""
    there = np.isfinite(changes)
    squares = np.where(there, changes, 0) ** 2
    return np.sqrt(squares.sum(-1) / np.maximum(there.sum(-1), 1))


def residue_table(
    cluster: np.ndarray, changes: np.ndarray, expected: np.ndarray, residues: pd.DataFrame
) -> pd.DataFrame:
    """One row per cluster and residue.

    Columns: cluster; those of `residues`; phi_change_rad, psi_change_rad, circular means over the frames of the
    cluster; change_rad, the median of their size; held_out_rad, what held-out MD shows; moved, whether change_rad is
    larger.

    Args:
        cluster: (F,) numbers of clusters.
        changes: (F, L, 2) of `torsion_changes`.
        expected: (L,) size of change, radian, that the quantile of held-out MD frames reaches.
    """
    parts = []
    for number in np.unique(cluster):
        own = changes[cluster == number]
        means = np.angle(np.exp(1j * own).mean(0))  # (L, 2)
        size = np.median(size_of_change(own), axis=0)
        columns = {f"{name}_change_rad": means[:, k] for k, name in enumerate(_TORSIONS)}
        table = residues.assign(**columns, change_rad=size, held_out_rad=expected, moved=size > expected)
        table.insert(0, "cluster", number)
        parts.append(table)
    columns = ["cluster", *residues.columns, "phi_change_rad", "psi_change_rad", "change_rad", "held_out_rad", "moved"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def residue_names(universe) -> pd.DataFrame:
    """Columns residue (index from 1), chain, resid, resname of a backbone universe."""
    residues = universe.residues
    chains = [residue.atoms[0].chainID for residue in residues]
    return pd.DataFrame(
        {
            "residue": np.arange(1, len(residues) + 1),
            "chain": chains,
            "resid": residues.resids,
            "resname": residues.resnames,
        }
    )


def in_words(rows: pd.DataFrame) -> str:
    """The residues that have moved, as ranges of their numbers: 10-14, 16; "none" where there are none."""
    moved = rows[rows["moved"]]
    runs: list[list[int]] = []
    for residue in moved["residue"]:
        if runs and residue == runs[-1][1] + 1:
            runs[-1][1] = residue
        else:
            runs.append([residue, residue])
    names = rows.set_index("residue")
    several = len(rows["chain"].unique()) > 1

    def label(residue: int) -> str:
        resid = str(names.loc[residue, "resid"])
        return f"{names.loc[residue, 'chain']}:{resid}" if several else resid

    return ", ".join(label(a) if a == b else f"{label(a)}-{label(b)}" for a, b in runs) or "none"
