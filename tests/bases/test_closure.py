"""Loop closure: the end is reached, the geometry of the chain stays, and no more is bent than need be."""

import MDAnalysis as mda
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from mdllm.bases.closure import close
from mdllm.bases.poses import Poses, of_backbone, rotation_about, rotation_vector
from mdllm.core.geometry import backbone_torsions
from mdllm.core.trajectories import ANGSTROM_PER_NM
from mdllm.tokenizers.rigid.poses import local_atoms


@pytest.fixture(scope="module")
def backbone(structures) -> np.ndarray:
    """N, CA, C (10, 164, 3, 3) in nm of the models of 2LCB."""
    universe = mda.Universe(str(structures / "2lcb.pdb"))
    atoms = universe.select_atoms("name N CA C")
    frames = [atoms.positions.reshape(-1, 3, 3) / ANGSTROM_PER_NM for _ in universe.trajectory]
    return np.array(frames, float)


def turned(backbone: np.ndarray, residue: int, angle: float) -> np.ndarray:
    """The chain with psi of a residue changed by an angle."""
    changed = backbone.copy()
    ca, c = backbone[:, residue, 1], backbone[:, residue, 2]
    axis = (c - ca) / np.linalg.norm(c - ca, axis=-1, keepdims=True)
    for frame in range(len(backbone)):
        turn = Rotation.from_rotvec(angle * axis[frame])
        rest = changed[frame, residue + 1 :].reshape(-1, 3)
        changed[frame, residue + 1 :] = (turn.apply(rest - ca[frame]) + ca[frame]).reshape(-1, 3, 3)
    return changed


def closed(backbone: np.ndarray, target: np.ndarray, part: slice):
    local = torch.from_numpy(local_atoms(backbone[:1]))[part]
    direction = torch.nn.functional.normalize(local[:, 0], dim=-1)
    made = close(of_backbone(backbone[:1])[:, part], of_backbone(target[:1])[:, part.stop - 1], direction)
    return made, made.poses.to_atoms(local).numpy()


def test_the_end_is_reached_and_bonds_and_angles_stay(backbone):
    part = slice(30, 41)
    bent = turned(turned(backbone, 33, 0.4), 36, -0.3)
    made, atoms = closed(bent, backbone, part)
    assert made.miss.item() < 0.001
    np.testing.assert_allclose(atoms[0, -1], backbone[0, 40], atol=0.002)
    np.testing.assert_allclose(atoms[0, 0], backbone[0, 30], atol=1e-9)
    before, after = bent[:1, part].reshape(1, -1, 3), atoms.reshape(1, -1, 3)
    for step in (1, 2):  # bonds, and the distances that fix the angles
        lengths = [np.linalg.norm(x[:, step:] - x[:, :-step], axis=-1) for x in (before, after)]
        np.testing.assert_allclose(*lengths, atol=1e-6)


def test_omega_stays_and_the_change_is_that_of_phi_and_psi(backbone):
    part = slice(30, 41)
    bent = turned(backbone, 35, 0.35)
    made, atoms = closed(bent, backbone, part)
    old, new = (backbone_torsions(x) for x in (bent[:1, part], atoms))
    np.testing.assert_allclose(np.exp(1j * old[2]), np.exp(1j * new[2]), atol=1e-6)  # omega
    changes = [np.angle(np.exp(1j * (b - a))) for a, b in zip(old[:2], new[:2], strict=True)]
    total = sum(np.nansum(change[0] ** 2) for change in changes)
    assert made.squared_change.item() == pytest.approx(total, rel=0.05)
    # Undoing the change by itself would cost 0.35^2; least squares finds nothing dearer.
    assert made.squared_change.item() <= 0.35**2 * 1.01


def test_a_chain_that_is_closed_stays_as_it_is(backbone):
    made, atoms = closed(backbone, backbone, slice(50, 58))
    assert made.squared_change.item() < 1e-12
    np.testing.assert_allclose(atoms[0], backbone[0, 50:58], atol=1e-6)


def test_an_end_out_of_reach_is_missed(backbone):
    far = backbone.copy()
    far[:, 40] += 5.0
    made, _ = closed(backbone, far, slice(30, 41))
    assert made.miss.item() > 1.0


def test_rotations_are_those_of_scipy():
    rng = np.random.default_rng(0)
    axis, angle = rng.normal(size=(50, 3)), rng.uniform(0, 3.1, 50)
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    found = rotation_about(torch.from_numpy(axis), torch.from_numpy(angle))
    np.testing.assert_allclose(found, Rotation.from_rotvec(axis * angle[:, None]).as_matrix(), atol=1e-12)
    np.testing.assert_allclose(rotation_vector(found), axis * angle[:, None], atol=1e-9)


def test_parts_of_poses():
    poses = Poses(torch.eye(3).expand(2, 4, 3, 3).clone(), torch.arange(24.0).reshape(2, 4, 3))
    poses[:, 1] = poses[:, 3]
    assert torch.equal(poses.origin[0, 1], torch.tensor([9.0, 10.0, 11.0]))
    assert poses.clone().origin.data_ptr() != poses.origin.data_ptr()
