"""The stage: the chain of MD agrees with itself, a slower one does not, and what is missing says so."""

import json
from dataclasses import replace

import jsonschema
import numpy as np
import pandas as pd
import pytest

from analysis.chains import sample
from analysis.kinetics_run import SETTINGS, TRAINING, analyze, four_states, lazier, psi_bins, write_exact, write_inputs
from mdllm.analysis.kinetics.markov_models import MarkovModel, fit
from mdllm.core.errors import InputError
from mdllm.core.records import write_npz
from mdllm.schemas import render

pytestmark = pytest.mark.slow  # chains are sampled and analyzed first

CHAIN = four_states()
TABLES = ("populations", "timescales", "mfpt", "transitions", "committor", "chapman_kolmogorov")


def tables(output):
    return {name: pd.read_csv(output / "kinetics" / f"{name}.csv") for name in TABLES}


@pytest.fixture(scope="module")
def same(tmp_path_factory):
    """Output of a model that is the chain of MD itself."""
    folder = tmp_path_factory.mktemp("same")
    return analyze(write_inputs(folder, CHAIN, sample(CHAIN.matrix, 50, 400, seed=9)), folder / "results")


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    """Output of a model with the right populations that is four times as slow."""
    folder = tmp_path_factory.mktemp("slow")
    generated = sample(lazier(CHAIN.matrix, 0.75), 100, 800, seed=9)
    return analyze(write_inputs(folder, CHAIN, generated), folder / "results")


def model_of(output):
    return json.loads((output / "summary.json").read_text())["kinetics"]["comparisons"]["model"]


def test_the_chain_itself_agrees_with_md(same):
    found = model_of(same)
    for row in (*found["populations"], *found["mfpt_ps"]):
        assert abs(row["distance"]) < 4, row
    assert abs(found["slowest_timescale_ps"]["distance"]) < 4
    near, passages = (sum(abs(row["distance"]) <= 2 for row in found[key]) for key in ("populations", "mfpt_ps"))
    counts = f"{near} of 4 populations and {passages} of 12 MFPTs"
    assert found["verdict"].startswith(f"{counts} within 2 combined standard errors of MD, slowest timescale")


def test_a_slow_model_is_found_out(slow):
    found = model_of(slow)
    assert all(abs(row["distance"]) < 4 for row in found["populations"])
    passages = [row for row in found["mfpt_ps"] if row["quantity"] == "A -> B"]
    assert passages[0]["relative_deviation"] == pytest.approx(3, abs=1)
    assert passages[0]["distance"] > 2
    assert found["slowest_timescale_ps"]["relative_deviation"] == pytest.approx(3, abs=1)
    assert "above" in found["verdict"]


def test_errors_of_several_trainings_hold_the_spread_between_them(same, tmp_path):
    """Three models, two and five times as slow as the first: pooled, they are no better known than that spread says."""
    shares = (0.0, 0.5, 0.8)
    generated = np.array([sample(lazier(CHAIN.matrix, share), 50, 400, seed=9) for share in shares])
    output = analyze(write_inputs(tmp_path, CHAIN, generated), tmp_path / "results")
    summary = json.loads((output / "summary.json").read_text())
    assert summary["training"]["trainings"] == 3
    assert summary["kinetics"]["runs"] == {"md": 5, "model": 3}
    assert summary["training"]["training_seconds"] == pytest.approx(3 * TRAINING["training_seconds"])
    one, several = (
        tables(folder)["mfpt"].query("source == 'model' and method == 'direct'") for folder in (same, output)
    )
    assert several["standard_error"].median() > 2 * one["standard_error"].median()


