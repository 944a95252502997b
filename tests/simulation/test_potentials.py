"""Model potentials: forces are gradients, wells are wells."""

import numpy as np
import pytest

from mdllm.simulation.potentials.potentials import POTENTIALS


@pytest.mark.parametrize("name", POTENTIALS)
def test_the_force_is_minus_the_gradient(name):
    potential = POTENTIALS[name]
    points, step = np.random.default_rng(0).uniform(-3, 3, (2, 50)), 1e-5
    for axis in range(2):
        shift = step * np.eye(2)[:, [axis]]
        slope = (potential.energy(points + shift) - potential.energy(points - shift)) / (2 * step)
        np.testing.assert_allclose(potential.force(points)[axis], -slope, atol=1e-8)


@pytest.mark.parametrize("name", POTENTIALS)
def test_downhill_from_every_well_ends_near_it_and_nowhere_else(name):
    potential = POTENTIALS[name]
    wells = np.array(list(potential.wells.values())).T
    points = wells.copy()
    for _ in range(4000):
        points += 0.02 * potential.force(points)
    np.testing.assert_allclose(points, wells, atol=0.25)
    np.testing.assert_allclose(potential.force(points), 0, atol=1e-6)


def test_the_four_wells_are_mirrored():
    potential = POTENTIALS["four_state"]
    points = np.random.default_rng(1).uniform(-3, 3, (2, 20))
    np.testing.assert_allclose(potential.energy(points), potential.energy(-points))
    assert potential.energy(np.zeros(2)) == pytest.approx(1 - 2 * np.exp(-5 / 1.28) - 2 * np.exp(-4.25 / 1.28))


def test_single_precision_is_that_of_the_simulation():
    potential = POTENTIALS["four_state"]
    points = np.random.default_rng(2).uniform(-6, 6, (2, 1000))
    single = potential.force(points.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, potential.force(points), atol=1e-5)
