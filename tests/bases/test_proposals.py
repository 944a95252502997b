"""Spans redrawn by a base, and proposals made of them."""

import MDAnalysis as mda
import numpy as np
import pandas as pd
import pytest
import torch

from mdllm.bases.base import Told
from mdllm.bases.files import propose
from mdllm.bases.poses import of_backbone
from mdllm.bases.propose import Proposer
from mdllm.bases.settings import ProposalSettings
from mdllm.bases.spans import clashes, isomerized, of_base, of_frequencies, of_residue_types, redraw
from mdllm.core.errors import InputError
from mdllm.core.trajectories import ANGSTROM_PER_NM
from mdllm.tokenizers.chain.codebook import Codebook

pytestmark = pytest.mark.slow

SEQUENCE = "NLYIQWLKDGGPSSGRPPPS"


@pytest.fixture(scope="module")
def cage(structures) -> np.ndarray:
    """N, CA, C (5, 20, 3, 3) in nm of the first models of Trp-cage."""
    universe = mda.Universe(str(structures / "1l2y.pdb"))
    atoms = universe.select_atoms("name N CA C")
    return np.array([atoms.positions.reshape(20, 3, 3) for _ in universe.trajectory[:5]], float) / ANGSTROM_PER_NM


@pytest.fixture
def proposer(trained, cage) -> Proposer:
    return Proposer(trained[2], cage, SEQUENCE, ProposalSettings(group=6, drawings=8, longest_span=8))


def redrawn(
    proposer,
    cage,
    span=range(8, 14),
    seed=0,
    temperature=1.0,
    sharpness=0.0,
    knowledge=None,
    drawings=16,
    farthest_nm=9.0,
):
    codes = torch.from_numpy(proposer.base.steps.nearest(cage))
    uniforms = torch.from_numpy(np.random.default_rng(seed).random((len(cage), drawings, len(span) + 2)))
    knowledge = knowledge or of_base(proposer.base)
    poses = of_backbone(cage)
    settings = ProposalSettings(temperature=temperature, sharpness=sharpness, farthest_nm=farthest_nm)
    return poses, redraw(proposer.base, knowledge, proposer.molecule, poses, codes, span, settings, uniforms)


def test_only_the_span_moves_and_its_chain_is_whole(proposer, cage):
    span = range(8, 14)
    before, made = redrawn(proposer, cage, span)
    assert made.changed.any()
    outside = [residue for residue in range(20) if residue not in span]
    assert torch.equal(made.poses.origin[:, outside], before.origin[:, outside])
    assert torch.equal(made.poses.rotation[:, outside], before.rotation[:, outside])
    moved = (made.poses.origin - before.origin)[:, span.start : span.stop].norm(dim=-1).amax(1)
    assert ((moved > 0.01) == made.changed).all()
    atoms = made.poses.to_atoms(proposer.molecule.local).numpy()
    bond = np.linalg.norm(atoms[:, 1:, 0] - atoms[:, :-1, 2], axis=-1)
    assert (np.abs(bond - 0.133) < 0.03).all()
    assert not clashes(made.poses, proposer.molecule, span)[made.changed].any()
    assert (made.log_likelihood[~made.changed] == 0).all()
    assert (made.log_likelihood[made.changed] < 0).all()


def test_where_every_drawing_clashes_the_span_stays(proposer, cage, monkeypatch):
    monkeypatch.setattr("mdllm.bases.spans._CLASH_NM", 10.0)
    before, made = redrawn(proposer, cage)
    assert not made.changed.any()
    assert (made.log_likelihood == 0).all()
    torch.testing.assert_close(made.poses.origin, before.origin)


def test_what_leads_too_far_away_is_none_of_the_drawings(proposer, cage):
    before, far = redrawn(proposer, cage, range(15, 20))
    shift = (far.poses.origin - before.origin).square().sum(-1).mean(1).sqrt()
    limit = float(shift.max()) - 1e-6
    _, near = redrawn(proposer, cage, range(15, 20), farthest_nm=limit)
    assert ((near.poses.origin - before.origin).square().sum(-1).mean(1).sqrt() <= limit).all()
    assert not torch.equal(near.poses.origin, far.poses.origin)


