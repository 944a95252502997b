"""References: alignment by sequence, ensembles, alternate locations, missing residues, wrong proteins."""

import MDAnalysis as mda
import numpy as np
import pytest
from pydantic import TypeAdapter

from mdllm.config.settings.system import CollectiveVariable, Reference
from mdllm.core.errors import InputError
from mdllm.core.geometry import rmsd_of_present
from mdllm.core.sequences import sequence
from mdllm.core.trajectories import ANGSTROM_PER_NM, backbone_universe
from mdllm.observables.collective_variables import CollectiveVariables
from mdllm.observables.references import load_references


@pytest.fixture(scope="module")
def system(structures):
    """Function: the backbone universe of a PDB file's protein, as the system to match."""

    def load(name, selection="protein"):
        return backbone_universe(mda.Universe(structures / name).select_atoms(selection).residues)

    return load


def load(structures, name, system, **options):
    return load_references({"key": Reference(file=str(structures / name), **options)}, system)["key"]


def test_an_nmr_file_is_an_ensemble_and_mutations_align(structures, system):
    found = load(structures, "2lc9.pdb", system("3dmv.pdb"), label="triple mutant")
    assert found.coordinates.shape == (10, 164 * 4, 3)
    assert np.isfinite(found.coordinates[:, : 163 * 4]).all()
    assert (found.matched, found.identity) == (164, pytest.approx(162 / 164))
    assert found.label == "triple mutant"


def test_backbone_rmsds_of_the_excited_structures_to_the_native_one(structures, system):
    topology = system("3dmv.pdb")
    native = load(structures, "3dmv.pdb", topology).coordinates[0]
    skeleton = topology.select_atoms("name N CA C").ix
    for name in ("2lcb.pdb", "2lc9.pdb"):
        models = load(structures, name, topology).coordinates
        values = rmsd_of_present(models[:, skeleton], native[skeleton])
        assert values.min() > 0.085
        assert values.max() < 0.15


def test_of_alternate_locations_the_first_is_taken(structures, system):
    found = load(structures, "3dmv.pdb", system("3dmv.pdb")).coordinates[0].reshape(-1, 4, 3)
    structure = mda.Universe(structures / "3dmv.pdb").select_atoms("protein")
    with_b = structure.select_atoms("altLoc B and name CA")
    assert len(with_b)
    for atom in with_b:
        first = structure.select_atoms(f"resid {atom.resid} and name CA and altLoc A")[0]
        np.testing.assert_allclose(found[atom.resid - 1, 1] * ANGSTROM_PER_NM, first.position, atol=1e-4)


def test_a_published_state_of_mad2(structures, system):
    topology = system("1s2h.pdb")
    variables = TypeAdapter(dict[str, CollectiveVariable]).validate_python(
        {
            "d": {"type": "distance", "a": "resid 171 and name CA", "b": "resid 174 and name CA"},
            "psi": {"type": "psi", "residue": 172},
        }
    )
    values = CollectiveVariables(topology, variables).compute(load(structures, "1s2h.pdb", topology).coordinates)
    assert values["d_nm"] == pytest.approx(0.72, abs=0.005)
    assert values["psi_rad"] == pytest.approx(-0.85, abs=0.005)


def test_residues_are_matched_whatever_their_numbers(structures, system, tmp_path):
    """Three models of 1S2H with numbers plus one, and with five residues of another protein at each end."""
    protein, other = (mda.Universe(structures / name).select_atoms("protein") for name in ("1s2h.pdb", "1l2y.pdb"))
    tag = other.select_atoms("resid 1-5")
    tagged = mda.Merge(tag, protein, tag)
    tagged.residues.resids = np.arange(5, 202)
    with mda.Writer(str(tmp_path / "tagged.pdb"), multiframe=True) as writer:
        for _ in range(3):
            tagged.atoms.positions += 1.5
            writer.write(tagged)
    topology = system("1s2h.pdb")
    found = load(tmp_path, "tagged.pdb", topology)
    assert (found.matched, found.identity) == (187, 1.0)
    np.testing.assert_allclose(found.coordinates[2] * ANGSTROM_PER_NM, protein.positions + 4.5, atol=2e-3)


def test_trp_cage_variants_match_by_sequence(structures, system):
    found = load(structures, "2jof.pdb", system("1l2y.pdb"))
    assert (len(found.coordinates), found.matched, found.identity) == (28, 20, pytest.approx(0.85))


def test_residues_without_counterpart_are_nan_and_shift_nothing(structures, system, tmp_path):
    topology = system("3dmv.pdb")
    whole = load(structures, "3dmv.pdb", topology).coordinates[0]
    cut = mda.Universe(structures / "3dmv.pdb").select_atoms("protein and not resid 1-3 36-41")
    cut.residues.resids = cut.residues.resids + 500
    cut.write(tmp_path / "cut.pdb")
    found = load(tmp_path, "cut.pdb", topology).coordinates[0]
    missing = np.isin(topology.atoms.resids, [1, 2, 3, *range(36, 42)])
    assert np.isnan(found[missing]).all()
    np.testing.assert_allclose(found[~missing], whole[~missing], atol=1e-4)


def test_another_protein_is_refused_with_both_sequences(structures, system):
    topology = system("3dmv.pdb")
    with pytest.raises(InputError, match=r"references\.key: the sequence of .*1s2h\.pdb does not align") as error:
        load(structures, "1s2h.pdb", topology)
    assert sequence(topology.residues.resnames) in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"file": "nowhere.pdb"}, r"references\.key: nowhere\.pdb does not exist"),
        ({"selection": "resname LIG"}, r"references\.key\.selection: 'resname LIG' is empty"),
        ({"selection": "resid one"}, r"references\.key\.selection: 'resid one' cannot be read"),
    ],
)
def test_what_cannot_be_read_is_named(structures, system, options, message):
    reference = Reference(**{"file": str(structures / "1l2y.pdb"), **options})
    with pytest.raises(InputError, match=message):
        load_references({"key": reference}, system("1l2y.pdb"))


def test_names_of_protonation_states_are_residues(system):
    topology = system("1l2y.pdb")
    assert sequence(topology.residues.resnames) == "NLYIQWLKDGGPSSGRPPPS"
    topology.residues.resnames = np.array(["HSD", "CYX", "ASH", "UNK", *topology.residues.resnames[4:]])
    assert sequence(topology.residues.resnames).startswith("HCDXQW")
