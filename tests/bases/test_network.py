"""The parts of a base's logits whose geometry can be computed by hand."""

from dataclasses import fields

import MDAnalysis as mda
import numpy as np
import pytest
import torch

from mdllm.bases.network import BaseNetwork
from mdllm.bases.poses import Poses, compose, of_vectors
from mdllm.bases.views import BETA_CARBON_NM, LARGEST_OFFSET, NEIGHBOURS, NO_RESIDUE, Views
from mdllm.tokenizers.chain.codebook import shipped_steps
from mdllm.tokenizers.rigid.poses import poses_of

CODES = 64


@pytest.fixture
def network():
    torch.manual_seed(0)
    return BaseNetwork(shipped_steps(CODES), width=16, blocks=1, dropout=0.0).eval()


def view(place, turn, distance: int, anchored: bool = True) -> Views:
    none = torch.full((1, NEIGHBOURS), NO_RESIDUE)
    return Views(
        residue_types=torch.zeros(1, 9, dtype=torch.long),
        codes_around=torch.full((1, 9), CODES),
        codes_left=torch.full((1, 4), CODES),
        anchored=torch.tensor([anchored]),
        anchor_distance=torch.tensor([distance]),
        anchor=torch.cat([torch.as_tensor(place), torch.as_tensor(turn).flatten()]).float()[None],
        neighbours=torch.zeros(1, NEIGHBOURS, 2, 3),
        neighbour_types=none,
        neighbour_offsets=torch.full((1, NEIGHBOURS), LARGEST_OFFSET),
    )


def test_at_the_anchor_the_code_that_leads_there_is_best(network):
    steps = shipped_steps(CODES)
    for code in (0, 17, 63):
        rows, values = network._at_anchor(view(steps.origin[code], steps.rotation[code], 0))
        assert rows.tolist() == [0]
        assert values[0].argmax() == code
        assert values[0, code].item() == pytest.approx(0.0, abs=1e-4)
    assert not len(network._at_anchor(view(steps.origin[0], steps.rotation[0], 0, anchored=False))[0])
    assert not len(network._at_anchor(view(steps.origin[0], steps.rotation[0], 3))[0])


def test_on_the_way_the_anchor_counts_as_it_is_seen_from_the_pose_of_each_code(network):
    steps, distance = shipped_steps(CODES), 4
    place, turn = np.array([0.5, 0.9, -0.4]), steps.rotation[5] @ steps.rotation[9]
    rows, values = network._on_the_way(view(place, turn, distance))
    assert rows.tolist() == [0]
    layer, lengths, scale = network.reach_pose, network.reach_length, 1 / (0.15 + 0.12 * distance)
    for code in (3, 40):
        seen = steps.rotation[code].T @ (place - steps.origin[code])
        length = np.linalg.norm(seen)
        stretch = length / (0.38 * distance)
        radial = np.exp(-(((stretch - np.linspace(0, 1, 8)) / 0.12) ** 2))
        pose = torch.tensor([*(seen * scale), *(steps.rotation[code].T @ turn).ravel()]).float()
        hidden = layer(pose) + lengths(torch.tensor([stretch, length, *radial]).float())
        expected = network.reach(torch.relu(hidden + network.reach_distance(torch.tensor(distance))))
        assert values[0, code].item() == pytest.approx(expected.item(), abs=1e-4)


def test_contacts_are_read_by_both_types_and_the_distance_of_the_beta_carbons(network):
    steps, seen = shipped_steps(CODES), view([0.0, 0.0, 0.0], np.eye(3), 0, anchored=False)
    seen.neighbour_types[0, 2] = 11
    seen.neighbours[0, 2] = torch.tensor([[0.3, 0.6, 0.2], [0.1, 0.0, 0.05]])
    with torch.no_grad():
        network.contact.copy_(torch.arange(len(network.contact)).float())
    found = network._contacts(seen, torch.tensor([4]))
    for code in (0, 30):
        beta = steps.origin[code] + steps.rotation[code] @ np.array(BETA_CARBON_NM)
        number = int(np.linalg.norm(beta - [0.4, 0.6, 0.25]) / 0.05)
        assert found[0, code].item() == (4 * (NO_RESIDUE + 1) + 11) * 24 + min(number, 23)


def test_an_offset_is_learned_where_the_anchor_tells_it(network):
    """The anchor is the residue itself, so that its pose as seen from the code is the offset."""
    torch.manual_seed(1)
    steps, codes = shipped_steps(CODES), torch.randint(CODES, (64,))
    vectors = torch.randn(64, 6) * torch.tensor([0.02] * 3 + [0.1] * 3)
    poses = Poses(*(torch.from_numpy(getattr(steps, name))[codes].float() for name in ("rotation", "origin")))
    there = compose(poses, of_vectors(vectors))
    views = [view(origin, turn, 0) for origin, turn in zip(there.origin, there.rotation, strict=True)]
    joined = Views(*(torch.cat([getattr(one, field.name) for one in views]) for field in fields(Views)))
    state = torch.zeros(64, 16)
    assert not network.offsets(joined, state, codes).any()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(200):
        optimizer.zero_grad()
        ((network.offsets(joined, state, codes) - vectors) / network.offset_scale).abs().mean().backward()
        optimizer.step()
    missed = (network.offsets(joined, state, codes) - vectors).detach()
    assert (missed.abs().mean(0) < 0.4 * vectors.abs().mean(0)).all()


def test_every_part_reaches_the_logits(network):
    steps = shipped_steps(CODES)
    near, far = (view(steps.origin[7], steps.rotation[7], distance) for distance in (0, 5))
    with torch.no_grad():
        assert network(near)[0][0].argmax() == 7
        plain, _ = network(far)
        network.pair_statistics.weight[0, 12] = 50.0
        assert (network(far)[0] - plain)[0, 12].item() == pytest.approx(50.0, abs=1e-3)


def test_the_beta_carbon_stands_where_l_amino_acids_have_it(structures):
    alanine = mda.Universe(str(structures / "alanine_dipeptide.pdb")).select_atoms("resname ALA")
    atoms = np.array([alanine.select_atoms(f"name {name}").positions[0] for name in ("N", "CA", "C", "CB")]) / 10
    rotation, origin = poses_of(atoms[None, None, :3])
    local = rotation[0, ..., 0].T @ (atoms[3] - origin[0, :, 0])
    np.testing.assert_allclose(local, BETA_CARBON_NM, atol=0.01)
