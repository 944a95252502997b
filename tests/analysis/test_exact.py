"""Exact kinetics: against closed forms, a finer grid, and a simulation of the same dynamics."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import expm
from scipy.sparse import csc_array

from mdllm.analysis.kinetics.exact import Propagator, exact_tables, solve
from mdllm.config.settings.kinetics import KineticsSettings
from mdllm.simulation.potentials.potentials import POTENTIALS
from mdllm.simulation.potentials.settings import PotentialSource

SOURCE = PotentialSource(type="potential", grid=0.2, save_interval=20.0)
NAMES = ["D", "C", "B", "A"]
CODEBOOK = pd.DataFrame({"code": range(4), "count": 1, "state": NAMES, "x": [-2.0, -0.5, 0.5, 2.0]})
SETTINGS = KineticsSettings(lags=[1, 20], lag=20)


def well_of(points: np.ndarray) -> np.ndarray:
    """Codes along x: D, C, B, A from left to right; the borders lie between cells of both grids."""
    return np.searchsorted([-1.0, 0.0, 1.0], points[:, 0])


@pytest.fixture(scope="module")
def grid():
    return solve(SOURCE, SOURCE.save_interval)


def harmonic(h: float, beta: float = 2.0, stiffness: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Symmetrized generator and populations of a particle with D = 1 / beta in k x^2 / 2."""
    x = np.arange(-4, 4, h) + h / 2
    energy, n = stiffness * x**2 / 2, len(x)
    rates = np.zeros((n, n))
    for i, j in [(i, i + 1) for i in range(n - 1)]:
        rates[i, j] = np.exp(-beta * (energy[j] - energy[i]) / 2) / (beta * h**2)
        rates[j, i] = np.exp(-beta * (energy[i] - energy[j]) / 2) / (beta * h**2)
    generator = rates - np.diag(rates.sum(1))
    populations = np.exp(-beta * energy) / np.exp(-beta * energy).sum()
    root = np.sqrt(populations)
    return root[:, None] * generator / root, populations


def test_a_harmonic_well_relaxes_with_its_stiffness():
    """Ornstein-Uhlenbeck: rates n k / friction, n = 1, 2, 3."""
    symmetric, populations = harmonic(0.05)
    propagator = Propagator.of_generator(csc_array(symmetric), populations, shortest=1.0)
    np.testing.assert_allclose(propagator.timescales(3), 1 / (1.5 * np.arange(1, 4)), rtol=2e-3)


def test_the_low_rank_passage_time_is_that_of_the_full_matrix():
    symmetric, populations = harmonic(0.1)
    propagator, interval = Propagator.of_generator(csc_array(symmetric), populations, shortest=0.01), 0.3
    start, end = np.arange(80) < 30, np.arange(80) >= 60
    full = expm(symmetric * interval)[np.ix_(~end, ~end)]
    times = np.linalg.solve(np.eye(len(full)) - full, np.sqrt(populations)[~end])
    expected = interval * (np.sqrt(populations) * start)[~end] @ times / populations[start].sum()
    assert propagator.mfpt(start, end, interval) == pytest.approx(expected, rel=1e-8)


def test_two_cells_are_a_two_state_chain():
    a, b = 0.3, 0.1
    populations = np.array([b, a]) / (a + b)
    symmetric = np.array([[-a, np.sqrt(a * b)], [np.sqrt(a * b), -b]])
    propagator = Propagator.of_generator(csc_array(symmetric), populations, shortest=0.5)
    np.testing.assert_allclose(propagator.timescales(2), [1 / (a + b), np.nan], rtol=1e-9)
    start, end = np.array([True, False]), np.array([False, True])
    leave = populations[1] * (1 - np.exp(-(a + b) * 0.5))
    assert propagator.mfpt(start, end, 0.5) == pytest.approx(0.5 / leave, rel=1e-9)
    matrix = propagator.markov_model(np.array([0, 1]), 0.5).transition_matrix
    assert matrix[0, 1] == pytest.approx(leave, rel=1e-9)


@pytest.mark.slow
def test_the_four_state_model_has_its_known_kinetics(grid):
    cells, propagator = grid
    populations = np.bincount(well_of(cells), propagator.populations)
    np.testing.assert_allclose(populations, [0.268, 0.232, 0.232, 0.268], atol=0.02)
    np.testing.assert_allclose(propagator.timescales(3), [5250, 435, 401], rtol=0.001)


