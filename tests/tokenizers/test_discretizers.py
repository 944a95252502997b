"""Bins, nearest centers, k-centers and named states: codes, what stands for them, and what is refused."""

import MDAnalysis as mda
import numpy as np
import pandas as pd
import pytest

from mdllm.config.settings.system import Observables
from mdllm.core.errors import InputError
from mdllm.core.geometry import pairwise_rmsd
from mdllm.core.trajectories import TrajectoryWriter, write_topology
from mdllm.tokenizers.base import load_tokenizer
from mdllm.tokenizers.discretizers.base import Frames
from mdllm.tokenizers.discretizers.bins import Bins
from mdllm.tokenizers.discretizers.centers import KCenters, NearestCenter
from mdllm.tokenizers.discretizers.settings import (
    BinsSettings,
    KCentersSettings,
    NearestCenterSettings,
    StatesSettings,
)
from mdllm.tokenizers.discretizers.states import NamedStates

ANGLE = BinsSettings(name="bins", variable="psi", bins=4)
LENGTH = BinsSettings(name="bins", variable="d", bins=4, low=0, high=2)
OBSERVABLES = Observables.model_validate(
    {
        "collective_variables": {"psi": {"type": "psi", "residue": 2}, "d": {"type": "radius_of_gyration"}},
        "states": {"low": {"psi": [-3.2, 0]}, "high": {"psi": [0, 3.2]}},
    }
)


def frames(atoms=None, **columns) -> Frames:
    keys = {name: f"{name}_unit" for name in columns}
    table = pd.DataFrame({keys[name]: np.asarray(values, float) for name, values in columns.items()})
    return Frames(table.assign(state="none"), keys, np.arange(len(table)), *(atoms or ()))


def fit(kind, settings, seen: Frames, seed: int = 0):
    return kind.fit(seen, settings, OBSERVABLES, seed)


def test_angles_wrap_and_an_edge_belongs_to_the_bin_above():
    bins = fit(Bins, ANGLE, frames(psi=[0, 1]))
    assert bins.encode(frames(psi=[-np.pi, -1e-9, 0, 3.1, np.pi])).tolist() == [0, 1, 2, 3, 0]
    middle = bins.representatives(frames(psi=[0]))["psi_unit"]
    assert middle.to_numpy() == pytest.approx([-3 * np.pi / 4, -np.pi / 4, np.pi / 4, 3 * np.pi / 4])


def test_the_upper_edge_of_a_length_belongs_to_the_last_bin():
    assert fit(Bins, LENGTH, frames(d=[0, 2])).encode(frames(d=[0, 0.5, 1.99, 2])).tolist() == [0, 1, 3, 3]


def test_a_value_of_md_outside_the_bins_is_named():
    with pytest.raises(InputError, match=r"frame 1 \(counted from 0\) has the value 2.1, outside the bins from 0 to 2"):
        fit(Bins, LENGTH, frames(d=[1, 2.1]))
    with pytest.raises(InputError, match="frame 0"):
        fit(Bins, LENGTH, frames(d=[np.nan]))


def test_a_generated_frame_beyond_the_bins_counts_to_the_rim_with_a_warning(caplog):
    bins = fit(Bins, LENGTH, frames(d=[0, 2]))
    assert bins.encode(frames(d=[-1, 1, 7])).tolist() == [0, 2, 3]
    assert "2 of 3 frames have a d beyond the bins from 0 to 2" in caplog.text
    with pytest.raises(InputError, match=r"frame 1 \(counted from 0\) has no d"):
        bins.encode(frames(d=[1, np.nan]))


def test_edges_beyond_the_data_are_refused():
    with pytest.raises(InputError, match=r"d lies between 0.6 and 1.9.*outermost of 4 bins from 0 to 2 are empty"):
        fit(Bins, LENGTH, frames(d=[0.6, 1.9]))


def test_the_nearest_center_is_the_code():
    settings = NearestCenterSettings(name="nearest_center", variables=["x", "y"], centers=[[0, 0], [1, 1]])
    seen = frames(x=[0.1, 0.9, 5], y=[0.2, 0.6, 5])
    assert fit(NearestCenter, settings, seen).encode(seen).tolist() == [0, 1, 1]
    with pytest.raises(InputError, match=r"no frame is nearest to \[0.0, 0.0\]"):
        fit(NearestCenter, settings, seen.pick(np.array([1, 2])))


