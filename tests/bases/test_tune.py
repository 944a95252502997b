"""A base that goes on to learn from the frames of a system, and the product of both."""

from dataclasses import replace
from functools import partial

import MDAnalysis as mda
import numpy as np
import pytest
import torch

from mdllm.bases.examples import Windows, joined
from mdllm.bases.objective import Judged
from mdllm.bases.poses import of_backbone
from mdllm.bases.propose import Proposer
from mdllm.bases.proteins import CodedWhenAsked
from mdllm.bases.settings import ProposalSettings, TuningSettings
from mdllm.bases.tune import joined_with, tuned
from mdllm.bases.views import views
from mdllm.core.trajectories import ANGSTROM_PER_NM

from .conftest import settings as a_base

pytestmark = pytest.mark.slow

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


def test_a_copy_that_sees_other_proteins_as_well_forgets_less_of_them(both, cage, collection):
    base = both[0]
    molecule = Proposer(base, cage, SEQUENCE, ProposalSettings()).molecule
    settings = TuningSettings(steps=24, learning_rate=5e-3, mixed={"collection": "two", "share": 0.5})
    mixed = tuned(base, cage, molecule, settings, 0, collection)
    alone = tuned(base, cage, molecule, settings.model_copy(update={"mixed": None}), 0)
    of_others = Windows(CodedWhenAsked(collection, base.steps, 4), a_base().training, base.hidden, 8, 5, True)
    batch = joined(list(of_others), base.hidden)
    with torch.no_grad():
        sums = [Judged(each.network, base.steps)(**batch)["logits"].sum(0) for each in (alone, mixed)]
    losses = [float(nats / rows) for nats, *_, rows in sums]
    assert losses[0] > losses[1] + 0.3


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


def test_frames_of_another_molecule_support_the_residues_that_they_stand_for(both, cage):
    """Every residue is that of the frames two before it; the first two have none."""
    base, own = both
    twins = np.r_[-1, -1, np.arange(18)]
    told = joined_with(base, own, cage, TuningSettings(weight=1.0, gated=True), twins)
    codes = torch.from_numpy(base.steps.nearest(cage))
    shifted = codes.clone()
    shifted[:, 2:] = codes[:, :-2]
    view = view_of(base, cage, shifted)
    mine, alone = own.tell(view()).log_probabilities, base.tell(view()).log_probabilities
    assert torch.allclose(told(view, ROW).log_probabilities, mine)
    assert torch.allclose(told(view, 3).log_probabilities, alone)  # residue 1, to its left, has no twin


@pytest.mark.parametrize("weight", [0.0, 0.4, 1.0])
def test_every_draw_keeps_its_likelihood_under_the_base_and_under_its_copy(both, cage, weight):
    base, own = both
    product = joined_with(base, own, cage, TuningSettings(weight=weight, gated=False))
    expected = {"base": np.zeros(12), "tuned": np.zeros(12)}

    def watched(view, residue):
        told, now = product(view, residue), view()

        def offsets(codes):
            for name, asked in (("base", base), ("tuned", own)):
                expected[name] += asked.tell(now).log_probabilities[torch.arange(12), codes].numpy()
            return told.offsets(codes)

        return replace(told, offsets=offsets)

    settings = ProposalSettings(drawings=1, group=12, longest_span=6)  # none to choose from
    made = Proposer(base, cage, SEQUENCE, settings).group(0, 0, watched)
    assert 0 < made.changed.sum() < 12
    for name, values in expected.items():
        np.testing.assert_allclose(made.of_parts[name], values * made.changed)
    if weight in (0.0, 1.0):
        np.testing.assert_allclose(made.log_likelihood, made.of_parts["tuned" if weight else "base"])
    assert Proposer(base, cage, SEQUENCE, settings).group(0, 0).of_parts == {}
