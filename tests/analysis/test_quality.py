"""Quality metrics on structures whose faults are known."""

import MDAnalysis as mda
import numpy as np
import pandas as pd
import pytest
from MDAnalysis.lib.distances import self_distance_array

from mdllm.analysis.quality.geometry import METRICS, bonded_neighbours, clashes, geometry_of_frames
from mdllm.analysis.quality.ramachandran import is_outlier
from mdllm.analysis.quality.table import quality_table
from mdllm.config.settings.system import Reference
from mdllm.core.geometry import with_oxygen
from mdllm.core.trajectories import backbone_universe, read_backbone
from mdllm.observables.references import load_references


@pytest.fixture(scope="module")
def crystal(structures):
    """T4 lysozyme L99A at 1.65 Angstrom: backbone (1, L, 4, 3), residue names, bonded neighbours."""
    universe = backbone_universe(mda.Universe(structures / "3dmv.pdb").select_atoms("protein").residues)
    reference = load_references({"x": Reference(file=str(structures / "3dmv.pdb"))}, universe)["x"]
    backbone = reference.coordinates.reshape(1, -1, 4, 3)
    complete = np.isfinite(backbone).all((0, 2, 3))
    backbone, resnames = backbone[:, complete], universe.residues.resnames[complete]
    return backbone, resnames, np.ones(backbone.shape[1] - 1, bool)


def test_a_good_crystal_structure_is_good(crystal):
    values = {name: value[0] for name, value in geometry_of_frames(*crystal).items()}
    assert values["bond_length_deviation_nm"] < 0.002
    assert values["bond_angle_deviation_rad"] < 0.05
    assert values["ca_ca_deviation_nm"] < 0.004
    assert values["omega_deviation_rad"] < 0.12
    assert values["ramachandran_outlier_share"] < 0.02
    assert values["clashes_per_residue"] < 0.02
    assert values["cis_share"] == 0
    assert values["positive_phi_share"] < 0.06


def test_a_mirror_image_has_the_same_bonds_and_the_wrong_hand(crystal):
    backbone, resnames, bonded = crystal
    right = geometry_of_frames(backbone, resnames, bonded)
    wrong = geometry_of_frames(backbone * [1, 1, -1], resnames, bonded)
    assert wrong["bond_length_deviation_nm"] == pytest.approx(right["bond_length_deviation_nm"])
    assert wrong["positive_phi_share"][0] > 0.9
    assert wrong["ramachandran_outlier_share"][0] > 0.25


def test_a_stretched_structure_shows_in_bonds_only(crystal):
    backbone, resnames, bonded = crystal
    values = geometry_of_frames(1.05 * backbone, resnames, bonded)
    assert values["bond_length_deviation_nm"][0] == pytest.approx(0.05 * 0.144, rel=0.1)
    assert values["ca_ca_deviation_nm"][0] == pytest.approx(0.05 * 0.380, rel=0.1)
    assert values["bond_angle_deviation_rad"] == pytest.approx(
        geometry_of_frames(backbone, resnames, bonded)["bond_angle_deviation_rad"]
    )


def test_a_turned_peptide_bond_is_cis(crystal):
    """Rotating all that follows a C-N bond by pi makes exactly that bond cis."""
    backbone, resnames, bonded = crystal
    cut = 50
    origin, axis = backbone[0, cut, 2], backbone[0, cut + 1, 0] - backbone[0, cut, 2]
    axis = axis / np.linalg.norm(axis)
    turned = backbone.copy()
    rest = turned[0, cut + 1 :] - origin
    turned[0, cut + 1 :] = origin + 2 * (rest @ axis)[..., None] * axis - rest
    values = geometry_of_frames(turned, resnames, bonded)
    assert values["cis_share"][0] == pytest.approx(1 / bonded.sum())
    assert values["ca_ca_deviation_nm"][0] < 0.006