def test_states_are_codes_in_the_order_of_the_file_and_the_rest_is_one_more():
    seen = Frames(pd.DataFrame({"state": ["high", "none", "low", "high"]}), {}, np.arange(4))
    states = fit(NamedStates, StatesSettings(name="states"), seen)
    assert states.encode(seen).tolist() == [1, 2, 0, 1]
    assert states.representatives(seen)["state"].tolist() == ["low", "high", "none"]


def write_atoms(folder, coordinates) -> Frames:
    universe = mda.Universe.empty(coordinates.shape[1], atom_resindex=[0] * coordinates.shape[1], trajectory=True)
    for attribute, value in (("name", "C"), ("resname", "UNK"), ("resid", 1)):
        universe.add_TopologyAttr(attribute, [value] * (1 if attribute.startswith("res") else coordinates.shape[1]))
    write_topology(folder / "topology.pdb", universe, coordinates[0])
    with TrajectoryWriter(folder / "trajectory.xtc") as writer:
        writer.write(coordinates, np.arange(len(coordinates)))
    return frames((folder / "topology.pdb", folder / "trajectory.xtc"), d=np.arange(len(coordinates)))


@pytest.fixture(scope="module")
def molecules(tmp_path_factory) -> Frames:
    rng = np.random.default_rng(0)
    return write_atoms(tmp_path_factory.mktemp("molecules"), rng.normal(size=(300, 6, 3)).astype(np.float32))


def k_centers(count: int) -> KCentersSettings:
    return KCentersSettings(name="k_centers", centers=count)


def test_every_frame_lies_within_the_cover_radius_and_centers_lie_further_apart(molecules):
    fitted = fit(KCenters, k_centers(20), molecules)
    codes, points = fitted.encode(molecules), molecules.coordinates("all")
    distances = pairwise_rmsd(points, fitted.centers)
    assert distances[np.arange(300), codes] == pytest.approx(distances.min(1))
    assert distances.min(1).max() == pytest.approx(fitted.cover_radius_nm)
    between = pairwise_rmsd(fitted.centers, fitted.centers)[np.triu_indices(20, 1)]
    assert between.min() >= fitted.cover_radius_nm  # greedy: so the radius is at most twice the best


def test_centers_are_frames_and_codes_do_not_change_by_rigid_motion(molecules, tmp_path):
    fitted, points = fit(KCenters, k_centers(10), molecules, 3), molecules.coordinates("all")
    assert np.array_equal(fitted.centers, points[fitted.rows])
    assert fitted.encode(molecules.pick(fitted.rows)).tolist() == list(range(10))
    assert fitted.representatives(molecules)["d_unit"].tolist() == fitted.rows.tolist()
    turned = write_atoms(tmp_path, points @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]], np.float32) + 2)
    assert np.array_equal(fitted.encode(turned), fitted.encode(molecules))


def test_more_centers_than_structures_are_refused(molecules, tmp_path):
    same = write_atoms(tmp_path, np.repeat(molecules.coordinates("all")[:3], 5, axis=0))
    with pytest.raises(InputError, match="only 3 different structures, fewer than 4 centers"):
        fit(KCenters, k_centers(4), same)


@pytest.mark.parametrize(
    ("selection", "message"), [("nmae C", "MDAnalysis cannot read 'nmae C'"), ("index 0 1", "matches 2 atoms")]
)
def test_a_wrong_selection_is_named(molecules, selection, message):
    with pytest.raises(InputError, match=message):
        fit(KCenters, KCentersSettings(name="k_centers", centers=2, selection=selection), molecules)


def test_saved_and_loaded_discretizers_give_the_same_codes(molecules, tmp_path):
    angles = frames(psi=np.random.default_rng(1).uniform(-np.pi, np.pi, 50))
    made = [(fit(Bins, ANGLE, angles), angles), (fit(KCenters, k_centers(5), molecules), molecules)]
    for number, (fitted, seen) in enumerate(made):
        fitted.save(tmp_path / str(number))
        loaded = load_tokenizer(tmp_path / str(number))
        assert np.array_equal(loaded.encode(seen), fitted.encode(seen))
        assert loaded.codebook_size == fitted.codebook_size
