"""Discrete trajectories: one code per frame, many trajectories, grouped into runs that give errors.

Axes: n trajectories, F frames of all of them together, K codes. Time is counted in frames of these trajectories;
`interval_ps` turns it into ps.

Pitfall: a trajectory that is cut into blocks gives blocks that are correlated where they touch, and loses the
transitions across the cut: of lag k, k per cut.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mdllm.analysis.kinetics.groups import Estimate, estimate
from mdllm.core.errors import InputError

# Enough groups for a standard error that is itself good to about 10 %. A prime, so that trajectories whose starts take
# turns (walkers from four wells, say) are not dealt out to the groups well by well.
_GROUPS_PER_RUN = 11


@dataclass(frozen=True)
class DiscreteTrajectories:
    """Trajectories of codes.

    Attributes:
        codes: n arrays (F_i,) of integers in [0, K).
        interval_ps: time between frames.
        codebook_size: K.
        runs: number of runs; trajectory i is in group i % `groups`, and group g in run g % `runs`.
        clustered: whether the trajectories of a run share an error of their own: one trained model made them.

    Raises:
        InputError: a code is outside of the codebook.
    """

    codes: tuple[np.ndarray, ...]
    interval_ps: float
    codebook_size: int
    runs: int
    clustered: bool = False

    def __post_init__(self):
        for number, codes in enumerate(self.codes):
            wrong = np.flatnonzero((codes < 0) | (codes >= self.codebook_size))
            if len(wrong):
                raise InputError(
                    f"trajectory {number}, frame {wrong[0]}: code {codes[wrong[0]]} is outside of the codebook "
                    f"(0 to {self.codebook_size - 1}); were codes and codebook made by the same tokenizer?"
                )

    @cached_property
    def groups(self) -> int:
        """Number of groups, a multiple of the number of runs."""
        return self.runs * max(1, min(_GROUPS_PER_RUN, len(self.codes) // self.runs))

    @cached_property
    def longest(self) -> int:
        """Frames of the longest trajectory."""
        return max(map(len, self.codes))

    @cached_property
    def lengths(self) -> np.ndarray:
        """Frames of each trajectory, (n,)."""
        return np.array([len(codes) for codes in self.codes])

    @cached_property
    def concatenated(self) -> np.ndarray:
        """All codes, one trajectory after another, (F,)."""
        return np.concatenate(self.codes)

    @cached_property
    def trajectory(self) -> np.ndarray:
        """Number of the trajectory of each frame of `concatenated`, (F,)."""
        return np.repeat(np.arange(len(self.codes)), self.lengths)

    def time_ps(self) -> np.ndarray:
        """Time that each group covers, (G,)."""
        return np.bincount(np.arange(len(self.codes)) % self.groups, self.lengths, self.groups) * self.interval_ps

    def of_run(self, run: int) -> list[np.ndarray]:
        """Trajectories of one run."""
        return list(self.codes[run :: self.runs])

    def per_group(
        self, frames: np.ndarray, index: np.ndarray, size: int, weight: np.ndarray | None = None
    ) -> np.ndarray:
        """How often each value of `index` occurs in each group, (G, size).

        Args:
            frames: (m,) positions in `concatenated`.
            index: (m,) integers in [0, size) that belong to these frames.
            weight: (m,) what each counts; None: 1.
        """
        group = self.trajectory[frames] % self.groups
        counts = np.bincount(group * size + index, weight, self.groups * size)
        return counts.reshape(self.groups, size).astype(float)

    def estimate(self, function: Callable[..., np.ndarray], *sums: np.ndarray) -> Estimate:
        """`mdllm.analysis.kinetics.groups.estimate` of sums over the groups of these trajectories."""
        return estimate(function, self.runs, *sums, clustered=self.clustered)

    def require(self, lag: int) -> None:
        """Raises InputError where no trajectory is longer than `lag` frames."""
        if lag >= self.longest:
            raise InputError(
                f"lag of {lag} frames ({lag * self.interval_ps:g} ps): the longest trajectory has {self.longest} "
                f"frames ({self.longest * self.interval_ps:g} ps); choose shorter lags, or make longer trajectories"
            )


def of_md(tokens: Mapping[str, np.ndarray], runs: int) -> DiscreteTrajectories:
    """Trajectories of the MD that was learned: each segment of `tokens/codes.npz` is one.

    Args:
        tokens: `codes` (F, 1), `segment` (F,), `interval_ps`, `codebook_size`. Where the interval is unknown (NaN),
            times count frames, as if it were 1 ps.
        runs: groups of trajectories; where there are fewer trajectories than that, each is cut into `runs` blocks.

    Raises:
        InputError: a frame has several codes, a code is outside of the codebook, or there are fewer frames than runs.
    """
    codes, border = _one_code(tokens["codes"]), np.flatnonzero(np.diff(tokens["segment"])) + 1
    interval_ps = float(np.nan_to_num(tokens["interval_ps"], nan=1.0))
    return _trajectories(np.split(codes, border), interval_ps, int(tokens["codebook_size"]), runs)


def of_rollouts(
    rollouts: Sequence[np.ndarray], interval_ps: float, codebook_size: int, runs: int
) -> DiscreteTrajectories:
    """Generated trajectories.

    Args:
        rollouts: codes (R, T, 1) of each of the models trained alike. Of one model, replica r is in run r % `runs`;
            fewer replicas than runs are cut. Of several, each is one run.
        runs: of one model.
    """
    if len(rollouts) == 1:
        return _trajectories(list(_one_code(rollouts[0])), interval_ps, codebook_size, runs)
    replicas = [codes for together in zip(*map(_one_code, rollouts), strict=True) for codes in together]
    return DiscreteTrajectories(tuple(replicas), interval_ps, codebook_size, len(rollouts), clustered=True)


def _one_code(codes: np.ndarray) -> np.ndarray:
    if codes.shape[-1] != 1:
        raise InputError(f"kinetics need one code per frame; these frames have {codes.shape[-1]}")
    return codes[..., 0].astype(np.int64)


def _trajectories(
    codes: Sequence[np.ndarray], interval_ps: float, codebook_size: int, runs: int
) -> DiscreteTrajectories:
    if len(codes) < runs:
        codes = [block for whole in codes for block in np.array_split(whole, runs) if len(block)]
    if len(codes) < runs:
        raise InputError(f"{sum(map(len, codes))} frames cannot be divided into {runs} runs")
    return DiscreteTrajectories(tuple(codes), interval_ps, codebook_size, runs)