def test_a_peptide_bond_keeps_its_isomer(proposer, cage):
    poses = of_backbone(cage)
    turned = poses.clone()
    assert not isomerized(turned, poses, range(8, 14)).any()
    distance = (turned.origin[1, 14] - turned.origin[1, 13]).norm()
    turned.origin[1, 14] = turned.origin[1, 13] + 0.29 / distance * (turned.origin[1, 14] - turned.origin[1, 13])
    assert isomerized(turned, poses, range(8, 14)).tolist() == [False, True, False, False, False]
    assert not isomerized(turned, poses, range(8, 13)).any()
    assert isomerized(poses, turned, range(8, 14)).tolist() == [False, True, False, False, False]
    # codes of which each leads to a cis bond: no drawing is left
    cis = int((proposer.base.steps.origin**2).sum(1).argmin())
    assert np.linalg.norm(proposer.base.steps.origin[cis]) < 0.34
    only = torch.full((1, 64), -torch.inf, dtype=torch.float64)
    only[:, cis] = 0.0
    assert not redrawn(
        proposer,
        cage,
        range(17, 20),
        knowledge=lambda view, residue: Told(only, lambda codes: torch.zeros(len(codes), 6).double()),
    )[1].changed.any()


def test_a_span_at_the_end_of_the_chain_moves_freely(proposer, cage):
    _, made = redrawn(proposer, cage, range(15, 20))
    assert made.changed.any()
    assert made.poses.origin.isfinite().all()


def test_a_gap_after_the_span_is_no_place_to_close_at(trained, cage):
    broken = cage.copy()
    broken[:, 14:] += np.array([0.0, 0.0, 3.0])
    assert Proposer(trained[2], broken, SEQUENCE, ProposalSettings()).stretches == [(1, 13), (15, 19)]
    proposer = Proposer(trained[2], broken, SEQUENCE, ProposalSettings(free_ends=True))
    assert proposer.stretches == [(1, 14), (15, 20)]
    asked = []

    def watch(view, residue):
        asked.append(residue)
        return proposer.base.tell(view())

    before, made = redrawn(proposer, broken, range(9, 14), knowledge=watch)
    assert asked == list(range(9, 14))
    torch.testing.assert_close(made.poses.origin[:, 14:], before.origin[:, 14:])
    rng = np.random.default_rng(0)
    spans = [span for _ in range(200) for span in proposer.spans(rng)]
    assert all(span.stop <= 14 or span.start >= 15 for span in spans)
    assert {len(span) for span in spans} == set(range(4, 13))
    assert {span.start for span in spans} >= {1, 10, 15, 16}


def test_sharper_drawings_are_more_probable(proposer, cage):
    many = np.repeat(cage, 8, axis=0)
    plain, sharp = (redrawn(proposer, many, sharpness=sharpness)[1] for sharpness in (0.0, 3.0))
    both = plain.changed & sharp.changed
    assert sharp.log_likelihood[both].mean() > plain.log_likelihood[both].mean() + 0.5
    cold = redrawn(proposer, many, temperature=0.3)[1]
    assert cold.log_likelihood[cold.changed].mean() > plain.log_likelihood[plain.changed].mean() + 1


def test_the_null_draws_by_the_type_of_the_residue_alone(proposer, cage):
    statistics = proposer.base.statistics.single
    table = torch.eye(*statistics.shape)  # code n for type n
    one = type(proposer.base.statistics)(table.numpy(), proposer.base.statistics.pair)
    base = type(proposer.base)(proposer.base.steps, proposer.base.network, one, {})
    knowledge = of_residue_types(base, SEQUENCE)
    drawn = [knowledge(None, residue).log_probabilities.argmax(1).tolist() for residue in range(20)]
    assert drawn == [["ACDEFGHIKLMNPQRSTVWYX".index(letter)] for letter in SEQUENCE]
    assert redrawn(proposer, cage, range(8, 12), knowledge=of_residue_types(proposer.base, SEQUENCE))[1].changed.any()


