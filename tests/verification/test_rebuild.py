"""All atoms from backbones: against MD frames whose atoms are known."""

from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pytest

from mdllm.config.settings.verification import VerificationSettings
from mdllm.core.errors import InputError
from mdllm.molecules.reading import open_raw
from mdllm.verification.atoms import RawAtoms
from mdllm.verification.force_field import check_residues
from mdllm.verification.rebuild import OVERLAP_NM, rebuild


@pytest.fixture(scope="module")
def raw(trp_cage_files) -> mda.Universe:
    return open_raw(*map(Path, trp_cage_files))


@pytest.fixture(scope="module")
def known(raw) -> RawAtoms:
    raw.trajectory[0]
    return RawAtoms(raw, "protein", "trp_cage.pdb")


def frame(raw, known, number: int):
    step = raw.trajectory[number]
    return known.read(step.positions.copy(), step.dimensions)


def heavy(raw, number: int) -> dict[tuple[int, str], np.ndarray]:
    """Heavy atoms of a raw frame by residue and name, nm."""
    raw.trajectory[number]
    atoms = raw.select_atoms("protein and not name H*")
    return {(int(a.resid), a.name): a.position / 10 for a in atoms}


def test_a_training_frame_becomes_itself(raw, known):
    backbone, positions = frame(raw, known, 700)
    built = rebuild(backbone, known, [(backbone, positions)])
    assert (built.carried, built.exchanged, built.left_out) == (17, 0, 0)  # 20 residues, 3 glycines
    expected = heavy(raw, 700)
    last_oxygen = (20, "O") if (20, "O") in expected else (20, "OT1")
    for _, number, _, name, position in built.rows:
        place = last_oxygen if (number, name) == (20, "O") else (number, name)
        np.testing.assert_allclose(position, expected[place], atol=1e-4)
    names = {(number, name) for _, number, _, name, _ in built.rows}
    assert len(names) == len(built.rows)
    assert {name for number, name in names if number == 6} >= {"N", "CA", "C", "O", "CB", "CG", "NE1", "CH2"}


def test_side_chains_follow_the_axes_of_their_residue(raw, known):
    backbone, positions = frame(raw, known, 700)
    turn = mda.lib.transformations.rotation_matrix(1.1, [1, 2, 3])[:3, :3]
    moved = rebuild(backbone @ turn + 3, known, [(backbone, positions)])
    still = rebuild(backbone, known, [(backbone, positions)])
    for one, other in zip(moved.rows, still.rows, strict=True):
        np.testing.assert_allclose(one[4], other[4] @ turn + 3, atol=1e-6)


def test_a_side_chain_that_overlaps_is_taken_from_another_frame(raw, known):
    backbone, positions = frame(raw, known, 700)
    bent = positions.copy()
    trp = known.side_chains[5]
    bent[trp.index[1:]] += backbone[10, 1] - bent[trp.index[3]]  # onto glycine 11
    alone = rebuild(backbone, known, [(backbone, bent)])
    assert alone.left_out == 1
    assert not any(number == 6 and name == "CG" for _, number, _, name, _ in alone.rows)
    both = rebuild(backbone, known, [(backbone, bent), (backbone, positions)])
    assert (both.exchanged, both.left_out) == (1, 0)
    where = np.array([position for _, number, _, name, position in both.rows if (number, name) == (6, "CG")])
    np.testing.assert_allclose(where[0], positions[trp.index[trp.names.index("CG")]], atol=1e-6)
    others = np.array([p for _, number, _, _, p in both.rows if abs(number - 6) > 1])
    assert np.linalg.norm(others - where, axis=1).min() > OVERLAP_NM


def test_atoms_on_each_other_are_no_failure(raw, known):
    backbone, positions = frame(raw, known, 700)
    knotted = backbone.copy()
    knotted[5:8] = knotted[5, 0]
    built = rebuild(knotted, known, [(backbone, positions)])
    assert built.left_out > 0
    assert np.isfinite([position for *_, position in built.rows]).all()


def test_of_backbones_alone_every_side_chain_is_built(raw, known, tmp_path):
    bare = mda.Merge(raw.select_atoms("protein and name N CA C O OT1"))
    atoms = RawAtoms(bare, "protein", "bare.pdb")
    assert atoms.backbone_only
    assert not known.backbone_only
    backbone, positions = atoms.read(bare.atoms.positions, None)
    built = rebuild(backbone, atoms, [(backbone, positions)])
    assert (built.carried, built.exchanged, built.left_out) == (0, 0, 17)
    built.write(tmp_path / "bare.pdb")
    assert len(mda.Universe(str(tmp_path / "bare.pdb")).residues) == 20
    check_residues(built, VerificationSettings(proposals=1, platform="CPU"))


def test_names_of_force_fields_become_those_of_the_pdb(raw):
    other = raw.copy()
    other.select_atoms("resid 4").residues.resnames = "ILE"
    other.select_atoms("resid 4 and name CD1 CD").names = "CD"
    known = RawAtoms(other, "protein", "charmm.pdb")
    assert known.side_chains[3].names == ["CB", "CG1", "CG2", "CD1"]


def test_caps_go_with_their_residue(structures):
    universe = mda.Universe(str(structures / "alanine_dipeptide.pdb"))
    known = RawAtoms(universe, "resname ALA", "alanine_dipeptide.pdb")
    assert [(cap.name, cap.residue) for cap in known.caps] == [("ACE", 0), ("NME", 0)]
    backbone, positions = known.read(universe.atoms.positions, None)
    built = rebuild(backbone, known, [(backbone, positions)])
    assert [name for _, _, name, *_ in built.rows] == ["ACE"] * 3 + ["ALA"] * 5 + ["NME"] * 2
    check_residues(built, VerificationSettings(proposals=1, platform="Reference"))


def test_what_is_no_amino_acid_is_named(raw):
    other = raw.copy()
    other.select_atoms("resid 4").residues.resnames = "LIG"
    with pytest.raises(InputError, match="LIG 4 is no amino acid"):
        RawAtoms(other, "protein or resname LIG", "odd.pdb")


def test_residues_that_the_force_field_does_not_know_are_named(raw, known, tmp_path):
    (tmp_path / "water.xml").write_text("<ForceField><AtomTypes/><Residues/><HarmonicBondForce/></ForceField>")
    solvent = {"type": "implicit", "force_field": [str(tmp_path / "water.xml")]}
    settings = VerificationSettings.model_validate({"proposals": 1, "platform": "CPU", "solvent": solvent})
    backbone, positions = frame(raw, known, 0)
    with pytest.raises(InputError, match="does not know ASN 1, LEU 2"):
        check_residues(rebuild(backbone, known, [(backbone, positions)]), settings)


@pytest.mark.slow
def test_ends_that_a_force_field_makes_by_patches_are_known(raw, known):
    solvent = {"type": "implicit", "force_field": ["charmm36.xml", "implicit/gbn2.xml"]}
    settings = VerificationSettings.model_validate({"proposals": 1, "platform": "CPU", "solvent": solvent})
    backbone, positions = frame(raw, known, 0)
    check_residues(rebuild(backbone, known, [(backbone, positions)]), settings)
