"""Baselines and frequencies against values computed by hand."""

import numpy as np
import pytest
from scipy.stats import chisquare

from language.toy import toy_series
from mdllm.language.baselines import evaluate, persistence_weight
from mdllm.language.frequencies import ResidueFrequencies
from mdllm.language.series import CodeSeries
from mdllm.language.windows import Split, split

CODES = np.array([[0, 1], [0, 2], [1, 2], [0, 2]])


def test_frequencies_of_a_counted_example():
    frequencies = ResidueFrequencies.fit(CODES, 3, smoothing=1.0)
    np.testing.assert_allclose(frequencies.probabilities, np.array([[4, 2, 1], [1, 2, 4]]) / 7)
    np.testing.assert_allclose(frequencies.of(np.array([[1, 0]])), [[2 / 7, 1 / 7]])
    np.testing.assert_allclose(frequencies.left_out(CODES)[0], [3 / 6, 1 / 6])


def test_smoothing_maximizes_the_leave_one_out_likelihood():
    codes = toy_series(60).codes
    best = ResidueFrequencies.fit(codes, 5)
    left_out = np.log(best.left_out(codes)).sum()
    for smoothing in np.geomspace(1e-3, 1e2, 60):
        assert np.log(ResidueFrequencies.fit(codes, 5, smoothing).left_out(codes)).sum() <= left_out + 1e-6


def test_left_out_is_a_fit_to_the_other_frames():
    codes = toy_series(20).codes
    left_out = ResidueFrequencies.fit(codes, 5, 0.3).left_out(codes)
    others = ResidueFrequencies.fit(np.delete(codes, 7, axis=0), 5, 0.3)
    np.testing.assert_allclose(left_out[7], others.of(codes[7:8])[0])


def test_samples_follow_the_frequencies_of_each_residue():
    frequencies = ResidueFrequencies.fit(CODES, 4, smoothing=0.0)
    drawn = frequencies.sample(np.random.default_rng(3), 4000)
    assert (drawn.shape, drawn.dtype) == ((4000, 2), np.int32)
    counts = np.stack([np.bincount(column, minlength=4) for column in drawn.T])
    assert (counts[frequencies.probabilities == 0] == 0).all()
    for row, probability in zip(counts, frequencies.probabilities, strict=True):
        assert chisquare(row[probability > 0], 4000 * probability[probability > 0]).pvalue > 1e-3


def test_persistence_weight_of_a_solvable_example():
    """Where frequencies are uniform over K, a share s of repeats gives w = (s - 1 / K) / (1 - 1 / K)."""
    same = np.arange(1000) < 600
    assert persistence_weight(np.full(1000, 0.25), same) == pytest.approx((0.6 - 0.25) / 0.75, abs=1e-4)


def test_losses_of_a_hand_computed_example():
    """Alternating codes 0 0 1 1: half of the steps repeat, and the judged frames are one of each kind."""
    codes = np.tile([0, 0, 1, 1], 26)[:, None]
    series = CodeSeries(codes, np.arange(104), np.zeros(104, int), 2)
    validation = np.array([100, 101])
    parts = Split(np.arange(98), validation, training_frames=100, judged=validation[:, None] + 1)
    result = evaluate(series, parts)
    p = result.persistence_weight
    assert result.frequencies == pytest.approx(np.log(2))
    assert result.persistence == pytest.approx(-(np.log(p + (1 - p) / 2) + np.log((1 - p) / 2)) / 2)


def test_persistence_does_not_pair_frames_across_a_gap():
    """Codes repeat only across gaps: a weight fitted on true neighbours is zero."""
    index = np.arange(120)
    codes = ((index + 1) // 2 % 4)[:, None]
    series = CodeSeries(codes, 3 * (index // 2) + index % 2, np.zeros(120, int), 4)
    stretches = series.stretches()
    assert stretches[0] == stretches[1] != stretches[2]
    assert evaluate(series, split(series, 1, 1, 0.2)).persistence_weight < 0.01


def test_persistence_helps_where_codes_dwell():
    result = evaluate(toy_series(2000), split(toy_series(2000), 5, 1, 0.2))
    assert result.persistence < result.frequencies - 0.02