def test_tables_hold_the_kinetics_of_the_chain_in_ps(same):
    found, exact = tables(same), MarkovModel.of_matrix(CHAIN.matrix, CHAIN.interval_ps)
    state = found["populations"].query("source == 'md' and level == 'state'").set_index("name")
    np.testing.assert_array_less(
        abs(state["population"] - exact.populations), 4 * state["standard_error"].to_numpy() + 1e-9
    )
    assert state["population"].sum() == pytest.approx(1)
    energy = -np.log(state["population"])
    np.testing.assert_allclose(state["free_energy_kt"], energy - energy.min())
    slowest = found["timescales"].query("source == 'md' and process == 1")
    assert list(slowest["lag_ps"]) == [5.0, 10.0, 25.0, 50.0, 100.0]
    np.testing.assert_allclose(slowest["timescale_ps"], exact.timescales_ps(1)[0], rtol=0.35)
    assert (slowest["low"] < slowest["high"]).all()
    direct = found["mfpt"].query("source == 'md' and method == 'direct'").set_index(["start", "end"])
    codes = np.arange(4)
    for start, end in direct.index:
        row, truth = direct.loc[(start, end)], exact.mfpt_ps(codes == "ABCD".index(start), codes == "ABCD".index(end))
        assert abs(row["mfpt_ps"] - truth) < 4 * row["standard_error"], (start, end)
        assert row["passages"] > 20


def test_chapman_kolmogorov_of_a_markov_chain_holds(same):
    table = tables(same)["chapman_kolmogorov"]
    assert sorted(table["lag_ps"].unique()) == [25.0, 50.0, 75.0, 100.0]
    sums = table.groupby(["source", "start", "lag_ps"])["predicted"].sum()
    np.testing.assert_allclose(sums, 1)
    width = (table["high"] - table["low"]) / 4
    distance = (table["predicted"] - table["estimated"]) / np.hypot(table["standard_error"], width)
    assert (abs(distance) < 4).mean() > 0.97


def test_transitions_fall_with_the_commit_time(same):
    table = tables(same)["transitions"].query("source == 'md'")
    covered_ns = 80 * 500 * CHAIN.interval_ps / 1000
    np.testing.assert_allclose(table["per_ns"], table["count"] / covered_ns)
    for _, pair in table.groupby(["start", "end"]):
        assert pair["commit_ps"].is_monotonic_increasing
    total = table.groupby("commit_ps")["count"].sum()
    assert total.is_monotonic_decreasing


def test_the_summary_follows_its_schema(same):
    summary = json.loads((same / "summary.json").read_text())
    jsonschema.validate(summary, json.loads(render("summary")))
    assert summary["discovery"] is None
    summary = summary["kinetics"]
    assert summary["reference"] == "md"
    assert summary["nanoseconds"] == {"md": 200.0, "model": 100.0}
    assert summary["share_kept"] == {"md": 1.0, "model": 1.0}


def test_the_same_inputs_give_the_same_bytes(tmp_path, same):
    again = analyze(write_inputs(tmp_path, CHAIN, sample(CHAIN.matrix, 50, 400, seed=9)), tmp_path / "results")
    for file in (same / "kinetics").iterdir():
        assert (again / "kinetics" / file.name).read_bytes() == file.read_bytes(), file.name


def test_a_state_that_the_model_never_visits_is_reported(tmp_path):
    """The model stays in A and B; C and D fall out with a note, and MD is judged as before."""
    pair = CHAIN.matrix[:2, :2] / CHAIN.matrix[:2, :2].sum(1, keepdims=True)
    output = analyze(write_inputs(tmp_path, CHAIN, sample(pair, 20, 300)), tmp_path / "results")
    mfpt = tables(output)["mfpt"].query("source == 'model' and start == 'A' and end == 'C'").fillna({"note": ""})
    assert mfpt["mfpt_ps"].isna().all()
    assert set(mfpt["note"]) == {"no passage observed", "outside of the connected set: C"}
    populations = tables(output)["populations"].query("source == 'model' and level == 'state'").set_index("name")
    assert populations.loc["C", "population"] == 0
    assert np.isnan(populations.loc["C", "population_msm"])
    assert np.isnan(populations.loc["C", "free_energy_kt"])
    verdict = model_of(output)["verdict"]
    assert "2 MFPTs (10 more not judged)" in verdict


