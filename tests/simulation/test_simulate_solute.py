"""From deposited structures to complete proteins: what is built, what is refused."""

from collections import Counter

import numpy as np
import pytest
from openmm import unit

from mdllm.config.settings.simulation import StartStructure
from mdllm.core.errors import InputError
from mdllm.simulation.platform import open_device
from mdllm.simulation.solute import build_solute

pytestmark = pytest.mark.slow  # every structure that is built takes seconds


def build(path, ph=7.0, **structure):
    settings = StartStructure(file=str(path), **structure)
    return build_solute(path, settings, ph=ph, device=open_device("CPU", 1), seed=0)


def heavy_atoms(solute):
    """{(chain, residue number, atom name): position in nm}"""
    positions = solute.positions.value_in_unit(unit.nanometer)
    return {
        (atom.residue.chain.id, atom.residue.id, atom.name): np.array(positions[atom.index])
        for atom in solute.topology.atoms()
        if atom.element.symbol != "H"
    }


def deposited_atoms(path):
    """The same from a PDB file: protein atoms, first location."""
    found = {}
    for line in path.read_text().splitlines():
        if line.startswith("ATOM") and line[16] in " A":
            key = (line[21], line[22:26].strip(), line[12:16].strip())
            found[key] = np.array([float(line[i : i + 8]) for i in (30, 38, 46)]) / 10
    return found


def names(solute):
    return {residue.id: residue.name for residue in solute.topology.residues()}


@pytest.fixture(scope="module")
def t4l(structures):
    return build(structures / "3dmv.pdb")


@pytest.fixture
def gapped(structures, tmp_path):
    """T4 lysozyme without residues 50-53, with and without the sequence records that tell of them."""

    def write(with_sequence):
        lines = (structures / "3dmv.pdb").read_text().splitlines(keepends=True)
        lines = [line for line in lines if not (line.startswith("ATOM") and 50 <= int(line[22:26]) <= 53)]
        path = tmp_path / "gapped.pdb"
        path.write_text("".join(line for line in lines if with_sequence or not line.startswith("SEQRES")))
        return path

    return write


def test_deposited_atoms_stay_where_they_are_and_the_end_is_built(t4l, structures):
    found, deposited = heavy_atoms(t4l), deposited_atoms(structures / "3dmv.pdb")
    assert set(found) - set(deposited) == {("A", "164", "OXT")}
    assert not set(deposited) - set(found)
    for key, position in deposited.items():
        np.testing.assert_allclose(found[key], position, atol=1e-5)
    to_oxt = np.linalg.norm(found["A", "164", "OXT"] - found["A", "164", "C"])
    assert 0.11 < to_oxt < 0.15


def test_every_bond_to_hydrogen_has_a_hydrogen_s_length(t4l):
    positions = np.array(t4l.positions.value_in_unit(unit.nanometer))
    lengths = [
        np.linalg.norm(positions[a.index] - positions[b.index])
        for a, b in t4l.topology.bonds()
        if "H" in (a.element.symbol, b.element.symbol)
    ]
    assert len(lengths) > 1300
    assert min(lengths) > 0.08
    assert max(lengths) < 0.15


def test_the_same_seed_builds_the_same_atoms(t4l, structures):
    again = build(structures / "3dmv.pdb")
    assert t4l.positions.value_in_unit(unit.nanometer) == again.positions.value_in_unit(unit.nanometer)


def test_ph_decides_the_protonation(t4l, structures):
    def protonated(solute):
        atoms = ((atom.residue.name, atom.name) for atom in solute.topology.atoms())
        return Counter(atom for atom in atoms if atom in {("ASP", "HD2"), ("GLU", "HE2"), ("LYS", "HZ3")})

    residues = Counter(names(t4l).values())
    assert protonated(t4l) == {("LYS", "HZ3"): residues["LYS"]}
    acid = protonated(build(structures / "3dmv.pdb", ph=2.0))
    assert acid[("ASP", "HD2")] == residues["ASP"]
    assert acid[("GLU", "HE2")] == residues["GLU"]


