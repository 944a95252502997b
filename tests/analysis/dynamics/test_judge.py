"""Motion of generated frames beside MD: ensembles whose agreement is known, and the tables of an analysed run."""

import MDAnalysis as mda
import numpy as np
import pandas as pd
import pytest

from mdllm.analysis.dynamics.agreement import COMPARISONS, compare, compare_with_error, profiles_of
from mdllm.analysis.dynamics.backbones import Chain, far_in_sequence, in_contact, sums_of, virtual_cb
from mdllm.analysis.dynamics.motion import measure_motion, superposition
from mdllm.core.geometry import backbone_torsions
from mdllm.core.records import read_json, read_npz
from mdllm.core.trajectories import read_backbone

HEADLINES = [comparison for comparison in COMPARISONS if comparison.headline]


@pytest.fixture(scope="module")
def chain(trp_cage_prepared):
    resnames = trp_cage_prepared.universe().residues.resnames.astype(str)
    return Chain(resnames, np.ones(19, bool), np.zeros(20, int))


@pytest.fixture(scope="module")
def backbone(trp_cage_prepared):
    return read_backbone(trp_cage_prepared.universe(), np.arange(0, 4998, 17))


def summed(backbone, chain, clusters=7):
    return sums_of(backbone, np.arange(len(backbone)) * clusters // len(backbone), chain, 0.8)


def test_profiles_are_those_of_the_frames(backbone, chain):
    found = profiles_of(summed(backbone, chain).total())
    rotation, translation = superposition(backbone[:, :, 1], "mean")
    motion = measure_motion(backbone[:, :, 1] @ rotation + translation[:, None], np.zeros(len(backbone), int))
    np.testing.assert_allclose(found["rmsf_nm"], motion.rmsf_nm, atol=1e-9)
    np.testing.assert_allclose(found["correlation"], motion.correlation, atol=1e-9)
    phi, psi, _ = backbone_torsions(backbone.astype(float))
    for name, angle in (("phi", phi), ("psi", psi)):
        expected = [np.histogram(own, np.linspace(-np.pi, np.pi, 13))[0] / len(own) for own in angle.T]
        known = np.isfinite(angle[0])
        np.testing.assert_allclose(found[name][known], np.array(expected)[known])
        assert np.isnan(found[name][~known]).all()
    np.testing.assert_allclose(found["dssp"].sum(1), 1)
    assert found["dssp"][4, 2] > 0.9  # the helix of Trp-cage
    cb = virtual_cb(backbone)
    one, other = np.unravel_index(np.abs(found["contacts"] - 0.5).argmin(), (20, 20))
    near = np.linalg.norm(cb[:, one] - cb[:, other], axis=-1) < 0.8
    assert 0.2 < near.mean() < 0.8
    assert found["contacts"][one, other] == pytest.approx(near.mean())


def test_a_virtual_cb_lies_where_the_true_one_is(structures):
    atoms = mda.Universe(str(structures / "2jof.pdb")).select_atoms("protein")
    residues = [residue for residue in atoms.residues if residue.resname != "GLY"]
    points = np.array(
        [[r.atoms.select_atoms(f"name {name}").positions[0] / 10 for name in ("N", "CA", "C", "CB")] for r in residues]
    )
    apart = np.linalg.norm(virtual_cb(points[None, :, :3])[0] - points[:, 3], axis=-1)
    assert apart.max() < 0.02
    assert in_contact(points[None, :, :3], 0.8).shape == (1, len(residues), len(residues))


def test_pairs_of_a_map_are_far_in_sequence_but_not_across_chains():
    pairs = far_in_sequence(np.array([0, 0, 0, 0, 1]))
    assert np.argwhere(pairs).tolist() == [[0, 3], [0, 4], [1, 4], [2, 4], [3, 4]]


@pytest.mark.parametrize("comparison", COMPARISONS, ids=lambda found: f"{found.quantity}-{found.measure}")
def test_an_ensemble_agrees_with_itself_and_less_with_itself_distorted(backbone, chain, comparison):
    rng = np.random.default_rng(0)
    pairs = far_in_sequence(chain.chain)
    sums = summed(backbone, chain)
    itself = profiles_of(sums.total())
    same = 0 if comparison.measure == "jensen_shannon" else 1
    value, error = compare_with_error(comparison, sums, itself, pairs)
    assert value == pytest.approx(same, abs=1e-12)
    assert 0 < error < 0.15
    noise = rng.normal(size=backbone.shape) * np.where(np.arange(20) % 3, 0.02, 0.1)[:, None, None]
    wobbly = summed((backbone + noise).astype(np.float32), chain)
    assert abs(compare(comparison, profiles_of(wobbly.total()), itself, pairs) - same) > 0.01


def test_divergence_and_ratio_by_hand(chain):
    by_name = {(found.quantity, found.measure): found for found in COMPARISONS}
    half, other = np.zeros((20, 8)), np.zeros((20, 8))
    half[:, :2], other[:, 0] = 0.5, 1
    pairs = far_in_sequence(chain.chain)
    found = compare(by_name["secondary_structure", "jensen_shannon"], {"dssp": half}, {"dssp": other}, pairs)
    # middle 3/4, 1/4: (1/2 log 2/3 + 1/2 log 2 + log 4/3) / 2 bits
    assert found == pytest.approx((0.5 * np.log2(2 / 3) + 0.5 + np.log2(4 / 3)) / 2)
    one, two = {"rmsf_nm": np.arange(1.0, 21)}, {"rmsf_nm": 2 * np.arange(1.0, 21)}
    assert compare(by_name["rmsf", "ratio"], one, two, pairs) == 0.5
    assert np.isnan(compare(by_name["contacts", "pearson"], one, two, pairs))
    assert np.isnan(compare(by_name["rmsf", "pearson"], {"rmsf_nm": np.ones(20)}, two, pairs))


def test_tables_of_a_run_whose_model_copies_training_frames(analyzed):
    table = pd.read_csv(analyzed / "dynamics" / "agreement.csv")
    value = table.set_index(["reference", "quantity", "measure", "source"])["value"]
    training = value["md_training"]
    # half of the replicas visit the other state, as MD does, and MD in training does not
    assert value["md", "torsions", "jensen_shannon", "model"] < value["md", "torsions", "jensen_shannon", "md_training"]
    assert training["torsions", "jensen_shannon", "roundtrip"] < training["torsions", "jensen_shannon", "model"]
    assert training["rmsf", "pearson", "roundtrip"] > 0.95
    assert training["rmsf", "pearson", "gnm"] < training["rmsf", "pearson", "roundtrip"]
    assert not table[(table["measure"] == "ratio") & table["source"].isin(["gnm", "anm"])].size
    model = table[(table["source"] == "model") & (table["reference"] == "md")].set_index(["quantity", "measure"])
    assert "md_training" in model.loc[("torsions", "jensen_shannon"), "nearer_than"].split()
    residues = pd.read_csv(analyzed / "dynamics" / "residues.csv")
    shares = (
        residues[residues["property"].str.startswith("psi_")].groupby(["source", "resid"])["value"].sum(min_count=1)
    )
    np.testing.assert_allclose(shares.dropna(), 1)
    assert residues.loc[residues["source"] == "md", "standard_error"].notna().mean() > 0.9
    matrices = read_npz(analyzed / "dynamics" / "matrices.npz")
    for name in ("md_contacts", "model_correlation", "anm_correlation"):
        np.testing.assert_allclose(matrices[name], matrices[name].T, atol=1e-6)


def test_the_summary_has_one_number_for_each_quantity_and_says_it_in_words(analyzed):
    section = read_json(analyzed / "summary.json")["dynamics"]
    headlines = [
        entry["quantity"] for entry in section["agreement"] if entry["headline"] and entry["reference"] == "md"
    ]
    assert headlines == [comparison.quantity for comparison in HEADLINES]
    for words in ("beside the training frames nearer than", "beside all of MD nearer than", "of 5"):
        assert words in section["verdict"]
    assert section["clusters"]["model"] == 8
    assert section["frames"]["md"] == 2000
