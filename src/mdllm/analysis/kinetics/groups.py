"""Errors of any function of sums over trajectories, by leaving groups of trajectories out.

Frames of one trajectory are correlated, trajectories are not. So every quantity is written as a function of sums, the
sums are kept for each of G groups of trajectories, and the function is evaluated for all groups together, for each
run (runs are unions of groups), and with each group left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """Arrays of one shape.

    Attributes:
        value: from all groups together.
        sd_runs: standard deviation over the runs that have a value; NaN where fewer than two have one.
        standard_error: of `value`, by the jackknife (see `estimate`).
        runs: number of runs that have a value.
    """

    value: np.ndarray
    sd_runs: np.ndarray
    standard_error: np.ndarray
    runs: np.ndarray


def estimate(function: Callable[..., np.ndarray], runs: int, *sums: np.ndarray, clustered: bool = False) -> Estimate:
    """Evaluate a function of sums, with errors.

    Args:
        function: of one array per entry of `sums`, each with one leading axis (G, run ...) more than a value needs.
        runs: number of runs; group g is in run g % `runs`, and G is a multiple of `runs`.
        sums: arrays (G, ...), additive over groups.
        clustered: whether the groups of a run share an error of their own, as trajectories of one trained model do.
            The standard error is then the larger of those by leaving out groups and by leaving out runs: the variance
            between runs holds that within them, so that a smaller one is chance.

    The jackknife (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 11): with value t_g when group g
    is left out, the squared standard error is (G - 1) / G times the sum of (t_g - mean t)^2. A value that exists only
    because of one group has the standard error NaN.
    """
    groups = len(sums[0])
    by_run = [part.reshape(groups // runs, runs, *part.shape[1:]).sum(0) for part in sums]
    with np.errstate(divide="ignore", invalid="ignore"):
        value = function(*(part.sum(0, keepdims=True) for part in sums))[0]
        of_runs = function(*by_run)
        error = _jackknife(function, sums)
        if clustered:
            error = np.maximum(error, _jackknife(function, by_run))
    return Estimate(value, standard_deviation(of_runs), error, np.isfinite(of_runs).sum(0))


def _jackknife(function: Callable[..., np.ndarray], sums: Sequence[np.ndarray]) -> np.ndarray:
    parts = len(sums[0])
    left_out = function(*(part.sum(0, keepdims=True) - part for part in sums))
    return np.sqrt((parts - 1) / parts * ((left_out - left_out.mean(0)) ** 2).sum(0))


def standard_deviation(values: np.ndarray) -> np.ndarray:
    """Over the finite values along the first axis, (n, ...) -> (...); NaN where fewer than two are finite."""
    values = np.asarray(values, float)
    finite = np.isfinite(values)
    count = finite.sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(finite, values, 0).sum(0) / count
        variance = np.where(finite, (values - mean) ** 2, 0).sum(0) / (count - 1)
    return np.where(count > 1, np.sqrt(variance), np.nan)
