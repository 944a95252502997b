"""Coordinates and states that nobody defined, on MD whose slow motion and states are known."""

import numpy as np
import pytest

from mdllm.core.geometry import rmsd
from mdllm.core.trajectories import TrajectoryWriter, open_backbone, read_backbone
from mdllm.observables.slow import COLUMNS, SlowCoordinates, save_none


@pytest.fixture(scope="module")
def fitted(trp_cage_prepared):
    universe, segment = trp_cage_prepared.universe(), trp_cage_prepared.frames["segment"].to_numpy()
    return SlowCoordinates.fit(universe, segment, states=True, seed=0)


@pytest.fixture(scope="module")
def values(fitted, trp_cage_prepared):
    return fitted.compute(read_backbone(trp_cage_prepared.universe()))


def test_the_slowest_coordinate_tells_the_known_states_apart(fitted, values, trp_cage_prepared):
    state = trp_cage_prepared.frames["state"].to_numpy()
    a, b = (values["slow_1"][state == name] for name in "AB")
    assert fitted.kind == "tICA"
    assert abs(np.median(a) - np.median(b)) > 4 * max(np.std(a), np.std(b))
    for column in COLUMNS:
        assert values[column].mean() == pytest.approx(0, abs=1e-6)
        assert values[column].std() == pytest.approx(1, abs=1e-6)


def test_it_is_slower_than_any_torsion(values, trp_cage_prepared):
    def remembered(x: np.ndarray) -> float:
        return np.corrcoef(x[:-10], x[10:])[0, 1]

    phi11 = np.sin(trp_cage_prepared.frames["phi11_rad"].to_numpy())
    assert remembered(values["slow_1"]) > remembered(phi11)
    assert remembered(values["slow_1"]) > remembered(values["slow_2"])


def test_found_states_are_parts_of_the_known_ones(fitted, values, trp_cage_prepared):
    found, known = fitted.label(values), trp_cage_prepared.frames["state"].to_numpy()
    assert 2 <= len(fitted.names) <= 5
    counts = [(found == name).sum() for name in fitted.names]
    assert counts == sorted(counts, reverse=True)
    for name in fitted.names:
        shares = [np.mean(known[found == name] == other) for other in "AB"]
        assert max(shares) > 0.95


def test_one_state_is_one_state(trp_cage_prepared, tmp_path):
    rng = np.random.default_rng(0)
    rows = np.full(400, 1000)
    backbone = read_backbone(trp_cage_prepared.universe(), rows) + rng.normal(scale=0.01, size=(400, 20, 4, 3))
    with TrajectoryWriter(tmp_path / "one.xtc") as writer:
        writer.write(backbone, np.arange(len(rows)))
    universe = open_backbone(trp_cage_prepared.topology, tmp_path / "one.xtc")
    alone = SlowCoordinates.fit(universe, np.arange(len(rows)), states=True, seed=0)  # no frame follows another
    assert alone.kind == "PCA"
    assert alone.names == ["S1"]
    plane = np.stack(list(alone.compute(backbone).values()), axis=-1)
    np.testing.assert_allclose(np.cov(plane.T), np.eye(2), atol=0.01)  # principal components do not correlate


def test_what_is_saved_is_what_was_fitted(fitted, values, tmp_path, trp_cage_prepared):
    fitted.save(tmp_path / "slow.npz")
    again = SlowCoordinates.load(tmp_path / "slow.npz")
    backbone = read_backbone(trp_cage_prepared.universe(), np.arange(5))
    np.testing.assert_array_equal(again.compute(backbone)["slow_1"], values["slow_1"][:5])
    assert (again.names, again.kind) == (fitted.names, fitted.kind)
    save_none(tmp_path / "none.npz")
    assert SlowCoordinates.load(tmp_path / "none.npz") is None


def test_the_same_frames_give_the_same_coordinates(fitted, trp_cage_prepared):
    segment = trp_cage_prepared.frames["segment"].to_numpy()
    again = SlowCoordinates.fit(trp_cage_prepared.universe(), segment, states=True, seed=0)
    np.testing.assert_array_equal(again.components, fitted.components)
    np.testing.assert_array_equal(again.centers, fitted.centers)


def test_one_structure_gets_its_shape_as_plane(trp_cage_prepared, tmp_path):
    universe = trp_cage_prepared.universe()
    backbone = read_backbone(universe, np.array([442, 3000, 1200]))
    with TrajectoryWriter(tmp_path / "one.xtc") as trajectory:
        trajectory.write(backbone[:1], np.zeros(1))
    alone = open_backbone(trp_cage_prepared.topology, tmp_path / "one.xtc")
    fitted = SlowCoordinates.fit(alone, np.zeros(1, int), states=True, seed=0)
    fitted.save(tmp_path / "slow.npz")
    values = SlowCoordinates.load(tmp_path / "slow.npz").compute(backbone)
    atoms = backbone[:, :, :3].reshape(3, -1, 3)
    np.testing.assert_allclose(values["slow_1"], rmsd(atoms, atoms[0]), atol=1e-3)
    ca = backbone[:, :, 1].astype(float)
    expected = [np.sqrt(((x - x.mean(0)) ** 2).sum() / len(x)) for x in ca]
    np.testing.assert_allclose(values["slow_2"], expected, rtol=1e-5)
    assert fitted.labels()["slow_1"].startswith("RMSD")
    assert fitted.label(values).tolist() == ["S1"] * 3