def test_the_null_of_frequencies_draws_what_a_residue_has_in_the_frames(proposer, cage):
    codes = proposer.base.steps.nearest(cage)
    knowledge = of_frequencies(proposer.base, cage)
    _, made = redrawn(proposer, cage, range(8, 12), knowledge=knowledge)
    assert made.changed.any()
    probabilities = knowledge(None, 9).log_probabilities.exp()
    assert probabilities.shape == (1, 64)
    np.testing.assert_allclose(probabilities[0], np.bincount(codes[:, 9], minlength=64) / len(codes))


def test_groups_do_not_depend_on_each_other_and_the_null_redraws_the_same_spans(proposer):
    second, again = proposer.group(1, seed=3), proposer.group(1, seed=3)
    np.testing.assert_array_equal(second.backbone, again.backbone)
    null = proposer.group(1, 3, of_residue_types(proposer.base, SEQUENCE))
    assert (null.first, null.last) == (second.first, second.last)
    np.testing.assert_array_equal(null.start, second.start)
    assert not np.allclose(null.backbone, second.backbone)
    assert not np.array_equal(proposer.group(2, 3).backbone, second.backbone)


def test_several_moves_go_on_from_each_other(trained, cage):
    settings = ProposalSettings(moves=3, group=4, drawings=8, longest_span=6)
    made = Proposer(trained[2], cage, SEQUENCE, settings).group(0, 0)
    assert len(made.first) == 3
    assert made.changed.max() >= 2
    untouched = [r for r in range(20) if not any(a <= r <= b for a, b in zip(made.first, made.last, strict=True))]
    np.testing.assert_allclose(made.backbone[:, untouched, 1], cage[made.start][:, untouched, 1], atol=1e-6)


def test_a_base_of_another_language_or_a_wrong_sequence_is_refused(trained, cage):
    base = trained[2]
    other = Codebook(base.steps.rotation, base.steps.origin + 0.001)
    foreign = type(base)(other, base.network, base.statistics, {})
    with pytest.raises(InputError, match="other codes than those of the tokenizer chain with 64 codes"):
        Proposer(foreign, cage, SEQUENCE, ProposalSettings())
    with pytest.raises(InputError, match="a sequence of 3 residues for structures of 20"):
        Proposer(base, cage, "NLY", ProposalSettings())
    with pytest.raises(InputError, match="no stretch of chain has 30 residues that may move"):
        Proposer(base, cage, SEQUENCE, ProposalSettings(shortest_span=30, longest_span=40))


def test_proposals_of_a_structure_file(trained, structures, tmp_path):
    settings = ProposalSettings(group=4, drawings=8)
    output = tmp_path / "proposals"
    record = propose(structures / "1l2y.pdb", str(trained[0]), settings, 10, 1, output)
    assert record["proposals"] == 12
    assert record["start_structures"] == 38
    table = pd.read_csv(output / "proposals.csv")
    assert table.groupby("source").size().to_dict() == {"model": 12, "residue_types": 12}
    for source in ("model", "residue_types"):
        universe = mda.Universe(str(output / "topology.pdb"), str(output / f"{source}.xtc"))
        assert (len(universe.trajectory), len(universe.atoms)) == (12, 80)
    starts = mda.Universe(str(structures / "1l2y.pdb"))
    row = table[table["source"] == "model"].iloc[5]
    universe = mda.Universe(str(output / "topology.pdb"), str(output / "model.xtc"))
    universe.trajectory[5]
    starts.trajectory[row["start"]]
    kept = f"name CA and not resid {row['first_residue']}:{row['last_residue']}"
    np.testing.assert_allclose(universe.select_atoms(kept).positions, starts.select_atoms(kept).positions, atol=0.02)
    with pytest.raises(InputError, match="exists; nothing is overwritten"):
        propose(structures / "1l2y.pdb", str(trained[0]), settings, 10, 1, output)
    with pytest.raises(InputError, match=r"nothing\.pdb does not exist; give a folder"):
        propose(tmp_path / "nothing.pdb", str(trained[0]), settings, 10, 1, tmp_path / "other")
    with pytest.raises(InputError, match="base none: not one that comes with mdllm"):
        propose(structures / "1l2y.pdb", "none", settings, 10, 1, tmp_path / "other")
    assert not (tmp_path / "other").exists()
