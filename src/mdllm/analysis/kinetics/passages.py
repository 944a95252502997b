"""First passages and transitions counted directly in trajectories.

Axes: G groups of trajectories, S named states. States are sets of codes that do not overlap; a frame may be in none.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mdllm.analysis.kinetics.discrete import DiscreteTrajectories
from mdllm.analysis.kinetics.groups import Estimate

NONE = -1
# Part of a trajectory's length for which a start is followed, which the starts in the rest of it can be.
_HORIZON = 0.25
_NEVER = 1e-12


@dataclass(frozen=True)
class PassageTime:
    """Mean first passage time from one state to another.

    Attributes:
        mean_ps: with errors; NaN where no passage was observed.
        passages: arrivals in the end state that follow a frame in the start state; the independent events behind it.
        unfinished: share of starts that pass after the horizon; NaN where no start was followed.
    """

    mean_ps: Estimate
    passages: int
    unfinished: float


def state_numbers(masks: Mapping[str, np.ndarray]) -> np.ndarray:
    """State of each code, (K,), numbers in the order of `masks`; NONE outside of all states."""
    sets = np.array(list(masks.values()))
    return np.where(sets.any(0), sets.argmax(0), NONE)


def passage_times(
    trajectories: DiscreteTrajectories, state: np.ndarray, states: int, end: int
) -> dict[int, PassageTime]:
    """Mean, over frames in each start state, of the time to the next frame in state `end`; by start.

    A frame with at least the horizon H left of its trajectory is followed for H, a quarter of a typical length (one
    that the trajectories of half of all frames reach). A passage that comes later is continued from the state at H:
    with m_i the mean from state i, T_i the mean of the time followed (to the passage, or H), and P_ij the share of
    starts in i that have not passed at H and are then in j,

        m_i = T_i + sum_j P_ij m_j,

    where frames in none of the states are kept apart by the state visited last. Below H nothing is assumed; beyond,
    only that this class tells what follows, as it does where H is longer than the relaxation within states. (An
    exponential tail would assume that one timescale is left; on four states in two pairs it is 40 % low.) Where no
    whole passage from start to end was seen, there is no mean.

    Pitfalls: starts weigh as often as they were visited, which is the equilibrium weight *within* a state only where
    trajectories have equilibrated in it. Passages between two frames are not seen: the time depends on the interval.

    Args:
        state: state of each code, (K,) integers in [0, S), or NONE.
        states: S.
        end: number of the state to arrive in.
    """
    label = state[trajectories.concatenated]
    # Classes: 0 ... S - 1 in a state; S + i in none, after state i; 2 S in none, before any.
    visited = _last_visited(trajectories, label)
    label = np.where(label != NONE, label, states + np.where(visited != NONE, visited, states))
    count, lengths = len(label), trajectories.lengths
    horizon = _horizon(lengths)
    last = np.repeat(np.cumsum(lengths) - 1, lengths)
    arrival = np.where(label == end, np.arange(count), count)
    arrival = np.minimum.accumulate(arrival[::-1])[::-1]  # next frame in `end`, perhaps of another trajectory
    frames = np.flatnonzero((label != end) & (np.arange(count) + horizon <= last))
    duration = np.minimum(arrival[frames] - frames, horizon)
    lasting = frames[arrival[frames] - frames > horizon]
    size = 2 * states + 1
    starts = trajectories.per_group(frames, label[frames], size)  # (G, size)
    time = trajectories.per_group(frames, label[frames], size, duration)
    pairs = label[lasting] * size + label[lasting + horizon]
    continued = trajectories.per_group(lasting, pairs, size**2).reshape(-1, size, size)
    mean = trajectories.estimate(mean_passage_times, starts, time, continued)
    interval = trajectories.interval_ps
    seen, followed = np.flatnonzero((arrival <= last) & (label != end)), starts.sum(0)
    result = {}
    for start in (number for number in range(states) if number != end):
        passages = len(np.unique(arrival[seen[label[seen] == start]]))
        scale = interval if passages else np.nan
        result[start] = PassageTime(
            Estimate(
                mean.value[start] * scale,
                mean.sd_runs[start] * scale,
                mean.standard_error[start] * scale,
                mean.runs[start],
            ),
            passages,
            float(continued[:, start].sum() / followed[start]) if followed[start] else np.nan,
        )
    return result


def _last_visited(trajectories: DiscreteTrajectories, label: np.ndarray) -> np.ndarray:
    """The state that each frame is in or its trajectory visited last, (F,); NONE before the first."""
    lengths = trajectories.lengths
    latest = np.maximum.accumulate(np.where(label != NONE, np.arange(len(label)), -1))
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.where(latest >= first, label[latest], NONE)


def _horizon(lengths: np.ndarray) -> int:
    """The part of the length of the trajectories that hold half of all frames, the longest first; at least 1."""
    descending = np.sort(lengths)[::-1]
    typical = descending[np.searchsorted(descending.cumsum(), lengths.sum() / 2)]
    return max(1, int(_HORIZON * typical))


def mean_passage_times(starts: np.ndarray, time: np.ndarray, continued: np.ndarray) -> np.ndarray:
    """Solve m = T + P m, in frames, (..., S); NaN where the end is never reached.

    A state in which no start was followed has no mean of its own: where it is met at the horizon, the other states
    met there stand for it.

    Args:
        starts: starts followed, by state, (..., S).
        time: sum of the times followed, (..., S).
        continued: starts of i not passed and in j at the horizon, (..., S, S).
    """
    known = starts > 0
    onward = continued * known[..., None, :]
    share = continued.sum(-1, keepdims=True) / np.where(known, starts, 1)[..., None]
    total = onward.sum(-1, keepdims=True)
    # Rows of the known sum to the share of starts that go on; with nowhere known to go on, they stay.
    onward = np.where(total > 0, onward / np.where(total > 0, total, 1), np.eye(starts.shape[-1])) * share
    mean = np.where(known, time / np.where(known, starts, 1), 0)
    matrix = (1 + _NEVER) * np.eye(starts.shape[-1]) - onward
    solved = np.linalg.solve(matrix, mean[..., None])[..., 0]
    return np.where(known & (solved * _NEVER < 1e-3), solved, np.nan)


def transition_counts(trajectories: DiscreteTrajectories, state: np.ndarray, states: int, commit: int) -> np.ndarray:
    """Transitions between named states, (G, S, S), that hold for at least `commit` frames.

    A frame outside of all states belongs to the state visited last. A transition i -> j is a visit of j right after
    one of i, however short that was, which lasts at least `commit` frames. So with growing commit time counts fall, and
    those of i -> j and j -> i differ. A visit cut short by the end of its trajectory counts with the frames that were
    seen, which makes counts at long commit times slightly low in short trajectories.

    Args:
        state: state of each code, (K,) integers in [0, S), or NONE.
        states: S.
    """
    visited = _last_visited(trajectories, state[trajectories.concatenated])
    # Visits: runs of one state within one trajectory; frames before the first state are runs of NONE.
    begins = np.flatnonzero(np.r_[True, (np.diff(visited) != 0) | (np.diff(trajectories.trajectory) != 0)])
    lasting = np.diff(np.r_[begins, len(visited)]) >= commit
    visits, owner = visited[begins], trajectories.trajectory[begins]
    entered = 1 + np.flatnonzero(lasting[1:] & (owner[1:] == owner[:-1]) & (visits[:-1] != NONE))
    pair = visits[entered - 1] * states + visits[entered]
    counts = trajectories.per_group(begins[entered], pair, states * states)
    return counts.reshape(-1, states, states)


def committors(
    trajectories: DiscreteTrajectories, state: np.ndarray, start: int, end: int
) -> tuple[Estimate, np.ndarray, np.ndarray]:
    """Share of the frames of each code from which state `end` is visited before `start`, counted, (K,).

    Frames after whose code neither is visited until the end of their trajectory are left out: where a trajectory is
    short beside the way to one of the states, the other is favoured.

    Args:
        state: state of each code, (K,) integers, NONE outside of all states.
        start, end: numbers of the two states.

    Returns:
        committors with errors, 0 in `start` and 1 in `end`; frames of each code that were counted, (K,); and the share
        of the frames of each code that were left out, (K,), NaN where there are none.
    """
    codes, size = trajectories.concatenated, trajectories.codebook_size
    label, count = state[codes], len(codes)
    last = np.repeat(np.cumsum(trajectories.lengths) - 1, trajectories.lengths)
    reached = np.where((label == start) | (label == end), np.arange(count), count)
    reached = np.minimum.accumulate(reached[::-1])[::-1]  # next frame in either, perhaps of another trajectory
    frames = np.flatnonzero(reached <= last)
    arrived = (label[reached[frames]] == end).astype(float)
    seen = trajectories.per_group(frames, codes[frames], size)  # (G, K)
    ended = trajectories.per_group(frames, codes[frames], size, arrived)
    visited = np.bincount(codes, minlength=size)
    counted = seen.sum(0)
    with np.errstate(invalid="ignore"):
        left_out = 1 - counted / visited
    return trajectories.estimate(np.divide, ended, seen), counted.astype(int), left_out
