"""The axis of a torsion is cut where nothing is."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from mdllm.figures.axis import VariableAxis

DESCRIPTION = {
    "columns": {
        "psi_rad": {"label": "ψ1", "unit": "rad", "periodic": True},
        "d_nm": {"label": "CA1–CA5 distance", "unit": "nm", "periodic": False},
    }
}


def spread(centre, count=2000):
    values = np.random.default_rng(0).normal(centre, 0.2, count)
    return np.angle(np.exp(1j * values))


def test_values_about_pi_stay_together():
    values = spread(3.1)
    axis = VariableAxis.of(DESCRIPTION, "psi_rad", [values])
    assert np.ptp(values) > 6
    assert np.ptp(axis.fold(values)) < 2
    assert axis.span[1] - axis.span[0] < 2
    assert axis.outside(values).mean() < 0.01


def test_folding_moves_values_by_whole_turns():
    values = spread(2.9)
    axis = VariableAxis.of(DESCRIPTION, "psi_rad", [values])
    np.testing.assert_allclose(np.cos(axis.fold(values)), np.cos(values), atol=1e-12)
    assert axis.fold(values).min() >= axis.start
    assert axis.fold(values).max() < axis.start + 2 * np.pi


def test_a_large_group_does_not_hide_a_small_one():
    axis = VariableAxis.of(DESCRIPTION, "psi_rad", [spread(0.0, 100_000), spread(2.0, 50)])
    assert axis.outside(np.array([0.0, 2.0])).sum() == 0


@pytest.mark.parametrize("bounds", [[2.5, -2.5], [-1.0, 1.0], [3.0, 3.1], [-3.1416, 0.0], [0.0, 3.1416]])
def test_pieces_of_an_interval_hold_exactly_its_values(bounds):
    axis = VariableAxis.of(DESCRIPTION, "psi_rad", [np.linspace(-np.pi, np.pi, 5000), spread(1.0)])
    low, high = bounds
    values = np.linspace(-3.14, 3.14, 4001)
    inside = (values >= low) & (values < high) if low < high else (values >= low) | (values < high)
    drawn = axis.fold(values)
    covered = np.any([(drawn >= start) & (drawn < start + size) for start, size in axis.pieces(bounds)], axis=0)
    assert (covered != inside)[~axis.outside(values)].mean() < 0.003


def test_ticks_are_named_within_one_turn():
    axis = VariableAxis.of(DESCRIPTION, "psi_rad", [spread(3.1)])
    figure, ax = plt.subplots()
    axis.set_scale(ax, "y")
    names = {
        round(tick, 3): label.get_text() for tick, label in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)
    }
    plt.close(figure)
    assert "π" in names.values()
    for tick, name in names.items():
        folded = (tick + np.pi) % (2 * np.pi) - np.pi
        expected = {"π": np.pi, "−3π/4": -0.75 * np.pi, "3π/4": 0.75 * np.pi, "π/2": np.pi / 2, "−π/2": -np.pi / 2}[
            name
        ]
        assert abs(abs(folded) - abs(expected)) < 0.01


def test_a_distance_is_not_folded():
    axis = VariableAxis.of(DESCRIPTION, "d_nm", [np.array([0.5, 9.0])], [[0.1, 0.4]])
    assert axis.fold(np.array([9.0])) == 9.0
    assert axis.span[0] < 0.1
    assert axis.text() == "CA1–CA5 distance (nm)"
    assert axis.text(two_lines=True) == "CA1–CA5\ndistance (nm)"
