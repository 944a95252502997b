"""What a base sees of a residue: the anchor where geometry says, and nothing of what is hidden or to come."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from mdllm.bases.poses import Poses
from mdllm.bases.views import LARGEST_OFFSET, NEIGHBOURS, NO_RESIDUE, Views, views

LENGTH, HIDDEN = 40, 99


@pytest.fixture
def frame():
    """Poses of a random coil (1, L), codes, and types."""
    rng = np.random.default_rng(1)
    rotation = Rotation.random(LENGTH, random_state=1).as_matrix()
    steps = rng.normal(size=(LENGTH, 3))
    origin = np.cumsum(0.38 * steps / np.linalg.norm(steps, axis=1, keepdims=True), axis=0)
    poses = Poses(torch.from_numpy(rotation)[None], torch.from_numpy(origin)[None])
    return poses, torch.arange(LENGTH)[None], torch.from_numpy(rng.integers(0, 20, (1, LENGTH)))


def view_of(residue, built, before, codes, types, hide=(), built_codes=None) -> Views:
    seen = torch.ones(1, LENGTH, dtype=torch.bool)
    seen[:, list(hide)] = False
    known = torch.where(seen, codes, HIDDEN)
    built_codes = codes if built_codes is None else built_codes
    return views(torch.tensor([residue]), built, built_codes, before, known, seen, types, HIDDEN)


def moved(poses: Poses, seed: int) -> Poses:
    turn = torch.from_numpy(Rotation.random(random_state=seed).as_matrix())
    return Poses(turn @ poses.rotation, poses.origin @ turn.T + torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64))


def same(a: Views, b: Views) -> bool:
    for field in fields(Views):
        x, y = getattr(a, field.name), getattr(b, field.name)
        if field.name.startswith("neighbour"):
            x, y = (part.flatten().double().sort().values for part in (x, y))
        if not torch.allclose(x.double(), y.double(), atol=1e-4):
            return False
    return True


def test_the_anchor_is_the_first_seen_residue_in_its_place(frame):
    poses, codes, types = frame
    view = view_of(20, poses, moved(poses, 5), codes, types, hide=range(20, 26))
    assert view.anchored.item()
    assert view.anchor_distance.item() == 6
    last, anchor = poses[0, 19], poses[0, 26]
    place = last.rotation.T @ (anchor.origin - last.origin)
    np.testing.assert_allclose(view.anchor[0, :3], place, atol=1e-5)
    np.testing.assert_allclose(view.anchor[0, 3:].reshape(3, 3), last.rotation.T @ anchor.rotation, atol=1e-5)
    assert view_of(20, poses, poses, codes, types).anchor_distance.item() == 0


def test_without_a_seen_residue_on_either_side_there_is_no_anchor(frame):
    poses, codes, types = frame
    assert not view_of(20, poses, poses, codes, types, hide=range(20, LENGTH)).anchored.item()
    assert not view_of(20, poses, poses, codes, types, hide=range(20)).anchored.item()


def test_rigid_motion_of_either_frame_changes_nothing(frame):
    poses, codes, types = frame
    plain = view_of(15, poses, poses, codes, types, hide=range(15, 20))
    assert same(plain, view_of(15, moved(poses, 2), poses, codes, types, hide=range(15, 20)))
    assert same(plain, view_of(15, poses, moved(poses, 3), codes, types, hide=range(15, 20)))


def test_nothing_is_seen_of_what_is_hidden_or_not_yet_built(frame):
    poses, codes, types = frame
    hide = range(15, 20)
    plain = view_of(15, poses, poses, codes, types, hide)
    other = poses.clone()
    other.origin[:, 15:] += 0.7
    other.rotation[:, 15:] = other.rotation[:, :25].clone()
    to_come = torch.where(torch.arange(LENGTH) >= 15, 7, codes)
    assert same(plain, view_of(15, other, poses, codes, types, hide, built_codes=to_come))
    changed = poses.clone()
    changed.origin[:, 15:20] += 0.4
    assert same(plain, view_of(15, poses, changed, codes, types, hide))
    changed.origin[:, 21] += 0.1
    assert not same(plain, view_of(15, poses, changed, codes, types, hide))


def test_codes_and_types_around_stand_in_order(frame):
    poses, codes, types = frame
    view = view_of(2, poses, poses, codes, types, hide=[4])
    assert view.codes_around[0].tolist() == [HIDDEN, HIDDEN, 0, 1, 2, 3, HIDDEN, 5, 6]
    assert view.codes_left[0].tolist() == [HIDDEN, HIDDEN, 0, 1]
    assert view.residue_types[0].tolist() == [NO_RESIDUE, NO_RESIDUE, *types[0, :7].tolist()]


def test_neighbours_are_the_nearest_in_space_but_not_those_next_in_the_chain(frame):
    poses, codes, types = frame
    view = view_of(20, poses, poses, codes, types)
    distance = (poses.origin[0] - poses.origin[0, 19]).norm(dim=-1).numpy()
    far = np.abs(np.arange(LENGTH) - 19) > 2
    nearest = [i for i in np.argsort(distance) if far[i]][:NEIGHBOURS]
    found = view.neighbour_offsets[0] - LARGEST_OFFSET
    expected = np.clip(np.array(nearest) - 20, -LARGEST_OFFSET, LARGEST_OFFSET)
    assert sorted(found.tolist()) == sorted(expected.tolist())
    np.testing.assert_allclose(np.sort(view.neighbours[0, :, 0].norm(dim=-1)), np.sort(distance[nearest]), atol=1e-5)
    short = views(
        torch.tensor([5]), poses[:, :8], codes[:, :8], poses[:, :8], codes[:, :8],
        torch.ones(1, 8, dtype=torch.bool), types[:, :8], HIDDEN,
    )  # fmt: skip
    assert short.neighbours.shape == (1, NEIGHBOURS, 2, 3)
    assert (short.neighbour_types != NO_RESIDUE).sum() == 3  # 0, 1 and 7: not 2 to 6
