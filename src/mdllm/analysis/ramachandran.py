"""Where a backbone torsion pair is an outlier: outside of what 99 % of residues of known structures show.

The map is the histogram over (phi, psi) in bins of 4 degrees that MDAnalysis ships (`Rama_ref`), counted on the 500
high-resolution structures of Lovell et al., Proteins 50, 437 (2003); its level 1 encloses 99 % of the residues. It
does not tell residue types apart. Glycine, which has no CB, is left out of the count of outliers; proline is judged
by the common map, whose allowed region contains its own.
"""

from functools import cache

import numpy as np
from MDAnalysis.analysis.data.filenames import Rama_ref

_BIN = np.deg2rad(4.0)
_LEAST_COUNT = 1


@cache
def _allowed() -> np.ndarray:
    """(psi, phi) bins from -pi upwards: True inside the contour of 99 %."""
    return np.load(Rama_ref) >= _LEAST_COUNT


def is_outlier(phi: np.ndarray, psi: np.ndarray) -> np.ndarray:
    """True where the pair lies outside the contour of 99 %; False where either angle is NaN (chain ends)."""
    known = np.isfinite(phi) & np.isfinite(psi)
    allowed = _allowed()
    column, row = (
        np.floor((np.where(known, x, 0.0) + np.pi) / _BIN).astype(int) % size
        for x, size in ((phi, allowed.shape[1]), (psi, allowed.shape[0]))
    )
    return known & ~allowed[row, column]
