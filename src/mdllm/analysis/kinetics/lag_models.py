"""Markov models of one set of trajectories at several lags, each with its posterior and with one model per run."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from mdllm.analysis.kinetics.discrete import DiscreteTrajectories
from mdllm.analysis.kinetics.groups import standard_deviation
from mdllm.analysis.kinetics.markov_models import MarkovModel, NoMarkovModel, fit, interval, posterior

logger = logging.getLogger(__name__)

Function = Callable[[MarkovModel], np.ndarray]


@dataclass(frozen=True)
class Spread:
    """Of one value over runs; arrays of one shape.

    Attributes:
        sd_runs: standard deviation over the runs that have a value; NaN where fewer than two have one.
        standard_error: of the mean of these runs, `sd_runs` over the root of their number.
        runs: number of runs that have a value.
    """

    sd_runs: np.ndarray
    standard_error: np.ndarray
    runs: np.ndarray


@dataclass(frozen=True)
class LagModels:
    """Models at one lag.

    Attributes:
        model: from all trajectories.
        samples: drawn from its posterior.
        runs: one model per run; None where a run alone gives none (`NoMarkovModel`).
    """

    model: MarkovModel
    samples: list[MarkovModel]
    runs: list[MarkovModel | None]

    def interval(self, function: Function, confidence: float) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of the posterior interval of a function of the model."""
        return interval(self.samples, function, confidence)

    def spread(self, function: Function) -> Spread:
        """Of a function of the model over the runs; one without a model, or whose value is NaN, has none."""
        missing = np.full(np.shape(function(self.model)), np.nan)
        values = np.array([missing if model is None else function(model) for model in self.runs])
        runs, sd_runs = np.isfinite(values).sum(0), standard_deviation(values)
        return Spread(sd_runs, sd_runs / np.sqrt(np.maximum(runs, 1)), runs)


def fit_lags(
    trajectories: DiscreteTrajectories, lags: Iterable[int], samples: int, seed: int, needed: bool = True
) -> dict[int, LagModels]:
    """Models by lag, in frames of these trajectories.

    Args:
        needed: whether trajectories that give no model are an error; otherwise their model is one of no codes.

    Raises:
        InputError: a lag is longer than every trajectory, or, where a model is needed, no two codes are connected.
    """
    return {lag: _fit_lag(trajectories, lag, samples, seed, needed) for lag in sorted(set(lags))}


def _fit_lag(trajectories: DiscreteTrajectories, lag: int, samples: int, seed: int, needed: bool) -> LagModels:
    trajectories.require(lag)
    about = (lag, trajectories.interval_ps, trajectories.codebook_size)
    runs = []
    for run in range(trajectories.runs):
        try:
            runs.append(fit(trajectories.of_run(run), *about))
        except NoMarkovModel:
            runs.append(None)
    of_lag = int(np.random.SeedSequence([seed, lag]).generate_state(1)[0] >> 1)
    try:
        model, drawn = fit(trajectories.codes, *about), posterior(trajectories.codes, *about, samples, of_lag)
    except NoMarkovModel as error:
        if needed:
            raise
        logger.warning("no Markov model, and none of what it would say: %s", error)
        model = MarkovModel.of_nothing(lag * trajectories.interval_ps)
        drawn = [model]
    return LagModels(model, drawn, runs)
