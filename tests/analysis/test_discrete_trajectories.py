"""Trajectories of codes: segments, runs, blocks, and what is refused; errors over groups of them."""

from functools import partial

import numpy as np
import pytest

from analysis.chains import discrete
from mdllm.analysis.kinetics.discrete import of_md, of_rollouts
from mdllm.analysis.kinetics.groups import estimate, standard_deviation
from mdllm.core.errors import InputError


def tokens(codes, segment, size=5):
    return {"codes": np.array(codes)[:, None], "segment": np.array(segment), "interval_ps": 0.5, "codebook_size": size}


def test_a_change_of_segment_is_another_trajectory():
    md = of_md(tokens([0, 1, 2, 3, 4], [7, 7, 8, 7, 7]), runs=2)
    assert [list(codes) for codes in md.codes] == [[0, 1], [2], [3, 4]]
    assert md.interval_ps == 0.5
    assert [list(codes) for codes in md.of_run(0)] == [[0, 1], [3, 4]]


def test_without_an_interval_times_count_frames():
    content = tokens([0, 1, 2, 3, 4], [7, 7, 8, 7, 7]) | {"interval_ps": np.float64("nan")}
    assert of_md(content, runs=1).time_ps().sum() == 5


def test_too_few_trajectories_are_cut_into_blocks_one_per_run():
    md = of_md(tokens(np.arange(11) % 5, [0] * 4 + [1] * 7), runs=3)
    assert [len(codes) for codes in md.codes] == [2, 1, 1, 3, 2, 2]
    np.testing.assert_array_equal(np.concatenate(md.codes), np.arange(11) % 5)


def test_replicas_are_interleaved_over_runs():
    codes = np.arange(7)[:, None, None] * np.ones((1, 3, 1), dtype=np.int32)
    rollout = of_rollouts([codes], 2.0, 7, runs=3)
    assert [trajectory[0] for trajectory in rollout.of_run(1)] == [1, 4]
    assert rollout.groups % 3 == 0
    np.testing.assert_allclose(rollout.time_ps().sum(), 7 * 3 * 2.0)


def test_each_of_several_trainings_is_one_run():
    rollouts = [np.full((20, 3, 1), training, dtype=np.int32) for training in range(4)]
    together = of_rollouts(rollouts, 2.0, 4, runs=5)
    assert together.runs == 4
    frames = np.arange(len(together.concatenated))
    counts = together.per_group(frames, together.concatenated, 4)  # group g is in run g % 4
    np.testing.assert_array_equal(counts.reshape(-1, 4, 4).sum(0), 60 * np.eye(4))
    assert {int(codes[0]) for codes in together.of_run(2)} == {2}


def test_sums_over_groups_hold_every_frame_once():
    rng = np.random.default_rng(0)
    trajectories = discrete([rng.integers(4, size=n) for n in rng.integers(1, 30, size=23)], 4, runs=5)
    frames = np.arange(len(trajectories.concatenated))
    counts = trajectories.per_group(frames, trajectories.concatenated, 4)
    assert counts.shape == (trajectories.groups, 4) == (20, 4)
    of_run = counts.reshape(-1, 5, 4).sum(0)
    for run in range(5):
        np.testing.assert_array_equal(of_run[run], np.bincount(np.concatenate(trajectories.of_run(run)), minlength=4))


def test_starts_that_take_turns_are_spread_over_the_groups():
    """Walkers from four wells, one after the other: every group must hold walkers of every well."""
    trajectories = discrete([[i % 4] for i in range(1000)], 4, runs=5)
    counts = trajectories.per_group(np.arange(1000), trajectories.concatenated, 4)
    assert counts.min() >= 4


def test_a_code_outside_of_the_codebook_is_named():
    with pytest.raises(InputError, match=r"trajectory 1, frame 2: code 9 is outside of the codebook \(0 to 4\)"):
        discrete([[0, 1], [1, 2, 9]], 5)


def test_a_lag_longer_than_every_trajectory_is_refused():
    trajectories = discrete([[0, 1, 0], [1, 0, 1, 0]], 2, interval_ps=0.1)
    trajectories.require(3)
    with pytest.raises(InputError, match=r"lag of 4 frames \(0\.4 ps\).* 4 frames \(0\.4 ps\)"):
        trajectories.require(4)


def test_frames_of_several_codes_are_refused():
    with pytest.raises(InputError, match="these frames have 2"):
        of_rollouts([np.zeros((3, 4, 2), dtype=int)], 1.0, 2, runs=2)


def test_the_standard_error_of_a_mean_is_the_textbook_one():
    values = np.random.default_rng(0).normal(size=20)
    result = estimate(lambda s, n: s / n, 5, values, np.ones(20))
    assert result.value == pytest.approx(values.mean())
    assert result.standard_error == pytest.approx(values.std(ddof=1) / np.sqrt(20))
    of_runs = values.reshape(4, 5).mean(0)
    assert result.sd_runs == pytest.approx(of_runs.std(ddof=1))
    assert result.runs == 5


def test_runs_that_differ_widen_the_standard_error_and_runs_that_agree_by_chance_do_not_narrow_it():
    rng, ones = np.random.default_rng(0), np.ones(40)
    values = rng.normal(size=(10, 4))
    values -= values.mean(0)  # four runs of ten groups with one mean
    mean = partial(estimate, lambda s, n: s / n, 4)
    alone = values.std(ddof=1) / np.sqrt(40)
    assert mean(values.ravel(), ones, clustered=True).standard_error == pytest.approx(alone)
    shifted = values + np.array([0.0, 5.0, 10.0, 15.0])
    between = np.std([0.0, 5.0, 10.0, 15.0], ddof=1) / np.sqrt(4)
    assert mean(shifted.ravel(), ones, clustered=True).standard_error == pytest.approx(between)
    assert mean(shifted.ravel(), ones).standard_error < 0.5 * between


def test_runs_without_a_value_are_left_out_of_the_deviation():
    values = np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, 2.0]])
    deviation = standard_deviation(values)
    assert deviation[0] == pytest.approx(np.sqrt(2))
    assert np.isnan(deviation[1])
