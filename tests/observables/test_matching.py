"""Matching of references: missing loops, repeats, chains in another order, boxes; values by construction."""

import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysis.analysis.rms import rmsd
from MDAnalysisTests.datafiles import DCD, GRO, PSF, XTC

from mdllm.config.settings.system import Observables, Reference
from mdllm.core.errors import InputError
from mdllm.core.geometry import rmsd_of_present
from mdllm.core.sequences import letter
from mdllm.molecules.backbone import BackboneAtoms
from mdllm.observables.matching import Residues, align, matched
from mdllm.observables.references import load_references
from raw_files import dimer, prepared, wrapped


@pytest.fixture(scope="module")
def adk():
    universe = mda.Merge(mda.Universe(PSF, DCD).select_atoms("protein"))
    universe.add_TopologyAttr("chainIDs", ["A"] * len(universe.atoms))
    return universe


def system_of(universe, selection="protein"):
    return BackboneAtoms.select(universe, selection, "system").universe()


def load(path, system, **options):
    return load_references({"key": Reference(file=str(path), **options)}, system)["key"]


def residues(letters, numbers=None, chains=None, breaks=()):
    count = len(letters)
    bonded = np.ones(count - 1, bool)
    bonded[list(breaks)] = False
    return Residues(
        np.array(list(letters)),
        np.arange(count) if numbers is None else np.asarray(numbers),
        np.array(["A"] * count if chains is None else list(chains)),
        bonded,
    )


@pytest.mark.slow
@pytest.mark.parametrize("renumbered", [False, True])
def test_missing_loops_of_adk_are_where_the_chain_is_broken(adk, renumbered):
    """3 to 20 residues left out at every eighth place, with the numbers kept or run on; every pair is known."""
    names = "".join(letter(name) for name in adk.residues.resnames)
    whole = residues(names)
    for length in range(3, 21):
        for first in range(2 + length % 8, len(names) - length - 2, 8):
            rows = np.r_[0:first, first + length : len(names)]
            numbers = None if renumbered else rows + 30
            loop = residues([names[row] for row in rows], numbers, breaks=[first - 1])
            assert align(whole, loop) == [(int(row), number) for number, row in enumerate(rows)], (length, first)


def test_a_stretch_of_glycine_and_serine_without_four_residues():
    """Every place in the stretch has the same letters; numbers, or the break alone, say which four are missing."""
    letters = "MKTAYIAKQR" + "GS" * 12 + "QISFVKSHFSRQ"
    whole = residues(letters)
    rows = np.r_[0:18, 22 : len(letters)]
    shorter = [letters[row] for row in rows]
    expected = [(int(row), number) for number, row in enumerate(rows)]
    assert align(whole, residues(shorter, rows + 7, breaks=[17])) == expected
    assert align(whole, residues(shorter, breaks=[17])) == expected
    only = "GS" * 20
    rows = np.r_[0:18, 22:40]
    found = align(residues(only), residues([only[row] for row in rows], rows + 100, breaks=[17]))
    assert found == [(int(row), number) for number, row in enumerate(rows)]


def test_insertions_and_mutations_align():
    ours = residues("MNIFEMLRIDEGLRLKIYKDTEGYYTIG")
    assert align(ours, residues("IFEMLRIDEGLRLKIYKD")) == [(i + 2, i) for i in range(18)]
    assert align(ours, residues("MNIFEMLRIAEGLRLKIYKDTEGYYTIG")) == [(i, i) for i in range(28)]
    inserted = residues("MNIFEMLRIDEGWWLRLKIYKDTEGYYTIG")
    assert align(ours, inserted) == [*((i, i) for i in range(12)), *((i, i + 2) for i in range(12, 28))]
    assert align(inserted, ours) == [*((i, i) for i in range(12)), *((i + 2, i) for i in range(12, 28))]


def test_chains_in_another_order_and_equal_chains():
    one, two, three = "MNIFEMLRIDEGLRLKIYKD", "GPSSGRPPPSWQLKDGGP", "ACDEFGHIKLMNPQRSTVWY"
    system = residues(one + two + three, chains="A" * 20 + "B" * 18 + "C" * 20, breaks=[19, 37])
    other = residues(three + one + two, chains="X" * 20 + "Y" * 20 + "Z" * 18, breaks=[19, 39])
    assert matched(system, other) == [
        *((i, i + 20) for i in range(20)), *((i + 20, i + 40) for i in range(18)), *((i + 38, i) for i in range(20))
    ]  # fmt: skip
    twins = residues(one + one, chains="A" * 20 + "B" * 20, breaks=[19])
    swapped = residues(one + one, chains="B" * 20 + "A" * 20, breaks=[19])
    assert matched(twins, twins) == [(i, i) for i in range(40)]
    assert matched(twins, swapped) == [*((i, i + 20) for i in range(20)), *((i + 20, i) for i in range(20))]
    half = residues(one, chains="B" * 20)
    assert matched(twins, half) == [(i + 20, i) for i in range(20)]


def test_a_chain_in_pieces_matches_one_that_is_whole():
    letters = "MNIFEMLRIDEGLRLKIYKDTEGYYTIGIGHLLTKSPSLNAAKSELDKAI"
    system = residues(letters[:20] + letters[25:], np.r_[0:20, 25:50], chains="A" * 20 + "B" * 25, breaks=[19])
    assert matched(system, residues(letters)) == [*((i, i) for i in range(20)), *((i, i + 5) for i in range(20, 45))]


