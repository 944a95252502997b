"""Direct counts against chains whose kinetics are known."""

import numpy as np
import pytest

from analysis.chains import HIERARCHY, discrete, double_well, masks, sample, two_state
from mdllm.analysis.kinetics.markov_models import MarkovModel
from mdllm.analysis.kinetics.passages import (
    NONE,
    committors,
    mean_passage_times,
    passage_times,
    state_numbers,
    transition_counts,
)


def passage(trajectories, start: int = 0, end: int = 1, state=None):
    state = np.arange(trajectories.codebook_size) if state is None else np.array(state)
    return passage_times(trajectories, state, state.max() + 1, end)[start]


def expected_sums(matrix: np.ndarray, end: int, horizon: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Starts, followed times and continuations of endless data of a chain whose states are the named ones."""
    outside = np.arange(len(matrix)) != end
    survive = np.linalg.matrix_power(np.where(outside[:, None] & outside, matrix, 0), horizon)
    steps = [np.linalg.matrix_power(np.where(outside[:, None] & outside, matrix, 0), k) for k in range(horizon)]
    starts = 1e6 * outside
    return starts, starts * np.sum(steps, axis=0).sum(1), starts[:, None] * survive


@pytest.mark.parametrize("horizon", [1, 3, 40])
def test_a_markov_chain_has_its_exact_times_whatever_the_horizon(horizon):
    times = mean_passage_times(*expected_sums(HIERARCHY, 3, horizon))
    chain, codes = MarkovModel.of_matrix(HIERARCHY, 1.0), np.arange(4)
    exact = [chain.mfpt_ps(codes == start, codes == 3) for start in range(3)]
    np.testing.assert_allclose(times[:3], exact, rtol=1e-6)
    assert np.isnan(times[3])


def test_a_state_that_never_leads_to_the_end_has_no_mean():
    starts, followed = np.array([10.0, 10.0, 0.0]), np.array([50.0, 50.0, 0.0])
    continued = np.array([[5.0, 0, 0], [0, 10, 0], [0, 0, 0]])
    times = mean_passage_times(starts, followed, continued)
    assert times[0] == pytest.approx(5 / 0.5, rel=1e-9)
    assert np.isnan(times[1:]).all()


def test_a_state_without_followed_starts_is_stood_for_by_the_others():
    starts, followed = np.array([10.0, 0.0]), np.array([50.0, 0.0])
    assert mean_passage_times(starts, followed, np.array([[4.0, 1], [0, 0]]))[0] == pytest.approx(10, rel=1e-9)


def test_with_nowhere_known_to_go_on_a_start_stays():
    """Two of three starts go on, all in a state in which none was followed: m = 10 + 2/3 m."""
    times = mean_passage_times(np.array([3.0, 0]), np.array([30.0, 0]), np.array([[0.0, 2], [0, 0]]))
    np.testing.assert_allclose(times, [30, np.nan], rtol=1e-9)


def test_a_single_start_counts_as_one():
    """One start of ten goes on, in a state of which one was followed and passed after three frames: m = 5 + 3 / 10."""
    times = mean_passage_times(np.array([10.0, 1]), np.array([50.0, 3]), np.array([[0.0, 1], [0, 0]]))
    np.testing.assert_allclose(times, [5.3, 3], rtol=1e-6)


def test_two_states_pass_after_one_over_p():
    trajectories = discrete(sample(two_state(0.02, 0.05), 200, 1000), 2, interval_ps=0.5)
    for start, end, exact in ((0, 1, 0.5 / 0.02), (1, 0, 0.5 / 0.05)):
        mean = passage(trajectories, start, end).mean_ps
        assert abs(mean.value - exact) < 3 * mean.standard_error
        assert mean.standard_error < 0.05 * exact


def test_times_and_their_errors_are_in_ps():
    codes = sample(two_state(0.05, 0.05), 40, 200)
    found = [passage(discrete(codes, 2, interval_ps=interval)).mean_ps for interval in (1.0, 0.5)]
    for name in ("value", "sd_runs", "standard_error"):
        in_frames, in_ps = (getattr(mean, name) for mean in found)
        assert in_frames > 0
        assert in_ps == pytest.approx(0.5 * in_frames)


def test_trajectories_shorter_than_the_passage_are_unbiased():
    """Most starts never finish: the mean of those that do is below 30."""
    found = passage(discrete(sample(two_state(0.004, 0.004), 4000, 60, seed=1), 2))
    assert found.unfinished == pytest.approx(0.996**15, abs=0.01)
    assert abs(found.mean_ps.value - 250) < 3 * found.mean_ps.standard_error
    assert found.mean_ps.standard_error < 15


def test_two_timescales_in_short_trajectories_are_unbiased():
    """A passes to B soon, or after a long visit of the other pair; an exponential tail would miss the second way."""
    slow = np.array(
        [[0.948, 0.05, 0.002, 0], [0.05, 0.948, 0, 0.002], [0.001, 0, 0.949, 0.05], [0, 0.001, 0.05, 0.949]]
    )
    codes = np.arange(4)
    exact = MarkovModel.of_matrix(slow, 1.0).mfpt_ps(codes == 0, codes == 1)
    found = passage(discrete(sample(slow, 4000, 200, seed=2), 4))
    assert exact > 2.5 / 0.05
    assert abs(found.mean_ps.value - exact) < 3 * found.mean_ps.standard_error
    assert found.mean_ps.standard_error < 0.1 * exact


def test_frames_between_states_are_continued_by_where_they_come_from():
    """Short trajectories, and most codes in no state: a frame between the states mostly returns to where it was."""
    matrix, sets = double_well(), masks(20, left=[3, 4, 5], right=[14, 15, 16])
    exact = MarkovModel.of_matrix(matrix, 1.0).mfpt_ps(*sets.values())
    found = passage(discrete(sample(matrix, 3000, 400, seed=5), 20), state=state_numbers(sets))
    assert found.unfinished > 0.8
    assert abs(found.mean_ps.value - exact) < 3 * found.mean_ps.standard_error
    assert found.mean_ps.standard_error < 0.1 * exact


def test_lengths_may_differ():
    codes = sample(two_state(0.01, 0.01), 600, 400, seed=2)
    cut = [row[: 20 + (37 * i) % 380] for i, row in enumerate(codes)]
    mean = passage(discrete(cut, 2)).mean_ps
    assert abs(mean.value - 100) < 3 * mean.standard_error


def test_sets_in_a_rough_landscape_agree_with_the_chain():
    """A non-exponential passage: starts in a whole basin, with the share of each code as in equilibrium."""
    matrix, sets = double_well(), masks(20, left=[1, 2, 3, 4, 5], right=[14, 15, 16, 17, 18])
    exact = MarkovModel.of_matrix(matrix, 1.0).mfpt_ps(*sets.values())
    trajectories = discrete(sample(matrix, 300, 2000, seed=3), 20)
    mean = passage(trajectories, state=state_numbers(sets)).mean_ps
    assert abs(mean.value - exact) < 3 * mean.standard_error
    assert mean.standard_error < 0.1 * exact


def test_the_standard_error_is_the_spread_of_repetitions():
    values, errors = [], []
    for seed in range(40):
        trajectories = discrete(sample(two_state(0.02, 0.02), 60, 200, seed=seed), 2)
        mean = passage(trajectories).mean_ps
        values.append(float(mean.value))
        errors.append(float(mean.standard_error))
    assert np.mean(errors) == pytest.approx(np.std(values, ddof=1), rel=0.3)


def test_no_passage_has_no_mean():
    found = passage(discrete([[0] * 20] * 10, 2))
    assert np.isnan(found.mean_ps.value)
    assert (found.passages, found.unfinished) == (0, 1)


def test_many_starts_of_one_passage_are_one_observation():
    found = passage(discrete([[0, 0, 0, 1, 1, 0, 1, 1], [1] * 8], 2, runs=2))
    assert found.passages == 2
    # Followed for two frames: 2, 2, 1, 1; the first of them goes on, with the mean itself.
    assert found.mean_ps.value == pytest.approx((2 + 2 + 1 + 1) / 3)


def transitions(codes, state, commit=1, runs=2):
    state = np.array(state)
    return transition_counts(discrete(codes, len(state), runs=runs), state, state.max() + 1, commit).sum(0)


def test_a_transition_counts_when_the_visit_lasts():
    path = [[0, 0, 0, 1, 0, 0, 1, 1, 1, 0]]
    np.testing.assert_array_equal(transitions(path, [0, 1], 1), [[0, 2], [2, 0]])
    np.testing.assert_array_equal(transitions(path, [0, 1], 2), [[0, 1], [1, 0]])
    np.testing.assert_array_equal(transitions(path, [0, 1], 4), np.zeros((2, 2)))


def test_frames_outside_of_all_states_belong_to_the_last_one():
    state = [0, 1, NONE]
    np.testing.assert_array_equal(transitions([[2, 0, 2, 2, 0, 2, 1, 2, 2]], state, 3), [[0, 1], [0, 0]])


def test_no_transition_leads_from_one_trajectory_to_the_next():
    np.testing.assert_array_equal(transitions([[0, 0], [1, 1], [1, 0]], [0, 1]), [[0, 0], [1, 0]])


def test_transitions_of_a_chain_come_at_the_equilibrium_flux():
    codes = sample(HIERARCHY, 200, 1000, seed=4)
    counts = transitions(codes, [0, 1, 2, 3], runs=5)
    steps = 200 * 999
    expected = steps * HIERARCHY / 4
    off = ~np.eye(4, dtype=bool)
    populations = MarkovModel.of_matrix(HIERARCHY, 1.0).populations
    expected = steps * populations[:, None] * HIERARCHY
    np.testing.assert_array_less(np.abs(counts - expected)[off], 5 * np.sqrt(expected[off]) + 1)


def test_committors_are_those_of_the_chain_and_count_both_ends():
    """Of a random walk on 0 ... 5 with equal steps, code k comes to 5 before 0 with probability k / 5."""
    walk = np.eye(6, k=1) + np.eye(6, k=-1)
    walk[0, 0] = walk[5, 5] = 1
    walk /= 2
    trajectories = discrete(sample(walk, 100, 500), 6)
    state = np.array([0, NONE, NONE, NONE, NONE, 1])
    found, frames, left_out = committors(trajectories, state, 0, 1)
    exact = np.arange(6) / 5
    assert np.all(np.abs(found.value - exact)[1:5] < 3.5 * found.standard_error[1:5])
    assert np.all(found.standard_error[1:5] < 0.03)
    assert found.value[[0, 5]].tolist() == [0, 1]
    model = MarkovModel.of_matrix(walk, 1.0)
    np.testing.assert_allclose(model.committor(*(np.arange(6) == end for end in (0, 5))), exact, atol=1e-9)
    assert np.isnan(model.committor(np.zeros(6, bool), np.arange(6) == 5)).all()
    assert frames.sum() == round((1 - left_out) @ np.bincount(trajectories.concatenated))


def test_a_frame_before_neither_end_has_no_committor():
    found, frames, left_out = committors(
        discrete([[1, 0, 1, 2, 1], [1] * 5], 4, runs=2), np.array([0, NONE, 1, NONE]), 0, 1
    )
    assert found.value[:3].tolist() == [0, 0.5, 1]
    assert np.isnan(found.value[3])
    assert frames.tolist() == [1, 2, 1, 0]
    assert left_out[1] == pytest.approx(6 / 8)
