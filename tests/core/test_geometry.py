"""Geometry against independent values."""

import numpy as np
import pytest
from MDAnalysis.analysis.align import rotation_matrix
from MDAnalysis.lib.distances import calc_angles, calc_dihedrals
from scipy.spatial.transform import Rotation

from mdllm.core import geometry


@pytest.fixture
def cloud():
    return np.random.default_rng(0).normal(size=(5, 12, 3))


def test_rmsd_equals_mdanalysis_and_ignores_rigid_motion(cloud):
    target = np.random.default_rng(1).normal(size=(12, 3))
    centred = target - target.mean(0)
    expected = [rotation_matrix(frame - frame.mean(0), centred)[1] for frame in cloud]
    np.testing.assert_allclose(geometry.rmsd(cloud, target), expected, rtol=1e-6)
    moved = Rotation.random(5, rng=2).as_matrix() @ np.swapaxes(cloud, 1, 2)
    np.testing.assert_allclose(geometry.rmsd(np.swapaxes(moved, 1, 2) + 3.0, target), expected, rtol=1e-6)


def test_superposition_never_mirrors(cloud):
    mirrored = cloud[0] * [1, 1, -1]
    assert geometry.rmsd(mirrored[None], cloud[0])[0] > 0.1
    rotation, _ = geometry.kabsch(mirrored, cloud[0])
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_weights_decide_which_atoms_are_laid_on_each_other(cloud):
    weights = np.zeros(12)
    weights[:4] = 1
    moved = cloud[0] @ Rotation.random(rng=3).as_matrix() + 1
    moved[4:] += 5
    rotation, translation = geometry.kabsch(moved, cloud[0], weights)
    np.testing.assert_allclose((moved @ rotation + translation)[:4], cloud[0][:4], atol=1e-10)


def test_angles_and_dihedrals_equal_mdanalysis(cloud):
    a, b, c, d = (cloud[:, k] for k in range(4))
    np.testing.assert_allclose(geometry.dihedral(a, b, c, d), calc_dihedrals(a, b, c, d), atol=1e-6)
    np.testing.assert_allclose(geometry.angle(a, b, c), calc_angles(a, b, c), atol=1e-6)


def test_a_placed_atom_has_the_internal_coordinates_asked_for(cloud):
    a, b, c = (cloud[:, k] for k in range(3))
    torsion = np.linspace(-3, 3, 5)
    d = geometry.place_atom(a, b, c, 0.15, 1.9, torsion)
    np.testing.assert_allclose(np.linalg.norm(d - c, axis=-1), 0.15)
    np.testing.assert_allclose(geometry.angle(b, c, d), 1.9)
    np.testing.assert_allclose(geometry.dihedral(a, b, c, d), torsion, atol=1e-9)


def test_circular_difference_folds():
    difference = geometry.circular_difference(np.array([3.0, -3.0, 1.0]), np.array([-3.0, 3.0, 0.5]))
    np.testing.assert_allclose(difference, [6 - 2 * np.pi, 2 * np.pi - 6, 0.5])