def test_a_reference_with_a_loop_missing_is_on_the_right_residues(adk, tmp_path, caplog):
    """RMSD 0 over all that is there, and a warning that names what is not."""
    system = system_of(adk)
    cut = mda.Merge(adk.select_atoms("not resid 30-37 101-104"))
    cut.residues.resids = np.arange(1, len(cut.residues) + 1)
    cut.atoms.write(str(tmp_path / "cut.pdb"))
    found = load(tmp_path / "cut.pdb", system)
    whole = system.atoms.positions / 10
    assert rmsd_of_present(found.coordinates, whole)[0] < 2e-3
    assert (found.matched, found.identity) == (202, 1.0)
    assert "no counterpart of 12 of 214 residues" in caplog.text
    assert "GLY 30 to SER 30" not in caplog.text
    assert f"{adk.residues[29].resname} 30 to {adk.residues[36].resname} 37" in caplog.text


def test_chains_of_a_complex_in_another_order(tmp_path):
    universe = dimer()
    system = system_of(universe)
    swapped = mda.Merge(universe.select_atoms("chainID B"), universe.select_atoms("chainID A"))
    swapped.atoms.write(str(tmp_path / "swapped.pdb"))
    found = load(tmp_path / "swapped.pdb", system)
    assert found.matched == len(universe.residues)
    np.testing.assert_allclose(found.coordinates[0], system.atoms.positions / 10, atol=1e-3)


@pytest.mark.slow
def test_a_reference_cut_by_its_box_is_whole(tmp_path):
    """The first frame of a run as its GRO file: RMSD to frame 0 is 0; so is that of one wrapped atom by atom."""
    cv = {"r": {"type": "rmsd", "reference": "gro"}}
    content = {"collective_variables": cv, "states": {"any": {"r": [0, 100]}}}
    observables = Observables.model_validate(content | {"references": {"gro": {"file": GRO}}})
    _, frames = prepared(tmp_path / "out", GRO, XTC, observables=observables)
    assert frames["r_nm"][0] < 2e-3
    assert frames["r_nm"][9] > 0.05
    universe = mda.Universe(GRO, XTC)
    universe.trajectory[9]
    box = universe.dimensions
    universe.atoms.positions = wrapped(universe.atoms.positions + 30.0, box)
    universe.select_atoms("protein").write(str(tmp_path / "wrapped.gro"))
    observables = Observables.model_validate(content | {"references": {"gro": {"file": str(tmp_path / "wrapped.gro")}}})
    _, frames = prepared(tmp_path / "out", GRO, XTC, observables=observables)
    assert frames["r_nm"][9] < 2e-3


@pytest.mark.parametrize("ending", ["gro", "pdb"])
def test_a_complex_of_which_one_chain_is_in_another_image(tmp_path, caplog, ending):
    """A file of a simulation is set together; a PDB file may be a crystal's, and is taken as it stands, and named."""
    universe = dimer()
    universe.atoms.positions -= universe.atoms.positions.min(0)
    system = system_of(universe)
    universe.dimensions = [*(np.ptp(universe.atoms.positions, axis=0) + 6), 90, 90, 90]
    universe.select_atoms("chainID B").positions -= [0, 0, universe.dimensions[2]]
    universe.atoms.write(str(tmp_path / f"t.{ending}"))
    found = load(tmp_path / f"t.{ending}", system).coordinates[0]
    whole = system.atoms.positions / 10
    if ending == "gro":
        assert rmsd_of_present(found[None], whole)[0] < 2e-3
    else:
        np.testing.assert_allclose(
            found[-1] - found[0], whole[-1] - whole[0] - [0, 0, universe.dimensions[2] / 10], atol=2e-3
        )
    assert ("key: molecules of" in caplog.text) == (ending == "pdb")


def test_chosen_atoms_are_matched_by_their_names(tmp_path):
    """Where a frame is one code: the RMSD of all heavy atoms, whatever the order of the reference's atoms."""
    universe = mda.Universe(PSF, DCD)
    part = universe.select_atoms("resid 1-40 and not name H*")
    first = part.positions.copy()
    reordered = mda.Merge(*[residue.atoms[::-1] for residue in part.residues])
    reordered.atoms.write(str(tmp_path / "first.pdb"))
    cv = {"r": {"type": "rmsd", "reference": "first", "selection": "all"}}
    content = {"collective_variables": cv, "states": {"any": {"r": [0, 100]}}}
    observables = Observables.model_validate(content | {"references": {"first": {"file": str(tmp_path / "first.pdb")}}})
    _, frames = prepared(tmp_path / "out", PSF, DCD, observables=observables, atoms="resid 1-40 and not name H*")
    expected = [rmsd(part.positions, first, superposition=True, center=True) / 10 for _ in universe.trajectory]
    np.testing.assert_allclose(frames["r_nm"], expected, atol=2e-3)


def test_a_damaged_reference_is_named(adk, tmp_path):
    broken = adk.copy()
    broken.select_atoms("resid 50 and name CA").positions += 2
    broken.atoms.write(str(tmp_path / "broken.pdb"))
    with pytest.raises(InputError, match=r"references\.key: model 0 .* is damaged: N-CA of \w+ 50 is 0\.\d+ nm"):
        load(tmp_path / "broken.pdb", system_of(adk))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.pdb", b"<!DOCTYPE html><html><body>404</body></html>"),
        ("note.txt", b"see the paper"),
        ("x.cif", b"nothing"),
    ],
)
def test_what_is_no_structure_is_named(adk, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"references\.key: topology .*{name} cannot be read"):
        load(tmp_path / name, system_of(adk))