def test_clashes_equal_a_count_of_all_pairs(trp_cage_prepared):
    rng = np.random.default_rng(0)
    backbone = read_backbone(trp_cage_prepared.universe(), np.arange(5)).astype(np.float64)
    backbone = 0.8 * with_oxygen(backbone[:, :, :3]) + rng.normal(scale=0.02, size=backbone.shape)
    radius = np.tile([0.155, 0.170, 0.170, 0.152], 20)
    first, second = np.triu_indices(80, 1)
    apart = np.abs(first // 4 - second // 4) >= 2
    expected = [
        ((self_distance_array(frame.reshape(-1, 3)) < radius[first] + radius[second] - 0.04) & apart).sum()
        for frame in backbone
    ]
    assert min(expected) > 5
    np.testing.assert_array_equal(clashes(backbone), expected)


@pytest.mark.parametrize(
    ("phi", "psi", "outlier"),
    [(-60, -45, False), (-120, 130, False), (55, 45, False), (-65, 140, False), (60, -120, True), (0, 0, True)],
)
def test_ramachandran_regions_that_everyone_knows(phi, psi, outlier):
    assert is_outlier(np.deg2rad([phi]), np.deg2rad([psi]))[0] == outlier


def test_chain_ends_and_the_border_of_the_map_are_no_outliers():
    phi, psi = np.array([np.nan, -2.1, -2.1]), np.array([2.0, np.pi, -np.pi])
    assert not is_outlier(phi, psi).any()


def test_neighbours_across_a_gap_are_not_bonded(trp_cage_prepared):
    universe = trp_cage_prepared.universe()
    assert bonded_neighbours(universe).all()
    gapped = mda.Merge(universe.select_atoms("not resid 10"))
    np.testing.assert_array_equal(np.flatnonzero(~bonded_neighbours(gapped)), [8])


def test_a_break_in_the_chain_is_no_fault_of_the_frame(crystal):
    backbone, resnames, bonded = crystal
    moved, cut = backbone.copy(), bonded.copy()
    moved[:, 80:] += 1.0
    cut[79] = False
    whole, broken = geometry_of_frames(backbone, resnames, bonded), geometry_of_frames(moved, resnames, cut)
    for name in ("bond_length_deviation_nm", "ca_ca_deviation_nm", "omega_deviation_rad"):
        assert broken[name][0] == pytest.approx(whole[name][0], rel=0.05)


@pytest.mark.parametrize(("clashes_of_model", "no_worse"), [(0.11, True), (0.13, False)])
def test_the_verdict_is_the_mean_against_the_roundtrip_and_its_tolerance(clashes_of_model, no_worse):
    frames = pd.DataFrame({"source": ["md", "roundtrip", "model", "frequencies"], **dict.fromkeys(METRICS, 0.1)})
    frames.loc[frames["source"] == "model", "clashes_per_residue"] = clashes_of_model
    frames.loc[frames["source"] == "model", "rmsd_to_training_nm"] = 0.31
    table = quality_table(frames).set_index(["metric", "source"])
    assert METRICS["clashes_per_residue"].tolerance == 0.02
    assert table.loc[("clashes_per_residue", "model"), "no_worse"] is no_worse
    assert table.loc[("clashes_per_residue", "roundtrip"), "no_worse"] is None
    assert table.loc[("rmsd_to_training_nm", "model"), "within_limit"] is False
    assert table.loc[("positive_phi_share", "model"), "no_worse"] is None


def test_where_there_is_nothing_to_judge_there_is_no_value(crystal):
    """Glycines that nothing bonds: no torsions, no peptide bonds; bond lengths within residues remain."""
    backbone, resnames, bonded = crystal
    values = geometry_of_frames(backbone, np.full(len(resnames), "GLY"), np.zeros_like(bonded))
    unknown = {name for name, value in values.items() if np.isnan(value).all()}
    assert unknown == {
        *("ca_ca_deviation_nm", "omega_deviation_rad"),
        *("cis_share", "ramachandran_outlier_share", "positive_phi_share"),
    }


@pytest.mark.parametrize("source", ["roundtrip", "model"])
def test_a_missing_value_is_not_judged(source):
    frames = pd.DataFrame({"source": ["md", "roundtrip", "model", "frequencies"], **dict.fromkeys(METRICS, 0.1)})
    frames.loc[frames["source"] == source, ["omega_deviation_rad", "rmsd_to_training_nm"]] = np.nan
    table = quality_table(frames).set_index(["metric", "source"])
    assert table.loc[("omega_deviation_rad", source), "frames"] == 0
    assert table.loc[("omega_deviation_rad", "model"), "no_worse"] is None
    assert table.loc[("ca_ca_deviation_nm", "model"), "no_worse"] is True
    assert table.loc[("rmsd_to_training_nm", "model"), "within_limit"] is (None if source == "model" else True)
