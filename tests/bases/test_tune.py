"""A base that goes on to learn from the frames of a system, and the product of both."""

from functools import partial

import MDAnalysis as mda
import numpy as np
import pytest
import torch

from mdllm.bases.poses import of_backbone
from mdllm.bases.propose import Proposer
from mdllm.bases.settings import ProposalSettings, TuningSettings
from mdllm.bases.tune import joined_with, tuned
from mdllm.bases.views import views
from mdllm.core.trajectories import ANGSTROM_PER_NM

SEQUENCE = "NLYIQWLKDGGPSSGRPPPS"
ROW = 10


@pytest.fixture(scope="module")
def cage(structures) -> np.ndarray:
    """N, CA, C (5, 20, 3, 3) in nm of the first models of Trp-cage."""
    universe = mda.Universe(str(structures / "1l2y.pdb"))
    atoms = universe.select_atoms("name N CA C")
    return np.array([atoms.positions.reshape(20, 3, 3) for _ in universe.trajectory[:5]], float) / ANGSTROM_PER_NM


@pytest.fixture(scope="module")
def both(trained, cage):
    base = trained[2]
    molecule = Proposer(base, cage, SEQUENCE, ProposalSettings()).molecule
    return base, tuned(base, cage, molecule, TuningSettings(steps=12, learning_rate=2e-3), seed=0)


def view_of(base, cage, codes=None):
    """The views of ROW in frames (5,), the span around it hidden."""
    codes = torch.from_numpy(base.steps.nearest(cage)) if codes is None else codes
    poses = of_backbone(cage)
    seen = torch.ones(codes.shape, dtype=torch.bool)
    seen[:, ROW - 2 : ROW + 3] = False
    known = torch.where(seen, codes, torch.as_tensor(base.hidden))
    types = torch.zeros(20, dtype=torch.long).expand_as(codes)
    return partial(views, torch.full((5,), ROW), poses, codes, poses, known, seen, types, base.hidden)


def test_the_frames_become_more_probable_and_the_base_stays_as_it_was(both, cage):
    base, own = both
    codes = torch.from_numpy(base.steps.nearest(cage))[:, ROW, None]
    before, after = (x.tell(view_of(base, cage)()).log_probabilities.gather(1, codes).mean() for x in (base, own))
    assert after > before + 0.2
    assert not torch.equal(*(next(x.network.parameters()) for x in (base, own)))


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_the_product_by_hand(both, cage, weight):
    base, own = both
    view = view_of(base, cage)
    told = joined_with(base, own, cage, TuningSettings(weight=weight, gated=False))(view, ROW)
    prior, mine = (x.tell(view()).log_probabilities.exp() for x in (base, own))
    product = mine**weight * prior ** (1 - weight)
    assert torch.allclose(told.log_probabilities.exp(), product / product.sum(1, keepdim=True))
    code = torch.arange(5)
    expected = weight * own.tell(view()).offsets(code) + (1 - weight) * base.tell(view()).offsets(code)
    assert torch.allclose(told.offsets(code), expected)


def test_on_a_code_that_no_frame_shows_the_base_is_alone(both, cage):
    base, own = both
    codes = torch.from_numpy(base.steps.nearest(cage))
    unseen = next(code for code in range(base.hidden) if not (codes[:, ROW - 2] == code).any())
    codes[0, ROW - 2] = unseen
    codes[1, ROW - 3] = unseen if not (codes[:, ROW - 3] == unseen).any() else codes[1, ROW - 3]
    view = view_of(base, cage, codes)
    told = joined_with(base, own, cage, TuningSettings(weight=1.0, gated=True))(view, ROW)
    alone, mine = base.tell(view()).log_probabilities, own.tell(view()).log_probabilities
    assert torch.allclose(told.log_probabilities[0], alone[0])
    assert torch.allclose(told.log_probabilities[1:], mine[1:])
