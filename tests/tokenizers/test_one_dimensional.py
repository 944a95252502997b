"""Bins, nearest centers and k-centers: codes, what stands for them, and what is refused."""

import numpy as np
import pytest
from mdllm.tokenizers.discretizers.discretizers import Bins, KCenters, NearestCenter

from mdllm.core.errors import InputError
from mdllm.core.geometry import pairwise_rmsd
from mdllm.tokenizers.base import load_tokenizer
from mdllm.tokenizers.discretizers.settings import BinsSettings, KCentersSettings, NearestCenterSettings

ANGLE = BinsSettings(name="bins", variable="psi", bins=4)
LENGTH = BinsSettings(name="bins", variable="d", bins=4, low=0, high=2)


def column(*values):
    return np.array(values, float)[:, None]


def test_angles_wrap_and_an_edge_belongs_to_the_bin_above():
    bins = Bins.fit(column(0, 1), ANGLE, 0)
    assert bins.encode(column(-np.pi, -1e-9, 0, 3.1, np.pi))[:, 0].tolist() == [0, 1, 2, 3, 0]
    assert bins.decode(np.array([[0], [3]]))[:, 0] == pytest.approx([-3 * np.pi / 4, 3 * np.pi / 4])


def test_the_upper_edge_of_a_length_belongs_to_the_last_bin():
    bins = Bins.fit(column(0, 2), LENGTH, 0)
    assert bins.encode(column(0, 0.5, 1.99, 2))[:, 0].tolist() == [0, 1, 3, 3]


def test_a_value_outside_the_bins_is_named():
    with pytest.raises(InputError, match=r"frame 1 \(counted from 0\) has the value 2.1, outside the bins from 0 to 2"):
        Bins.fit(column(1, 2.1), LENGTH, 0)
    with pytest.raises(InputError, match="frame 0"):
        Bins.fit(column(np.nan), LENGTH, 0)


def test_edges_beyond_the_data_are_refused():
    with pytest.raises(InputError, match=r"d lies between 0.6 and 1.9.*outermost of 4 bins from 0 to 2 are empty"):
        Bins.fit(column(0.6, 1.9), LENGTH, 0)


def test_the_nearest_center_is_the_code():
    settings = NearestCenterSettings(name="nearest_center", variables=["x", "y"], centers=[[0, 0], [1, 1]])
    frames = np.array([[0.1, 0.2], [0.9, 0.6], [5, 5]])
    assert NearestCenter.fit(frames, settings, 0).encode(frames)[:, 0].tolist() == [0, 1, 1]
    with pytest.raises(InputError, match=r"no frame is nearest to \[0.0, 0.0\]"):
        NearestCenter.fit(frames[1:], settings, 0)


@pytest.fixture(scope="module")
def molecules():
    rng = np.random.default_rng(0)
    return rng.normal(size=(300, 6, 3)).astype(np.float32)


def test_every_frame_lies_within_the_cover_radius_and_centers_lie_further_apart(molecules):
    centers = KCenters.fit(molecules, KCentersSettings(name="k_centers", centers=20), 0)
    codes = centers.encode(molecules)[:, 0]
    distances = pairwise_rmsd(molecules, centers.representatives)
    assert distances[np.arange(300), codes] == pytest.approx(distances.min(1))
    assert distances.min(1).max() == pytest.approx(centers.cover_radius_nm)
    between = pairwise_rmsd(centers.representatives, centers.representatives)[np.triu_indices(20, 1)]
    assert between.min() >= centers.cover_radius_nm  # greedy: so the radius is at most twice the best


def test_centers_are_frames_and_codes_do_not_change_by_rigid_motion(molecules):
    centers = KCenters.fit(molecules, KCentersSettings(name="k_centers", centers=10), 3)
    assert np.array_equal(centers.representatives, molecules[centers.rows])
    assert centers.encode(molecules[centers.rows])[:, 0].tolist() == list(range(10))
    turned = molecules @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]], np.float32) + 2
    assert np.array_equal(centers.encode(turned), centers.encode(molecules))


def test_more_centers_than_structures_are_refused(molecules):
    same = np.repeat(molecules[:3], 5, axis=0)
    with pytest.raises(InputError, match="only 3 different structures, fewer than 4 centers"):
        KCenters.fit(same, KCentersSettings(name="k_centers", centers=4), 0)


def test_saved_and_loaded_tokenizers_give_the_same_codes(molecules, tmp_path):
    angle = np.random.default_rng(1).uniform(-np.pi, np.pi, (50, 1))
    centers = KCenters.fit(molecules, KCentersSettings(name="k_centers", centers=5), 0)
    for number, (tokenizer, frames) in enumerate([(Bins.fit(angle, ANGLE, 0), angle), (centers, molecules)]):
        tokenizer.save(tmp_path / str(number))
        loaded = load_tokenizer(tmp_path / str(number))
        assert np.array_equal(loaded.encode(frames), tokenizer.encode(frames))
        assert loaded.variables == tokenizer.variables
        assert loaded.codebook_size == tokenizer.codebook_size
