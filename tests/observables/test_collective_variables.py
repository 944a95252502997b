"""Collective variables against MDAnalysis' own analyses and against published structures."""

import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysis.analysis.dihedrals import Dihedral
from MDAnalysis.analysis.rms import RMSD
from pydantic import TypeAdapter
from scipy.spatial.transform import Rotation

from mdllm.config.settings.system import CollectiveVariable
from mdllm.core.errors import InputError
from mdllm.core.trajectories import ANGSTROM_PER_NM, backbone_universe
from mdllm.observables.collective_variables import CollectiveVariables, column

_ADAPTER = TypeAdapter(dict[str, CollectiveVariable])
_TRP_CAGE = {
    "distance_11_15": {"type": "distance", "a": "resid 11 and name CA", "b": "resid 15 and name CA"},
    "psi11": {"type": "psi", "residue": 11},
    "phi11": {"type": "phi", "residue": 11},
    "bend": {"type": "angle", "a": "resid 2 and name CA", "b": "resid 8 and name CA", "c": "resid 15 and name CA"},
    "twist": {"type": "dihedral", **{k: f"resid {r} and name CA" for k, r in zip("abcd", (2, 6, 12, 18), strict=True)}},
    "halves": {"type": "distance", "a": "resid 1-10", "b": "resid 11-20"},
    "gyration": {"type": "radius_of_gyration"},
    "rmsd": {"type": "rmsd", "reference": "training_start"},
}
_T4L = {
    "distance_113_117": {"type": "distance", "a": "resid 113 and name CA", "b": "resid 117 and name CA"},
    "psi114": {"type": "psi", "residue": 114},
}


def bind(atoms, variables, **references):
    return CollectiveVariables(atoms, _ADAPTER.validate_python(variables), references)


@pytest.fixture(scope="module")
def structure(structures):
    """Function: backbone and coordinates (M, A, 3) of a PDB file whose backbone is whole; altloc A."""

    def load(name):
        universe = mda.Universe(structures / name)
        atoms = universe.select_atoms("protein and backbone and not altLoc B")
        points = np.stack([atoms.positions.copy() for _ in universe.trajectory]) / ANGSTROM_PER_NM
        return mda.Merge(atoms), points

    return load


@pytest.fixture(scope="module")
def trp_cage(trp_cage_prepared):
    universe = trp_cage_prepared.universe()
    frames = np.arange(0, 4999, 100)
    points = np.stack([universe.trajectory[i].positions.copy() for i in frames]) / ANGSTROM_PER_NM
    universe.transfer_to_memory(step=100)
    return universe, points


def test_every_kind_equals_an_independent_computation(trp_cage):
    universe, points = trp_cage
    values = bind(universe, _TRP_CAGE, training_start=points[0]).compute(points)
    assert list(values) == [
        *("distance_11_15_nm", "psi11_rad", "phi11_rad", "bend_rad", "twist_rad", "halves_nm", "gyration_nm", "rmsd_nm")
    ]
    residue = universe.residues[10]
    select = universe.select_atoms
    c_alpha = [select(f"resid {r} and name CA") for r in (2, 6, 12, 18)]
    torsions = Dihedral([residue.psi_selection(), residue.phi_selection(), sum(c_alpha[1:], c_alpha[0])]).run()
    for name, degrees in zip(("psi11_rad", "phi11_rad", "twist_rad"), torsions.results.angles.T, strict=True):
        np.testing.assert_allclose(values[name], np.deg2rad(degrees), atol=1e-5)
    skeleton = select("name N CA C")
    universe.trajectory[0]
    rms = RMSD(skeleton, reference=mda.Merge(skeleton)).run().results.rmsd[:, 2]
    np.testing.assert_allclose(values["rmsd_nm"], rms / ANGSTROM_PER_NM, atol=1e-5)
    a, b, c = (select(f"resid {r} and name CA") for r in (2, 8, 15))
    for row, _ in enumerate(universe.trajectory):
        centres = [select(s).center_of_geometry() for s in ("resid 1-10", "resid 11-20")]
        assert values["halves_nm"][row] == pytest.approx(np.linalg.norm(centres[0] - centres[1]) / 10, abs=1e-5)
        assert values["bend_rad"][row] == pytest.approx(np.deg2rad((a + b + c).angle.value()), abs=1e-5)
        spread = skeleton.positions - skeleton.center_of_geometry()
        assert values["gyration_nm"][row] == pytest.approx(np.sqrt((spread**2).sum(1).mean()) / 10, abs=1e-5)


