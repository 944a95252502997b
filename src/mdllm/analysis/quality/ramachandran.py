"""Where a backbone torsion pair is an outlier: where few residues of known structures are.

The map is the histogram over (phi, psi) in bins of 4 degrees that MDAnalysis ships (`Rama_ref`), counted on the 500
high-resolution structures of Lovell et al., Proteins 50, 437 (2003). It does not tell residue types apart, so two
levels are used: for phi < 0 the contour that encloses 98 % of all residues, as the favoured region of MolProbity
does; for phi >= 0, where most of the counts are glycines, that of 90 %, which leaves the left-handed helix. Glycine
itself is not to be judged by this map. Proline is; its own region is the smaller one, so some of its outliers pass.
"""

from functools import cache

import numpy as np
from MDAnalysis.analysis.data.filenames import Rama_ref

_BIN = np.deg2rad(4.0)
_ENCLOSED = {"phi < 0": 0.98, "phi >= 0": 0.90}


@cache
def _allowed() -> np.ndarray:
    """(psi, phi) bins from -pi upwards: True inside the contour of its half."""
    counts = np.load(Rama_ref)
    ranked = np.sort(counts.ravel())[::-1]
    enclosed = ranked.cumsum() / ranked.sum()
    levels = {half: ranked[np.searchsorted(enclosed, share)] for half, share in _ENCLOSED.items()}
    middle = counts.shape[1] // 2
    left, right = counts[:, :middle] >= levels["phi < 0"], counts[:, middle:] >= levels["phi >= 0"]
    return np.concatenate([left, right], axis=1)


def is_outlier(phi: np.ndarray, psi: np.ndarray) -> np.ndarray:
    """True where the pair (radian) of a residue other than glycine is outside; False where an angle is NaN."""
    known = np.isfinite(phi) & np.isfinite(psi)
    allowed = _allowed()
    column, row = (
        np.floor((np.where(known, x, 0.0) + np.pi) / _BIN).astype(int) % size
        for x, size in ((phi, allowed.shape[1]), (psi, allowed.shape[0]))
    )
    return known & ~allowed[row, column]
