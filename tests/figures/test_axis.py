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


@pytest.mark.parametrize(("size", "step"), [(2.0, 1), (6.2, 2)])
@pytest.mark.parametrize("start", [-3.1, -1.0, 1.0])
def test_a_tick_says_the_angle_where_it_stands(start, size, step):
    axis = VariableAxis("psi_rad", "ψ1", "rad", start, (start, start + size))
    eighths = {"−3π/4": -3, "−π/2": -2, "−π/4": -1, "0": 0, "π/4": 1, "π/2": 2, "3π/4": 3, "π": 4}
    ticks = axis.ticks()
    said = np.array([eighths[name] * np.pi / 4 for name in ticks.values()])
    np.testing.assert_allclose(np.exp(1j * said), np.exp(1j * np.array(list(ticks))), atol=1e-12)
    np.testing.assert_allclose(np.diff(list(ticks)), step * np.pi / 4)
    assert all(start <= tick <= start + size for tick in ticks)


def test_an_axis_is_a_little_wider_than_its_values():
    axis = VariableAxis.of(DESCRIPTION, "d_nm", [np.linspace(5.0, 6.0, 1001)])
    np.testing.assert_allclose(axis.span, [5.002 - 0.0608, 5.998 + 0.0608], atol=1e-3)


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
    assert axis.pieces([0.1, 0.4]) == [pytest.approx((0.1, 0.3))]
    assert VariableAxis.of(DESCRIPTION, "d_nm", [np.array([0.5, 9.0])], [[8.0, 20.0]]).span[1] > 20
    assert axis.text() == "CA1–CA5 distance (nm)"
    assert axis.text(two_lines=True) == "CA1–CA5\ndistance (nm)"
