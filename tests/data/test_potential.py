"""Walkers in a model potential: what the table holds, and that they end up where they should."""

import numpy as np
import pytest

from mdllm.core.kinetics_settings import PotentialSource
from mdllm.core.potentials import POTENTIALS
from mdllm.data.potential import simulate_walkers

AXES = {"x": "x", "height": "y"}


def source(**changes):
    values = {"type": "potential", "walkers": 8, "frames": 5, "equilibration": 0, "save_interval": 0.1}
    return PotentialSource(**{**values, **changes})


def test_a_segment_is_a_walker_and_times_are_those_of_frames():
    table = simulate_walkers(source(), AXES)
    assert list(table) == ["frame", "time_ps", "segment", "x", "height"]
    assert table["frame"].tolist() == list(range(40))
    assert table.groupby("segment")["time_ps"].apply(list).tolist() == [pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])] * 8


def test_as_many_walkers_start_in_each_well():
    table = simulate_walkers(source(save_interval=0.02), AXES)
    first = table.groupby("segment")[["x", "height"]].first().to_numpy()
    wells = np.array(list(POTENTIALS["four_state"].wells.values()))
    nearest = ((first[:, None] - wells) ** 2).sum(-1).argmin(1)
    assert np.bincount(nearest).tolist() == [2, 2, 2, 2]


def test_the_seed_decides():
    once, again, other = (simulate_walkers(source(seed=seed), AXES) for seed in (0, 0, 1))
    assert once.equals(again)
    assert not np.allclose(once["x"], other["x"])


def test_walkers_relax_to_the_boltzmann_distribution_of_their_well():
    """Mean energy above the bottom of a well, against the Boltzmann average over the basin on a grid."""
    beta, potential = 9.5, POTENTIALS["four_state"]
    table = simulate_walkers(source(walkers=2000, frames=4, save_interval=10.0, beta=beta), {"x": "x", "y": "y"})
    simulated = potential.energy(table[["x", "y"]].to_numpy().T).mean()
    axis = np.linspace(-4, 4, 401)
    energy = potential.energy(np.array(np.meshgrid(axis, axis)))
    weights = np.exp(-beta * (energy - energy.min()))
    assert simulated == pytest.approx((weights * energy).sum() / weights.sum(), abs=0.005)