def test_errors_are_over_the_runs_that_have_a_value(tmp_path):
    """Two of five runs never leave the pair A, B: passages to C and the slow process stand on three."""
    pair = CHAIN.matrix[:2, :2] / CHAIN.matrix[:2, :2].sum(1, keepdims=True)
    whole, part = sample(CHAIN.matrix, 30, 400, seed=9), sample(pair, 20, 400)
    generated = np.array([(part if row % 5 in (1, 3) else whole)[row // 5 + 4 * (row % 5)] for row in range(20)])
    output = analyze(write_inputs(tmp_path, CHAIN, generated), tmp_path / "results")
    lag = SETTINGS.lag
    of_runs = [fit(list(generated[run::5]), lag, CHAIN.interval_ps, 4) for run in (0, 2, 4)]
    codes, found = np.arange(4), tables(output)
    rows = found["mfpt"].query(f"source == 'model' and lag_ps == {lag * CHAIN.interval_ps}").set_index(["start", "end"])
    expected = np.std([model.mfpt_ps(codes == 0, codes == 2) for model in of_runs], ddof=1) / np.sqrt(3)
    row = rows.loc[("A", "C")]
    assert row["standard_error"] == pytest.approx(expected)
    assert (row["runs"], row["note"]) == (3, "3 of 5 runs connect A and C")
    assert (rows.loc[("A", "B"), "runs"], rows["note"].isna()[("A", "B")]) == (5, True)
    slow = found["timescales"].query(f"source == 'model' and lag_ps == {lag * CHAIN.interval_ps}").set_index("process")
    values = [model.timescales_ps(3) for model in of_runs]
    assert slow.loc[3, "runs"] == 3
    assert slow.loc[3, "note"] == "3 of 5 runs connect enough codes for this process"
    assert slow.loc[3, "standard_error"] == pytest.approx(np.std(values, axis=0, ddof=1)[2] / np.sqrt(3))
    assert slow.loc[1, "runs"] == 5
    summary = model_of(output)["slowest_timescale_ps"]
    assert summary["standard_error"] == pytest.approx(slow.loc[1, "standard_error"])


def test_the_error_of_the_slowest_timescale_is_over_the_runs_that_have_one(tmp_path):
    """Two of five runs never move: they have no Markov model."""
    whole = sample(CHAIN.matrix, 20, 400, seed=9)
    still = np.array([row % 5 in (1, 3) for row in range(20)])
    generated = np.where(still[:, None], 0, whole)
    output = analyze(write_inputs(tmp_path, CHAIN, generated), tmp_path / "results")
    of_runs = [fit(list(generated[run::5]), SETTINGS.lag, CHAIN.interval_ps, 4) for run in (0, 2, 4)]
    expected = np.std([model.timescales_ps(1)[0] for model in of_runs], ddof=1) / np.sqrt(3)
    assert model_of(output)["slowest_timescale_ps"]["standard_error"] == pytest.approx(expected)


def test_a_model_that_never_leaves_a_state_is_a_result(tmp_path, caplog):
    output = analyze(write_inputs(tmp_path, CHAIN, np.full((20, 300), 2)), tmp_path / "results")
    found = tables(output)
    states = found["populations"].query("source == 'model' and level == 'state'").set_index("name")
    assert states["population"].to_dict() == {"A": 0, "B": 0, "C": 1, "D": 0}
    assert states["population_msm"].isna().all()
    assert found["timescales"].query("source == 'model'")["timescale_ps"].isna().all()
    assert found["mfpt"].query("source == 'model'")["mfpt_ps"].isna().all()
    assert (
        found["chapman_kolmogorov"].query("source == 'model' and start == 'C' and end == 'C'")["estimated"].eq(1).all()
    )
    assert "no two of the 1 visited codes are connected" in caplog.text
    verdict = model_of(output)["verdict"]
    assert verdict.endswith("slowest timescale not judged")
    assert "0 of 0 MFPTs (12 more not judged)" in verdict


def test_md_that_never_leaves_a_state_is_an_error(tmp_path):
    inputs = write_inputs(tmp_path, CHAIN, sample(CHAIN.matrix, 20, 300))
    tokens = dict(np.load(inputs.codes))
    write_npz(inputs.codes, **{**tokens, "codes": np.zeros_like(tokens["codes"])})
    with pytest.raises(InputError, match="no two of the 1 visited codes are connected"):
        analyze(inputs, tmp_path / "results")


def test_a_disconnected_model_is_restricted_with_its_share(tmp_path, caplog):
    codes = np.concatenate([sample(CHAIN.matrix[:2, :2] + [[0.01, 0], [0, 0.01]], 30, 300), np.full((10, 300), 3)])
    output = analyze(write_inputs(tmp_path, CHAIN, codes), tmp_path / "results")
    assert json.loads((output / "summary.json").read_text())["kinetics"]["share_kept"]["model"] == pytest.approx(0.75)
    assert "restricted to 2 connected codes with 75.00 % of the transitions" in caplog.text


def test_a_model_that_makes_every_fifth_frame_is_compared_in_ps(tmp_path, caplog):
    generated = sample(np.linalg.matrix_power(CHAIN.matrix, 5), 50, 400, seed=3)
    output = analyze(write_inputs(tmp_path, CHAIN, generated, {"frames_per_step": 5}), tmp_path / "results")
    found = tables(output)
    lags = found["timescales"].query("source == 'model' and process == 1")
    assert list(lags["lag_ps"]) == [25.0, 50.0, 100.0]
    exact = MarkovModel.of_matrix(CHAIN.matrix, CHAIN.interval_ps).timescales_ps(1)[0]
    np.testing.assert_allclose(lags["timescale_ps"], exact, rtol=0.3)
    assert list(found["transitions"].query("source == 'model'")["commit_ps"].unique()) == [25.0, 50.0]
    assert "model: lags of [1, 2] MD frames skipped: frames come every 25 ps" in caplog.text
    inputs, settings = write_inputs(tmp_path, CHAIN, generated, {"frames_per_step": 5}), {"lag": 4}
    with pytest.raises(InputError, match="choose a multiple of 5"):
        analyze(inputs, tmp_path / "other", SETTINGS.model_copy(update=settings))


def test_lags_beyond_the_trajectories_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"lag of 20 frames \(100 ps\): the longest trajectory has 15 frames"):
        analyze(write_inputs(tmp_path, CHAIN, sample(CHAIN.matrix, 50, 15)), tmp_path / "results")


def test_a_codebook_of_another_tokenizer_is_refused(tmp_path):
    inputs = write_inputs(tmp_path, CHAIN, sample(CHAIN.matrix, 50, 100))
    psi_bins().codebook.to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(InputError, match="one row for each of the codes 0 to 3"):
        analyze(replace(inputs, codebook=tmp_path / "other.csv"), tmp_path / "results")


def test_exact_kinetics_become_the_reference(tmp_path):
    """The exact tables here are those of the chain; MD is then judged beside the model."""
    inputs = write_inputs(tmp_path, CHAIN, sample(CHAIN.matrix, 50, 400, seed=9))
    exact, codes = MarkovModel.of_matrix(CHAIN.matrix, CHAIN.interval_ps), np.arange(4)
    folder, names = write_exact(tmp_path / "exact", CHAIN, SETTINGS.lags), list("ABCD")
    output = analyze(replace(inputs, exact=folder), tmp_path / "results")
    summary = json.loads((output / "summary.json").read_text())["kinetics"]
    assert set(summary["comparisons"]) == {"model", "md"}
    assert summary["slowest_timescale_exact_ps"] == pytest.approx(exact.timescales_ps(1)[0])
    own = tables(output)["mfpt"].query("source == 'model' and method == 'direct'").set_index(["start", "end"])
    for row in summary["comparisons"]["model"]["mfpt_ps"]:
        start, end = row["quantity"].split(" -> ")
        assert row["reference"] == pytest.approx(exact.mfpt_ps(codes == names.index(start), codes == names.index(end)))
        assert row["combined_standard_error"] == pytest.approx(own.loc[(start, end), "standard_error"])
    assert "of exact" in summary["comparisons"]["md"]["verdict"]