def test_chunks_and_layouts_do_not_matter(trp_cage):
    universe, points = trp_cage
    bound = bind(universe, _TRP_CAGE, training_start=points[0])
    whole = bound.compute(points)
    parts = [bound.compute(part.reshape(len(part), -1, 4, 3)) for part in np.array_split(points, 3)]
    for name, values in whole.items():
        np.testing.assert_array_equal(values, np.concatenate([part[name] for part in parts]))


def test_rigid_motion_changes_nothing(trp_cage):
    universe, points = trp_cage
    bound = bind(universe, _TRP_CAGE, training_start=points[0])
    turned = points @ Rotation.random(rng=0).as_matrix()
    for name, values in bound.compute(points).items():
        np.testing.assert_allclose(bound.compute(turned + 2)[name], values, atol=1e-4)


@pytest.mark.parametrize(
    ("file", "distance", "distance_spread", "psi", "psi_spread"),
    [
        ("3dmv.pdb", 0.904, 0.0, 0.86, 0.0),
        ("2lcb.pdb", 0.662, 0.016, -0.67, 0.04),
        ("2lc9.pdb", 0.698, 0.025, -0.64, 0.08),
    ],
)
def test_t4_lysozyme_structures(structure, file, distance, distance_spread, psi, psi_spread):
    universe, points = structure(file)
    values = bind(universe, _T4L).compute(points)
    assert values["distance_113_117_nm"].mean() == pytest.approx(distance, abs=0.001)
    assert values["distance_113_117_nm"].std() == pytest.approx(distance_spread, abs=0.002)
    assert values["psi114_rad"].mean() == pytest.approx(psi, abs=0.01)
    assert values["psi114_rad"].std() == pytest.approx(psi_spread, abs=0.01)


def test_the_two_states_of_trp_cage(trp_cage):
    """Means that are known of the demo trajectory: state A (phi11 > 0) and B."""
    universe, points = trp_cage
    values = bind(universe, _TRP_CAGE, training_start=points[0]).compute(points)
    in_a = values["phi11_rad"] > 0
    assert values["distance_11_15_nm"][in_a].mean() == pytest.approx(0.806, abs=0.02)
    assert values["distance_11_15_nm"][~in_a].mean() == pytest.approx(0.601, abs=0.02)


def test_an_atom_that_is_missing_makes_only_its_variables_nan(trp_cage):
    universe, points = trp_cage
    bound = bind(universe, _TRP_CAGE, training_start=points[0])
    broken = points[1:2].copy()
    broken[:, universe.select_atoms("resid 15 and name CA").ix] = np.nan
    values = bound.compute(broken)
    assert np.isnan(values["distance_11_15_nm"]).all()
    assert np.isfinite(values["psi11_rad"]).all()
    whole = bound.compute(points[1:2])["rmsd_nm"]
    assert values["rmsd_nm"] == pytest.approx(whole, abs=0.01)
    assert values["rmsd_nm"] != whole


def test_the_nearest_model_of_an_ensemble_counts(trp_cage):
    universe, points = trp_cage
    variables = {"rmsd": {"type": "rmsd", "reference": "nmr"}}
    values = bind(universe, variables, nmr=points[:3]).compute(points)["rmsd_nm"]
    singly = [bind(universe, variables, nmr=points[k]).compute(points)["rmsd_nm"] for k in range(3)]
    np.testing.assert_allclose(values, np.min(singly, axis=0))


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ({"type": "distance", "a": "resid 99 and name CA", "b": "resid 2"}, r"cv\.a: the selection 'resid 99 .* empty"),
        ({"type": "distance", "a": "resid 1", "b": "resid two"}, r"cv\.b: MDAnalysis cannot read"),
        ({"type": "phi", "residue": 1}, "phi of residue 1 does not exist, since no residue stands before"),
        ({"type": "psi", "residue": 20}, "psi of residue 20 does not exist, since no residue stands after"),
        ({"type": "psi", "residue": 21}, r"no residue 21; the topology has residues 1 to 20"),
        ({"type": "rmsd", "reference": "crystal"}, "no coordinates of 'crystal' were given"),
        ({"type": "rmsd", "reference": "two_atoms"}, "2 of the 60 selected atoms exist in reference 'two_atoms'"),
    ],
)
def test_what_cannot_be_resolved_names_the_variable(trp_cage, variable, message):
    universe, points = trp_cage
    two_atoms = np.full_like(points[0], np.nan)
    two_atoms[:2] = 0
    with pytest.raises(InputError, match=message) as error:
        bind(universe, {"cv": variable}, two_atoms=two_atoms)
    assert "collective_variables.cv" in str(error.value)