def test_the_triple_mutant_from_the_single_one(t4l, structures):
    mutant = build(structures / "3dmv.pdb", mutations=["G113A", "R119P"])
    changed = {number: name for number, name in names(mutant).items() if name != names(t4l)[number]}
    assert changed == {"113": "ALA", "119": "PRO"}
    found, wild_type = heavy_atoms(mutant), heavy_atoms(t4l)
    assert {key[2] for key in set(found) - set(wild_type)} <= {"CB", "CD", "CG"}
    for atom in ("N", "CA", "C", "O"):
        np.testing.assert_allclose(found["A", "119", atom], wild_type["A", "119", atom], atol=1e-5)
    assert 0.12 < np.linalg.norm(found["A", "119", "N"] - found["A", "119", "CD"]) < 0.18
    proline = [atom.name for atom in mutant.topology.atoms() if atom.residue.id == "119"]
    assert "H" not in proline


@pytest.mark.parametrize(
    ("mutation", "message"),
    [
        ("L99A", r"L99A: residue 99 of chain A of .*3dmv\.pdb is ALA, not LEU.*leave the mutation out"),
        ("L200A", r"L200A: chain A of .* has no residue 200; it has 1 to 164"),
        ("B:G113A", r"B:G113A: .* has no chain B, but A"),
    ],
)
def test_mutations_that_do_not_fit_the_structure(structures, mutation, message):
    with pytest.raises(InputError, match=message):
        build(structures / "3dmv.pdb", mutations=[mutation])


def test_a_mutation_in_one_of_several_chains_names_it(structures, tmp_path):
    lines = (structures / "2jof.pdb").read_text().split("ENDMDL")[0].splitlines(keepends=True)
    atoms = [line for line in lines if line.startswith("ATOM")]
    second = [f"{line[:21]}B{line[22:30]}{float(line[30:38]) + 30:8.3f}{line[38:]}" for line in atoms]
    path = tmp_path / "two.pdb"
    path.write_text("".join([*atoms, "TER\n", *second, "TER\n"]))
    with pytest.raises(InputError, match=r"Y3A does not say in which of the chains A, B .*write A:Y3A"):
        build(path, mutations=["Y3A"])
    mutant = build(path, mutations=["B:Y3A"])
    third = {r.chain.id: r.name for r in mutant.topology.residues() if r.id == "3"}
    assert third == {"A": "TYR", "B": "ALA"}
    assert {chain.id for chain in build(path, chains=["B"]).topology.chains()} == {"B"}
    with pytest.raises(InputError, match=r"two\.pdb has no chain C; its chains are A, B"):
        build(path, chains=["C"])


def test_a_gap_is_an_error_unless_it_is_to_be_built(gapped):
    path = gapped(with_sequence=True)
    with pytest.raises(
        InputError, match=r"chain A: 4 residues are missing between ALA 49 and THR 54.*build_gaps: true"
    ):
        build(path)
    built = build(path, build_gaps=True)
    assert len(names(built)) == 164
    atoms = heavy_atoms(built)
    for number in range(48, 56):
        peptide_bond = atoms["A", str(number), "C"] - atoms["A", str(number + 1), "N"]
        assert np.linalg.norm(peptide_bond) < 0.2


def test_a_gap_of_unknown_sequence_cannot_be_built(gapped):
    with pytest.raises(InputError, match=r"the chain is broken between ALA 49 and THR 54; fill the gap"):
        build(gapped(with_sequence=False), build_gaps=True)


def test_files_without_a_protein(structures, tmp_path):
    ligands = [line for line in (structures / "3dmv.pdb").read_text().splitlines(True) if line.startswith("HETATM")]
    path = tmp_path / "ligands.pdb"
    path.write_text("".join(ligands))
    with pytest.raises(InputError, match=r"ligands\.pdb: no amino acid is left to simulate"):
        build(path)
    path.write_text("ATOM  this is no structure\n")
    with pytest.raises(InputError, match=r"ligands\.pdb cannot be read as a structure"):
        build(path)
