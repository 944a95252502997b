"""Walkers in a model potential: what the table holds, and that they end up where they should."""

import numpy as np
import pytest
from pydantic import ValidationError

from mdllm.config.settings.system import Observables
from mdllm.simulation.potentials.potentials import POTENTIALS, Potential
from mdllm.simulation.potentials.settings import PotentialSource
from mdllm.simulation.potentials.walkers import simulate_walkers

OBSERVABLES = Observables.model_validate(
    {
        "collective_variables": {
            "x": {"type": "coordinate", "axis": "x"},
            "height": {"type": "coordinate", "axis": "y"},
        },
        "states": {"left": {"x": [-9, 0]}, "right": {"x": [0, 9]}},
    }
)


def source(**changes):
    values = {"type": "potential", "walkers": 8, "frames": 5, "equilibration": 0, "save_interval": 0.1}
    return PotentialSource(**{**values, **changes})


def test_a_segment_is_a_walker_and_times_are_those_of_frames():
    table = simulate_walkers(source(), OBSERVABLES)
    assert list(table) == ["frame", "time_ps", "segment", "state", "x", "height"]
    assert table["frame"].tolist() == list(range(40))
    assert (table["state"] == np.where(table["x"] < 0, "left", "right")).all()
    assert table.groupby("segment")["time_ps"].apply(list).tolist() == [pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])] * 8


def test_as_many_walkers_start_in_each_well():
    table = simulate_walkers(source(save_interval=0.05), OBSERVABLES)
    first = table.groupby("segment")[["x", "height"]].first().to_numpy()
    wells = np.array(list(POTENTIALS["four_state"].wells.values()))
    nearest = ((first[:, None] - wells) ** 2).sum(-1).argmin(1)
    assert np.bincount(nearest).tolist() == [2, 2, 2, 2]


def test_a_frame_is_a_whole_number_of_steps():
    with pytest.raises(ValidationError, match=r"save_interval \(0.12\) must be a whole multiple of time_step \(0.05\)"):
        source(save_interval=0.12)


def test_the_seed_decides():
    once, again, other = (simulate_walkers(source(seed=seed), OBSERVABLES) for seed in (0, 0, 1))
    assert once.equals(again)
    assert not np.allclose(once["x"], other["x"])


def test_walkers_relax_to_the_boltzmann_distribution_of_their_well():
    """Mean energy above the bottom of a well, against the Boltzmann average over the basin on a grid."""
    beta, potential = 9.5, POTENTIALS["four_state"]
    table = simulate_walkers(source(walkers=2000, frames=4, save_interval=10.0, beta=beta), OBSERVABLES)
    simulated = potential.energy(table[["x", "height"]].to_numpy().T).mean()
    axis = np.linspace(-4, 4, 401)
    energy = potential.energy(np.array(np.meshgrid(axis, axis)))
    weights = np.exp(-beta * (energy - energy.min()))
    assert simulated == pytest.approx((weights * energy).sum() / weights.sum(), abs=0.005)


def test_rate_and_width_of_a_harmonic_well_are_off_by_the_square_of_the_step_only(monkeypatch):
    """Ornstein-Uhlenbeck from x = 1, stiffness 1: mean exp(-t), then variance 1 / beta. A step of 0.2 would make the
    mean of a first-order scheme 0.8^5 = 0.328 in place of 0.368 at t = 1."""
    harmonic = Potential(lambda points: (points**2).sum(0) / 2, lambda points: -points, {"O": (1.0, 0.0)}, box=4.0)
    monkeypatch.setitem(POTENTIALS, "four_state", harmonic)
    table = simulate_walkers(source(walkers=20000, frames=8, save_interval=1.0, time_step=0.2, beta=4.0), OBSERVABLES)
    mean, width = (getattr(table.groupby("time_ps")["x"], name)().to_numpy() for name in ("mean", "var"))
    assert mean[0] == pytest.approx(np.exp(-1), abs=0.012)
    assert width[-1] == pytest.approx(0.25, rel=0.03)
