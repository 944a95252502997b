"""`sequence` in a system file: it is that of the structures, and of the frames."""

import MDAnalysis as mda
import pytest

from mdllm.config.collections import system_sequences
from mdllm.config.plan import Plan
from mdllm.core.errors import InputError
from mdllm.core.sequences import aligned_pairs, homologous_pairs, letter, sequence
from mdllm.prepare.run import check_sequence
from project import ROOT

FROM_STRUCTURES = {
    "t4l_l99a": "3dmv.pdb",
    "t4l_l99a_g113a_r119p": "2lc9.pdb",
    "mad2": "1s2h.pdb",
    "trp_cage": "1l2y.pdb",
}


@pytest.mark.parametrize(("system", "file"), FROM_STRUCTURES.items())
def test_sequences_of_systems_are_those_of_their_structures(structures, system, file):
    universe = mda.Universe(str(structures / file))
    assert system_sequences(ROOT / "config")[system] == [sequence(universe.select_atoms("protein").residues.resnames)]


def test_every_molecule_is_listed_and_no_potential():
    found = system_sequences(ROOT / "config")
    assert found["alanine_phi"] is None
    assert len(found["fip35"][0]) == 35
    assert "four_state" not in found


def test_modified_residues_and_protonation_states_have_the_letter_of_their_parent():
    assert [letter(name) for name in ("MSE", "SEP", "HSP", "CYX", "HIE", "ALA")] == list("MSHCHA")
    assert [letter(name) for name in ("HOH", "B3L", "SEC", "UNK", "ACE")] == list("XXXXX")


def test_residues_that_are_missing_match_any_and_have_no_index():
    assert aligned_pairs("ABCDEFGHIK", "ABC??FGHIK") == [(0, 0), (1, 1), (2, 2), *((i, i - 2) for i in range(5, 10))]
    assert aligned_pairs("AB?CD", "AB?CD") == [(i, i) for i in range(4)]
    assert aligned_pairs("MNIFEMLRIDEG", "IFEMLRIDEG") == [(i + 2, i) for i in range(10)]


@pytest.fixture
def trp_cage(structures) -> mda.ResidueGroup:
    return mda.Universe(str(structures / "1l2y.pdb")).residues


def test_the_first_residue_that_differs_is_named(trp_cage):
    check_sequence(trp_cage, "NLYIQWLKDGGPSSGRPPPS", "x.pdb")
    with pytest.raises(InputError, match=r"x\.pdb: residue LYS 8 is K, and `sequence` has R as its letter 8"):
        check_sequence(trp_cage, "NLYIQWLRDGGPSSGRPPPS", "x.pdb")
    with pytest.raises(InputError, match=r"20 residues are kept, and `sequence` has 19 letters"):
        check_sequence(trp_cage, "NLYIQWLKDGGPSSGRPPP", "x.pdb")


def test_caps_have_no_letter(structures):
    residues = mda.Universe(str(structures / "alanine_dipeptide.pdb")).residues
    assert list(residues.resnames) == ["ACE", "ALA", "NME"]
    check_sequence(residues, "A", "x.pdb")


def test_prepare_is_given_the_sequence_of_all_chains():
    plan = Plan({"systems": ["trp_cage"], "preset": "cpu"}, ROOT / "config")
    assert plan.systems["trp_cage"].prepare()["sequence"] == ["NLYIQWLKDGGPSSGRPPPS"]


def test_distant_proteins_align_by_likeness_of_residues():
    """The P-loop of adenylate kinase and that of shikimate kinase, 7 of 17 residues alike."""
    adenylate, shikimate = "MRIILLGAPGAGKGTQAQFIMEKYG", "APKAVLVGLPGSGKSTIGRRLAKALG"
    assert aligned_pairs(adenylate, shikimate) != [(i, i + 1) for i in range(25)]
    assert set(homologous_pairs(adenylate, shikimate)) >= {(i, i + 1) for i in range(6, 16)}
    assert homologous_pairs("WWWW", "GGGG") == []
