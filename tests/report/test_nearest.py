"""Which model is nearest, and which one is further by more than chance."""

import math

import numpy as np
import pytest

from mdllm.report.nearest import excess, table


def row(value: float, error: float, reference: float = 10.0, reference_error: float = 0.0, quantity: str = "A") -> dict:
    combined = math.hypot(error, reference_error)
    return {
        "quantity": quantity,
        "value": value,
        "reference": reference,
        "standard_error": error,
        "combined_standard_error": combined,
        "distance": (value - reference) / combined,
    }


def test_on_one_side_of_the_reference_its_error_does_not_count():
    for reference_error in (0.0, 5.0):
        found = excess({"a": row(13, 0.3, 10, reference_error), "b": row(12, 0.4, 10, reference_error)})
        assert found == {"a": pytest.approx(1 / 0.5), "b": 0.0}


def test_with_the_reference_between_them_its_error_counts_twice_over():
    found = excess({"a": row(13, 0.3, 10, 2.0), "b": row(8, 0.4, 10, 2.0)})
    assert found == {"a": pytest.approx(1 / math.sqrt(0.3**2 + 0.4**2 + 4 * 2.0**2)), "b": 0.0}


@pytest.mark.parametrize("other", [14.0, 7.5])
def test_the_error_is_the_spread_of_many_repetitions(other):
    draw = np.random.default_rng(0).normal
    reference, near, far = (draw(mean, sd, 100_000) for mean, sd in ((10, 0.2), (11, 0.1), (other, 0.15)))
    spread = np.std(abs(far - reference) - abs(near - reference))
    mean = abs(other - 10) - 1
    assert excess({"near": row(11, 0.1, 10, 0.2), "far": row(other, 0.15, 10, 0.2)})["far"] == pytest.approx(
        mean / spread, rel=0.02
    )


def test_equally_good_models_differ_by_chance_alone():
    draw = np.random.default_rng(1).normal
    further = []
    for _ in range(2000):
        found = excess({name: row(draw(12, 0.3), 0.3, 10, 0.5) for name in "ab"})
        further += [value for value in found.values() if value]
    assert np.mean(np.array(further) <= 2) == pytest.approx(0.954, abs=0.015)


def test_what_cannot_be_judged_is_not():
    missing = {**row(9, 1), "value": None, "distance": None}
    assert excess({"a": missing, "b": row(9, 1)}) == {"a": None, "b": 0.0}
    assert excess({"a": missing}) == {"a": None}


def test_models_without_errors_of_their_own():
    exact = {"reference": 10.0, "reference_error": 1.0}
    assert excess({"a": row(12, 0.0, **exact), "b": row(11, 0.0, **exact), "c": row(11, 0.0, **exact)}) == {
        "a": math.inf,
        "b": 0.0,
        "c": 0.0,
    }


def test_the_table_names_the_nearest_of_each_quantity():
    def summary(alpha: float, passage: float, slowest: float) -> dict:
        comparisons = {
            "populations": [row(alpha, 0.03, 0.4, 0.04, "alpha")],
            "mfpt_ps": [row(passage, 3.0, 20.0, 4.0, "alpha -> beta")],
            "slowest_timescale_ps": row(slowest, 1.0, 30.0),
        }
        return {"kinetics": {"reference": "md", "comparisons": {"model": comparisons}}}

    lines = table({"lstm": summary(0.45, 20, 32), "nanogpt": summary(0.40, 30, 31)}).splitlines()
    assert lines[0] == "| quantity | lstm | nanogpt |"
    assert lines[2] == "| population of alpha | 1.00 (1.2) | 0.00 (nearest) |"
    assert lines[3] == "| MFPT alpha -> beta | 0.00 (nearest) | 2.00 (2.4) |"
    assert lines[4] == "| slowest timescale | 2.00 (0.7) | 1.00 (nearest) |"
    assert lines[5] == "| MFPTs together | 0.00 | 2.00 |"
    assert (
        lines[6] == "| populations, MFPTs and timescale together | 1.29 | 1.29 |"
    )  # sqrt((1 + 0 + 4) / 3), sqrt((0 + 4 + 1) / 3)
    assert lines[-1].startswith("Distances from MD in combined standard errors; together: their root mean square.")


def test_what_is_missing_is_not_left_out_of_the_whole():
    missing = {**row(9, 1), "value": None, "distance": None}
    comparisons = {"populations": [row(9, 1)], "mfpt_ps": [missing], "slowest_timescale_ps": row(9, 1)}
    lines = table({"lstm": {"kinetics": {"reference": "md", "comparisons": {"model": comparisons}}}}).splitlines()
    assert "| MFPTs together | none |" in lines
    assert "| populations, MFPTs and timescale together | none |" in lines


def test_a_single_model_stands_alone():
    comparisons = {"populations": [row(9, 1)], "mfpt_ps": [row(9, 1)], "slowest_timescale_ps": row(9, 1)}
    text = table({"main": {"kinetics": {"reference": "md", "comparisons": {"model": comparisons}}}})
    assert "| population of A | 1.00 |" in text.splitlines()
    assert "nearest" not in text
