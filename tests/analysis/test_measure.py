"""Distances between many structures at once, against one superposition after the other."""

import numpy as np
import pandas as pd
import pytest

from mdllm.analysis.discovery.measure import (
    Closeness,
    KnownStructures,
    TrueFrames,
    _closeness,
    _nearest_model,
    _nearest_training,
    differing_residues,
)
from mdllm.core.geometry import pairwise_rmsd, rmsd, rmsd_of_present
from mdllm.core.trajectories import read_backbone
from mdllm.ensembles.sources import spread


@pytest.fixture
def clouds():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(12, 30, 3))
    near = points[:4] + rng.normal(scale=0.02, size=(4, 30, 3))
    return points, np.concatenate([near, points[:2] * [1, 1, -1], rng.normal(size=(5, 30, 3))])


def test_all_pairs_equal_one_superposition_each(clouds):
    """Among them near copies, and mirror images, which no rotation superposes."""
    a, b = clouds
    expected = np.stack([rmsd(a, target) for target in b], axis=1)
    np.testing.assert_allclose(pairwise_rmsd(a, b), expected, atol=1e-6)
    assert expected[0, 4] > 0.3


def test_identical_and_flat_structures():
    line = np.zeros((1, 10, 3))
    line[0, :, 0] = np.arange(10)
    assert pairwise_rmsd(line, line + 5)[0, 0] == pytest.approx(0, abs=1e-5)
    flat = np.random.default_rng(0).normal(size=(2, 20, 3)) * [1, 1, 0]
    np.testing.assert_allclose(pairwise_rmsd(flat, flat[::-1]), [rmsd(flat, x) for x in flat[::-1]], atol=1e-5)


def test_absent_atoms_are_left_out_on_either_side(clouds):
    a, _ = clouds
    target, mobile = a[0].copy(), a[1:4].copy()
    target[3] = np.nan
    mobile[1, 7, 0] = np.nan
    keep = np.ones(30, bool)
    keep[3] = False
    assert rmsd_of_present(mobile, target)[0] == pytest.approx(rmsd(mobile[:1, keep], target[keep])[0])
    keep[7] = False
    assert rmsd_of_present(mobile, target)[1] == pytest.approx(rmsd(mobile[1:2, keep], target[keep])[0])
    target[2:] = np.nan
    assert np.isnan(rmsd_of_present(mobile, target)).all()


def test_the_nearest_of_models_that_lack_different_atoms(clouds):
    points, models = clouds
    models = models.copy()
    models[1, :5] = np.nan
    models[6, 9] = np.nan
    expected = np.min([rmsd_of_present(points, model) for model in models], axis=0)
    np.testing.assert_allclose(_nearest_model(points, models), expected, atol=1e-6)


def test_a_training_frame_is_not_its_own_neighbour(clouds):
    points, _ = clouds
    known = KnownStructures(points[0], points[:3], np.array([10, 20, 30]), {}, {}, {})
    table = pd.DataFrame({"frame": [10, 20, 40]})
    own = _nearest_training(points[:3], table, "roundtrip", known)
    assert (own[:2] > 0.1).all()
    assert own[2] == pytest.approx(0, abs=1e-6)
    assert _nearest_training(points[:3], table, "model", known) == pytest.approx(0, abs=1e-6)


def test_the_only_training_frame_has_no_neighbour(clouds):
    points, _ = clouds
    known = KnownStructures(points[0], points[:1], np.array([10]), {}, {}, {})
    table = pd.DataFrame({"frame": [10, 20]})
    own = _nearest_training(points[:2], table, "md", known)
    assert np.isnan(own[0])
    assert own[1] > 0.1
    assert _nearest_training(points[:1], table[:1], "model", known) == pytest.approx(0, abs=1e-6)


def test_spread_rows_run_from_first_to_last():
    rows = np.arange(100, 1100)
    chosen = spread(rows, 7)
    assert (chosen[0], chosen[-1], len(chosen)) == (100, 1099, 7)
    np.testing.assert_array_equal(spread(rows[:5], 7), rows[:5])


def test_residues_that_differ_have_one_on_either_side(trp_cage_prepared):
    """G11 and what turns with it: of the experiment's states, 10 to 14 and R16 (mean torsions apart by 0.45 rad)."""
    universe, state = trp_cage_prepared.universe(), trp_cage_prepared.frames["state"].to_numpy()
    a, b = (read_backbone(universe, np.flatnonzero(state == name)[::20]) for name in "AB")
    assert (differing_residues(a, b) + 1).tolist() == [9, 10, 11, 12, 13, 14, 15, 16, 17]
    assert differing_residues(a, a).tolist() == list(range(20))
    turned = a.copy()
    turned[:, -1, 2] = half_a_turn(*a[:, -1, :3].transpose(1, 0, 2))  # phi of the last residue, psi of the first:
    turned[:, 0, 0] = half_a_turn(*a[:, 0, 2::-1].transpose(1, 0, 2))  # beyond these there is none
    assert differing_residues(a, turned).tolist() == [0, 1, 18, 19]


def half_a_turn(first: np.ndarray, second: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Points (F, 3) on the other side of the axis through two others."""
    axis = second - first
    along = axis * (((point - first) * axis).sum(1) / (axis**2).sum(1))[:, None]
    return 2 * (first + along) - point


def test_a_frame_is_as_close_by_the_residues_that_differ_and_by_all():
    rng = np.random.default_rng(0)
    true = rng.normal(size=(2, 12, 3))
    known = TrueFrames(true, Closeness(np.array([1, 2]), 0.02, 0.1))
    same, elsewhere, last_of_these, far = (true[1].copy() for _ in range(4))
    elsewhere[9:] += rng.normal(scale=0.05, size=(3, 3))
    last_of_these[7:9] += rng.normal(scale=0.05, size=(2, 3))
    far[9:] += 0.5
    assert known.as_close(np.array([same, elsewhere, last_of_these, far])).tolist() == [True, True, False, False]


def test_true_frames_are_as_close_as_they_are_to_each_other_apart_in_time():
    """Three pairs of neighbours in time: each frame's nearest one is its neighbour, which does not count."""
    rng = np.random.default_rng(0)
    pose = rng.normal(size=(1, 6, 4, 3))
    frames = np.repeat(pose + rng.normal(scale=0.1, size=(3, 6, 4, 3)), 2, axis=0)
    frames[1::2] += rng.normal(scale=1e-3, size=(3, 6, 4, 3))
    rows = np.array([100, 110, 200, 210, 300, 310])
    close = _closeness(frames[:1], frames, rows, 10)
    points = frames[:, :, :3].reshape(6, -1, 3)
    nearest = [min(rmsd(points[other][None], points[one])[0] for other in range(6) if other // 2 != one // 2)
               for one in range(6)]  # fmt: skip
    assert close.limit_all_nm == pytest.approx(np.quantile(nearest, 0.95), abs=1e-6)
    assert close.limit_all_nm > 0.05
    assert _closeness(frames[:1], frames[:2], rows[:2], 10) is None