@pytest.mark.parametrize(
    ("selection", "beyond"),
    [
        ("resid 5 and name CA", False),
        ("name N CA C O and resid 3-9", False),
        ("name C*", False),
        ("not name CB", False),
        ("resid 5 and name CB", True),
        ("(name CA CG1) and protein", True),
        ("resid 5 and (name CA or name NZ)", True),
        ("name H*", True),
    ],
)
def test_which_variables_need_more_than_the_backbone(selection, beyond):
    variable = TypeAdapter(CollectiveVariable).validate_python({"type": "distance", "a": selection, "b": "name CA"})
    assert variable.beyond_backbone() == beyond


def test_a_residue_number_that_repeats_needs_its_chain(trp_cage):
    universe, points = trp_cage
    twice = mda.Merge(universe.atoms, universe.atoms)
    twice.add_TopologyAttr("chainIDs", np.repeat(["A", "B"], len(universe.atoms)))
    both = np.concatenate([points, points + 3], axis=1)
    with pytest.raises(InputError, match="2 residues have number 11; add `segment`"):
        bind(twice, {"psi11": {"type": "psi", "residue": 11}})
    values = bind(twice, {"psi11": {"type": "psi", "residue": 11, "segment": "B"}}).compute(both)["psi11_rad"]
    np.testing.assert_allclose(
        values, bind(universe, {"psi11": _TRP_CAGE["psi11"]}).compute(points)["psi11_rad"], atol=1e-5
    )
    with pytest.raises(InputError, match="no residue stands before"):
        bind(twice, {"phi1": {"type": "phi", "residue": 1, "segment": "B"}})


def test_labels_name_the_chain_where_there_are_several(trp_cage):
    universe, _ = trp_cage
    twice = mda.Merge(universe.atoms, universe.atoms)
    twice.add_TopologyAttr("chainIDs", np.repeat(["A", "B"], len(universe.atoms)))
    ends = {
        name: f"resid {number} and name CA and chainID {chain}"
        for name, number, chain in (("a", 2, "A"), ("b", 9, "B"))
    }
    variables = {"d": {"type": "distance", **ends}, "phi": {"type": "phi", "residue": 11, "segment": "B"}}
    assert bind(twice, variables).labels == {"d_nm": "A:CA2–B:CA9 distance", "phi_rad": "B:φ11"}
    alone = {"phi": {"type": "phi", "residue": 11}}
    assert bind(universe, alone).labels == {"phi_rad": "φ11"}


def test_a_gap_in_the_chain_has_no_torsion(trp_cage):
    universe, _ = trp_cage
    gapped = backbone_universe(universe.select_atoms("not resid 10").residues)
    with pytest.raises(InputError, match="phi of residue 11 does not exist"):
        bind(gapped, {"phi11": _TRP_CAGE["phi11"]})


def test_coordinates_of_another_topology_are_refused(trp_cage):
    universe, points = trp_cage
    with pytest.raises(ValueError, match="76 atoms, the topology has 80"):
        bind(universe, {"psi11": _TRP_CAGE["psi11"]}).compute(points[:, :76])


def test_column_names_end_in_their_unit():
    variables = _ADAPTER.validate_python({**_TRP_CAGE, **_T4L})
    assert column("distance_113_117", variables["distance_113_117"]) == "distance_113_117_nm"
    assert column("psi114", variables["psi114"]) == "psi114_rad"
