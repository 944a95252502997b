"""Markov models: known chains to 1e-6, openly restricted data, posteriors that cover."""

import numpy as np
import pytest

from analysis.chains import HIERARCHY, discrete, double_well, masks, sample, two_state
from mdllm.analysis.kinetics import lag_models
from mdllm.analysis.kinetics.lag_models import fit_lags
from mdllm.analysis.kinetics.markov_models import MarkovModel, NoMarkovModel, fit, interval, posterior
from mdllm.core.errors import InputError


def test_two_states_have_their_closed_form():
    p, q, lag_ps = 0.02, 0.05, 0.2
    model = MarkovModel.of_matrix(two_state(p, q), lag_ps)
    sets = masks(2, A=[0], B=[1])
    assert model.timescales_ps(1)[0] == pytest.approx(-lag_ps / np.log(1 - p - q), rel=1e-9)
    assert model.mfpt_ps(sets["A"], sets["B"]) == pytest.approx(lag_ps / p, rel=1e-9)
    assert model.mfpt_ps(sets["B"], sets["A"]) == pytest.approx(lag_ps / q, rel=1e-9)
    np.testing.assert_allclose(model.populations, [q / (p + q), p / (p + q)], rtol=1e-9)


def test_timescales_do_not_depend_on_the_lag_of_a_markov_chain():
    once = MarkovModel.of_matrix(HIERARCHY, 0.1).timescales_ps(3)
    seventh = MarkovModel.of_matrix(np.linalg.matrix_power(HIERARCHY, 7), 0.7).timescales_ps(3)
    np.testing.assert_allclose(seventh, once, rtol=1e-6)
    eigenvalues = np.sort(np.linalg.eigvals(HIERARCHY).real)[::-1]
    np.testing.assert_allclose(once, -0.1 / np.log(eigenvalues[1:]), rtol=1e-6)


def test_mfpt_between_sets_solves_its_equation():
    matrix, sets = double_well(), masks(20, left=[3, 4, 5], right=[13, 14])
    model = MarkovModel.of_matrix(matrix, 2.0)
    outside = ~sets["right"]
    times = np.linalg.solve(np.eye(outside.sum()) - matrix[np.ix_(outside, outside)], np.full(outside.sum(), 2.0))
    weight = np.where(sets["left"], model.populations, 0)[outside]
    assert model.mfpt_ps(sets["left"], sets["right"]) == pytest.approx(weight @ times / weight.sum(), rel=1e-6)


def test_probabilities_between_sets_are_those_of_the_chain():
    sets = np.array(list(masks(4, pair=[0, 1], other=[2, 3]).values()))
    model = MarkovModel.of_matrix(HIERARCHY, 1.0)
    powered = np.linalg.matrix_power(HIERARCHY, 5)
    expected = model.populations[:2] @ powered[:2, 2:].sum(1) / model.populations[:2].sum()
    result = model.transition_probabilities(sets, 5)
    assert result[0, 1] == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(result.sum(1), 1, rtol=1e-9)


def test_a_fit_of_much_data_finds_the_chain():
    codes = sample(HIERARCHY, 400, 2000)
    model, exact = fit(list(codes), 3, 0.5, 4), MarkovModel.of_matrix(HIERARCHY, 0.5)
    np.testing.assert_allclose(model.timescales_ps(3), exact.timescales_ps(3), rtol=0.03)
    assert model.lag_ps == 1.5
    assert model.share_kept == 1
    sets = masks(4, A=[0], D=[3])
    assert model.mfpt_ps(*sets.values()) == pytest.approx(
        MarkovModel.of_matrix(np.linalg.matrix_power(HIERARCHY, 3), 1.5).mfpt_ps(*sets.values()), rel=0.03
    )


def test_a_never_visited_code_is_no_state_of_the_model():
    codes = sample(two_state(0.1, 0.1), 20, 200) * 2  # codes 0 and 2 of four
    model = fit(list(codes), 1, 1.0, 4)
    assert list(model.codes) == [0, 2]
    assert model.share_kept == 1
    np.testing.assert_array_equal(np.isnan(model.populations_of_codes(4)), [False, True, False, True])
    sets = masks(4, A=[0], B=[2], never=[1, 3])
    assert np.isfinite(model.mfpt_ps(sets["A"], sets["B"]))
    assert np.isnan(model.mfpt_ps(sets["A"], sets["never"]))
    probabilities = model.transition_probabilities(np.array(list(sets.values())), 2)
    np.testing.assert_array_equal(np.isnan(probabilities), [[0, 0, 1], [0, 0, 1], [1, 1, 1]])
    assert np.isnan(model.timescales_ps(3)[1:]).all()


