"""Whether two ensembles move alike, in one number for each thing that a backbone shows.

Profiles along the sequence and maps of pairs are compared by Pearson's and Spearman's correlation, distributions by the
Jensen-Shannon divergence in bits (0: the same, 1: nothing in common), mean over residues (Lin, IEEE Trans. Inf. Theory
37, 145, 1991). Finite samples of one ensemble have a divergence above 0, so a number means something beside that of
MD with itself only.
"""

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.stats import pearsonr, spearmanr

from mdllm.analysis.dynamics.backbones import PROFILES, Sums
from mdllm.analysis.dynamics.statistics import jackknife

PEARSON, SPEARMAN, JENSEN_SHANNON, RATIO = "pearson", "spearman", "jensen_shannon", "ratio"


class Comparison(NamedTuple):
    """One number that is reported.

    Attributes:
        profiles: keys of PROFILES; more than one are compared together.
        headline: whether it is the one number of what it is about.
    """

    quantity: str
    measure: str
    profiles: tuple[str, ...]
    meaning: str
    headline: bool = False


COMPARISONS = (
    Comparison("rmsf", PEARSON, ("rmsf_nm",), "root-mean-square fluctuation of CA along the sequence", True),
    Comparison("rmsf", SPEARMAN, ("rmsf_nm",), "the same by ranks"),
    Comparison("rmsf", RATIO, ("rmsf_nm",), "mean fluctuation, divided by that of the reference"),
    Comparison("torsions", JENSEN_SHANNON, ("phi", "psi"), "phi and psi in bins of 30 degrees, bits a residue", True),
    Comparison("secondary_structure", JENSEN_SHANNON, ("dssp",), "classes of DSSP, bits a residue", True),
    Comparison("contacts", PEARSON, ("contacts",), "share of frames in which CB are in contact", True),
    Comparison("contacts", SPEARMAN, ("contacts",), "the same by ranks"),
    Comparison("correlation", PEARSON, ("correlation",), "correlation of the motion of CA", True),
    Comparison("correlation", SPEARMAN, ("correlation",), "the same by ranks"),
)


def profiles_of(sums: Sums) -> dict[str, np.ndarray]:
    """Everything that a backbone shows, from sums without the axis of clusters."""
    return {name: profile(sums) for name, profile in PROFILES.items()}


def compare(comparison: Comparison, one: dict, other: dict, pairs: np.ndarray) -> float:
    """The number of two sets of profiles; NaN where one of them lacks what is compared, or does not vary.

    Args:
        other: the reference.
        pairs: (L, L) those of a map that count.
    """
    if not all(name in one for name in comparison.profiles):
        return np.nan
    a, b = (
        [profile[name][pairs] if profile[name].shape == pairs.shape else profile[name] for name in comparison.profiles]
        for profile in (one, other)
    )
    a, b = np.concatenate(a), np.concatenate(b)
    if comparison.measure == JENSEN_SHANNON:
        known = np.isfinite(a).all(1) & np.isfinite(b).all(1)
        return float((jensenshannon(a[known], b[known], base=2, axis=1) ** 2).mean()) if known.any() else np.nan
    known = np.isfinite(a) & np.isfinite(b)
    if comparison.quantity == "contacts":
        known &= (a > 0) | (b > 0)  # most pairs are never near in either
    a, b = a[known], b[known]
    if comparison.measure == RATIO:
        return float(a.mean() / b.mean()) if len(b) and b.mean() > 0 else np.nan
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return np.nan
    return float((pearsonr if comparison.measure == PEARSON else spearmanr)(a, b).statistic)


def nearer(comparison: Comparison, one: float, other: float) -> bool:
    """Whether a number says more agreement than another."""
    if comparison.measure == RATIO:
        return abs(np.log(one)) < abs(np.log(other))
    return one < other if comparison.measure == JENSEN_SHANNON else one > other


def compare_with_error(comparison: Comparison, sums: Sums, reference: dict, pairs: np.ndarray) -> tuple[float, float]:
    """The number of an ensemble beside a reference, and its standard error: its own clusters left out one by one."""

    def number(*total: np.ndarray) -> np.ndarray:
        own = {name: PROFILES[name](Sums(*total)) for name in comparison.profiles}
        return np.asarray(compare(comparison, own, reference, pairs))

    value, error = jackknife(number, *sums)
    return float(value), float(error)
