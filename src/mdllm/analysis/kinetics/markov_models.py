"""Markov models of discrete trajectories: estimated by deeptime, restricted openly, in ps.

Axes: K codes of the codebook, n codes of the connected set. A model speaks of the connected set only; `codes` says
which codes these are, and `share_kept` which share of the counted transitions they hold. Times are ps: deeptime gives
them in steps of the input, with the lag already in them.

Pitfalls: implied timescales and first passage times of a lumped coordinate are biased low at short lags; show them
against the lag. At long lags passage times are high, since visits shorter than the lag are not seen. Counts of
overlapping windows (sliding) are correlated, so posteriors use them divided by the lag.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from deeptime.markov import TransitionCountEstimator, TransitionCountModel
from deeptime.markov.msm import MarkovStateModel, MaximumLikelihoodMSM
from deeptime.markov.tools.estimation.dense.tmat_sampling.tmatrix_sampler import TransitionMatrixSampler

from mdllm.core.errors import InputError


class NoMarkovModel(InputError):
    """Trajectories that give none: all are too short for the lag, or no two codes are connected in both directions."""


@dataclass(frozen=True)
class MarkovModel:
    """A reversible Markov model.

    Attributes:
        transition_matrix: (n, n), rows sum to 1.
        populations: stationary populations, (n,).
        codes: the codes that are its states, ascending, (n,).
        lag_ps: time of one step.
        share_kept: share of counted transitions within the connected set.
    """

    transition_matrix: np.ndarray
    populations: np.ndarray
    codes: np.ndarray
    lag_ps: float
    share_kept: float = 1.0

    @classmethod
    def of_matrix(cls, transition_matrix: np.ndarray, lag_ps: float) -> "MarkovModel":
        """The model of a known transition matrix (K, K) of all codes."""
        populations = MarkovStateModel(transition_matrix).stationary_distribution
        return cls(np.asarray(transition_matrix), populations, np.arange(len(populations)), lag_ps)

    @classmethod
    def of_nothing(cls, lag_ps: float) -> "MarkovModel":
        """The model of no codes, all of whose values are NaN."""
        return cls(np.empty((0, 0)), np.empty(0), np.empty(0, int), lag_ps, 0.0)

    def populations_of_codes(self, codebook_size: int) -> np.ndarray:
        """Stationary populations of all codes, (K,); NaN outside of the connected set."""
        result = np.full(codebook_size, np.nan)
        result[self.codes] = self.populations
        return result

    def timescales_ps(self, processes: int) -> np.ndarray:
        """Implied timescales, slowest first, (processes,); NaN beyond n - 1."""
        if not len(self.codes):
            return np.full(processes, np.nan)
        known = self._deeptime().timescales(min(processes, len(self.codes) - 1)) * self.lag_ps
        return np.r_[np.real(known), np.full(processes - len(known), np.nan)]

    def mfpt_ps(self, start: np.ndarray, end: np.ndarray) -> float:
        """Mean first passage time from the equilibrium within `start` to `end`, both masks over codes (K,).

        NaN where either has no code in the connected set.
        """
        start, end = np.flatnonzero(start[self.codes]), np.flatnonzero(end[self.codes])
        if not len(start) or not len(end):
            return np.nan
        return float(self._deeptime().mfpt(start, end) * self.lag_ps)

    def committor(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Probability of each code to come to `end` before `start`, both masks over codes (K,).

        NaN outside of the connected set, and for all codes where either state has none in it. Metzner, Schuette &
        Vanden-Eijnden, Multiscale Model. Simul. 7, 1192, 2009, section 2.
        """
        result = np.full(len(start), np.nan)
        ends = np.flatnonzero(start[self.codes]), np.flatnonzero(end[self.codes])
        if all(map(len, ends)):
            result[self.codes] = self._deeptime().committor_forward(*ends)
        return result

    def transition_probabilities(self, sets: np.ndarray, steps: int) -> np.ndarray:
        """Probability to be in set j `steps` steps after equilibrium within set i, (S, S); NaN rows of absent sets.

        Args:
            sets: boolean masks over codes, (S, K).
        """
        member = sets[:, self.codes].astype(float)  # (S, n)
        flux = (member * self.populations) @ np.linalg.matrix_power(self.transition_matrix, steps) @ member.T
        with np.errstate(invalid="ignore"):
            result = flux / (member @ self.populations)[:, None]
        result[:, member.sum(1) == 0] = np.nan
        return result

    def _deeptime(self) -> MarkovStateModel:
        return MarkovStateModel(self.transition_matrix, self.populations, reversible=True)


def fit(trajectories: Sequence[np.ndarray], lag: int, interval_ps: float, codebook_size: int) -> MarkovModel:
    """Reversible maximum-likelihood model at a lag of `lag` frames, from all overlapping windows.

    Raises:
        NoMarkovModel: no trajectory is longer than the lag, or no two codes are connected.
    """
    counts, share = _connected(trajectories, lag, "sliding", codebook_size)
    model = MaximumLikelihoodMSM(reversible=True).fit_fetch(counts)
    return MarkovModel(
        model.transition_matrix, model.stationary_distribution, counts.state_symbols, lag * interval_ps, share
    )


def posterior(
    trajectories: Sequence[np.ndarray], lag: int, interval_ps: float, codebook_size: int, samples: int, seed: int
) -> list[MarkovModel]:
    """Reversible models drawn from the posterior of the counts (Trendelkamp-Schroer et al., J. Chem. Phys. 143,
    174101, 2015).

    Counts are those of overlapping windows divided by the lag, deeptime's "sliding-effective": about as many as there
    are independent windows. (Its "effective" counts take minutes where these take a fraction of a second.)
    """
    counts, share = _connected(trajectories, lag, "sliding-effective", codebook_size)
    best = MaximumLikelihoodMSM(reversible=True).fit_fetch(counts).transition_matrix
    # deeptime's BayesianMSM takes no seed; its sampler does.
    steps = max(1, int(np.sqrt(counts.n_states)))
    sampler = TransitionMatrixSampler(counts.count_matrix, reversible=True, P0=best, n_steps=steps, seed=seed)
    drawn = zip(*sampler.sample(nsamples=samples, return_statdist=True), strict=True)
    return [MarkovModel(matrix, pi, counts.state_symbols, lag * interval_ps, share) for matrix, pi in drawn]


def interval(
    models: Sequence[MarkovModel], function: Callable[[MarkovModel], np.ndarray], confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of the central posterior interval of any function of a model."""
    values = np.array([function(model) for model in models])
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return low, high


def _connected(
    trajectories: Sequence[np.ndarray], lag: int, mode: str, codebook_size: int
) -> tuple[TransitionCountModel, float]:
    """Counts of the strongly connected set with the most transitions, and its share of all."""
    usable = [codes for codes in trajectories if len(codes) > lag]
    if not usable:
        raise NoMarkovModel(f"lag of {lag} frames: no trajectory is longer")
    counts = TransitionCountEstimator(lag, mode, n_states=codebook_size).fit_fetch(usable)
    largest = counts.submodel_largest(sort_by_population=True)
    if largest.n_states < 2:
        raise NoMarkovModel(
            f"lag of {lag} frames: no two of the {np.count_nonzero(counts.state_histogram)} visited codes are "
            "connected by transitions in both directions, so no Markov model exists; use longer trajectories, or a "
            "smaller codebook"
        )
    return largest, float(largest.count_matrix.sum() / counts.count_matrix.sum())