def test_disconnected_data_keeps_its_larger_part_and_says_how_much():
    """Three codes visited little, two visited often: what counts is data, not the number of codes."""
    often = list(sample(two_state(0.1, 0.1), 30, 101))
    seldom = list(2 + np.tile([0, 1, 2, 1, 0], (2, 20)))
    model = fit([*often, *seldom], 1, 1.0, 5)
    assert list(model.codes) == [0, 1]
    assert model.share_kept == pytest.approx(3000 / (3000 + 2 * 99))


def test_data_without_a_way_back_is_an_error_that_says_so():
    with pytest.raises(NoMarkovModel, match="no two of the 3 visited codes are connected"):
        fit([np.array([0, 0, 0, 1, 1, 2])], 1, 1.0, 3)


def test_the_posterior_is_seeded_and_covers_the_truth():
    exact = MarkovModel.of_matrix(HIERARCHY, 1.0).timescales_ps(1)[0]
    inside = 0
    for seed in range(30):
        codes = list(sample(HIERARCHY, 40, 400, seed=100 + seed))
        low, high = interval(posterior(codes, 1, 1.0, 4, 60, seed), lambda m: m.timescales_ps(1), 0.9)
        inside += low[0] < exact < high[0]
    assert 22 <= inside <= 30
    again = interval(posterior(codes, 1, 1.0, 4, 60, seed), lambda m: m.timescales_ps(1), 0.9)
    assert (low[0], high[0]) == (again[0][0], again[1][0])


def test_models_by_lag_come_with_their_runs():
    trajectories = discrete(sample(HIERARCHY, 50, 300), 4)
    fitted = fit_lags(trajectories, [5, 1, 5], samples=20, seed=0)
    assert list(fitted) == [1, 5]
    assert len(fitted[5].samples) == 20
    spread = fitted[5].spread(lambda model: model.timescales_ps(2))
    of_runs = [fit(trajectories.of_run(run), 5, 1.0, 4).timescales_ps(2) for run in range(5)]
    np.testing.assert_allclose(spread.sd_runs, np.std(of_runs, axis=0, ddof=1))
    np.testing.assert_allclose(spread.standard_error, np.std(of_runs, axis=0, ddof=1) / np.sqrt(5))
    np.testing.assert_array_equal(spread.runs, [5, 5])


def test_a_lag_longer_than_a_trajectory_is_refused_before_counting():
    with pytest.raises(InputError, match="the longest trajectory has 30 frames"):
        fit_lags(discrete(sample(HIERARCHY, 10, 30), 4), [1, 30], samples=10, seed=0)


def test_a_run_that_connects_nothing_has_no_model():
    moving, still = sample(two_state(0.2, 0.2), 8, 50), np.zeros((2, 50), dtype=int)
    codes = [*moving[:4], still[0], *moving[4:], still[1]]  # run 4 of 5 never moves
    fitted = fit_lags(discrete(codes, 2), [1], samples=10, seed=0)[1]
    assert [model is None for model in fitted.runs] == [False] * 4 + [True]
    spread = fitted.spread(lambda model: model.timescales_ps(1)[0])
    of_runs = [model.timescales_ps(1)[0] for model in fitted.runs[:4]]
    assert spread.runs == 4
    assert spread.standard_error == pytest.approx(np.std(of_runs, ddof=1) / 2)


def test_an_error_in_a_run_is_no_missing_model(monkeypatch):
    """Only data without a model make a run without one; whatever else goes wrong ends the stage."""
    calls = []

    def fails_on_the_first_run(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise InputError("something else")
        return fit(*arguments)

    monkeypatch.setattr(lag_models, "fit", fails_on_the_first_run)
    with pytest.raises(InputError, match="something else"):
        fit_lags(discrete(sample(HIERARCHY, 50, 300), 4), [1], samples=5, seed=0)