@pytest.mark.slow
def test_a_finer_grid_changes_little(grid):
    finer = solve(PotentialSource(type="potential", grid=1 / 6), SOURCE.save_interval)
    code, states = [well_of(cells) for cells, _ in (grid, finer)], [0, 3]
    np.testing.assert_allclose(finer[1].timescales(3), grid[1].timescales(3), rtol=0.00025)
    masks = [[c == state for state in states] for c in code]
    coarse, fine = (p.mfpt(*mask, 20.0) for (_, p), mask in zip((grid, finer), masks, strict=True))
    assert fine == pytest.approx(coarse, rel=0.02)


@pytest.mark.slow
def test_a_wider_box_changes_nothing(monkeypatch):
    """Walkers cross the plateau around the wells: the box must hold all of it that they see."""
    source = PotentialSource(type="potential", grid=0.5, save_interval=20.0)
    own = solve(source, 20.0)[1].timescales(3)
    potential = POTENTIALS["four_state"]
    monkeypatch.setitem(POTENTIALS, "four_state", replace(potential, box=1.25 * potential.box))
    np.testing.assert_allclose(solve(source, 20.0)[1].timescales(3), own, rtol=1e-3)


def test_projected_matrices_are_reversible_and_underestimate_timescales(grid):
    cells, propagator = grid
    slow = propagator.timescales(3)
    before = np.zeros(3)
    for lag in (20.0, 100.0, 500.0):
        model = propagator.markov_model(well_of(cells), lag)
        flux = model.populations[:, None] * model.transition_matrix
        np.testing.assert_allclose(flux, flux.T, atol=1e-12)
        implied = model.timescales_ps(3)
        assert (implied < slow).all()
        assert (implied > before).all()
        before = implied


@pytest.mark.slow
def test_a_simulation_passes_as_often_as_the_grid_says(grid):
    """Walkers in one pair of wells for a short time: the share that has left B for A agrees with the propagator."""
    cells, propagator = grid
    code, walkers, time = well_of(cells), 3000, 60.0
    rng, potential = np.random.default_rng(0), POTENTIALS["four_state"]
    inside = np.flatnonzero(code == 2)
    weights = propagator.populations[inside] / propagator.populations[inside].sum()
    points = cells[rng.choice(inside, walkers, p=weights)] + rng.uniform(-0.1, 0.1, (walkers, 2))
    step = 0.02
    for _ in range(round(time / step)):
        points += step * potential.force(points.T).T + np.sqrt(2 * step / SOURCE.beta) * rng.normal(size=points.shape)
    found = np.bincount(well_of(points), minlength=4) / walkers
    expected = propagator.markov_model(code, time).transition_matrix[2]
    np.testing.assert_array_less(np.abs(found - expected), 3.5 * np.sqrt(expected * (1 - expected) / walkers) + 0.002)


@pytest.mark.slow
def test_the_tables_hold_the_dynamics_and_its_projections(tmp_path, grid):
    exact_tables(SOURCE, well_of, CODEBOOK, SETTINGS, tmp_path)
    populations = pd.read_csv(tmp_path / "populations.csv")
    assert set(populations["source"]) == {"exact"}
    state = populations[populations["level"] == "state"].set_index("name")
    assert state["population"].sum() == pytest.approx(1)
    assert state.loc["A", "free_energy_kt"] == pytest.approx(0, abs=1e-9)
    timescales = pd.read_csv(tmp_path / "timescales.csv")
    own = timescales[timescales["method"] == "exact"]
    assert own["lag_ps"].isna().all()
    np.testing.assert_allclose(own["timescale_ps"], grid[1].timescales(3))
    assert sorted(timescales["lag_ps"].dropna().unique()) == [20.0, 400.0]
    mfpt = pd.read_csv(tmp_path / "mfpt.csv")
    assert len(mfpt) == 12 * 3
    pair = mfpt[(mfpt["start"] == "A") & (mfpt["end"] == "D")].sort_values("lag_ps")
    assert list(pair["method"]) == ["msm", "msm", "exact"]
    short, long, exact = pair["mfpt_ps"]
    assert short < long
    cells, propagator = grid
    start, end = (well_of(cells) == code for code in (3, 0))
    assert exact == pytest.approx(propagator.mfpt(start, end, 20.0))
    # The Markov model of four codes is biased low at either lag: compare at the same interval of observation.
    assert short < exact
    assert long < propagator.mfpt(start, end, 400.0)
