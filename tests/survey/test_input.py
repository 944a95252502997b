"""Files that `mdllm init` cannot use, and what it makes of those that need a closer look."""

import os
import tracemalloc

import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysis.lib.formats.libdcd import DCDFile
from MDAnalysisTests.datafiles import DCD, GRO, PSF, XTC, PDB_small, mol2_molecule

from mdllm.core.errors import InputError
from mdllm.survey import frames
from mdllm.survey.frames import look, proposed_selection
from mdllm.survey.propose import name_of, propose


def refused(*arguments) -> str:
    with pytest.raises(InputError) as error:
        look(*arguments)
    return str(error.value)


def test_a_topology_without_a_trajectory(trp_cage_files):
    assert "is a topology alone, of one structure; give the frames as well" in refused(trp_cage_files[0], [])


def test_a_trajectory_without_a_topology(trp_cage_files):
    for arguments in ((trp_cage_files[1], []), (trp_cage_files[1], [trp_cage_files[0]])):
        assert "The topology comes first: mdllm init TOPOLOGY TRAJECTORY" in refused(*arguments)


def test_one_frame(trp_cage_files):
    assert "has one frame, and nothing can be learned" in refused(trp_cage_files[0], [trp_cage_files[0]])


def test_no_protein():
    assert "holds no protein that MDAnalysis knows" in refused(mol2_molecule, [mol2_molecule])


def test_a_file_that_is_not_there(tmp_path, trp_cage_files):
    assert "does not exist" in refused(tmp_path / "none.pdb", [trp_cage_files[1]])
    assert "nothing matches" in refused(trp_cage_files[0], [tmp_path / "none.xtc"])


def test_atoms_of_another_molecule(trp_cage_files):
    assert "The file is damaged, or its atoms are not those of the topology" in refused(trp_cage_files[0], [DCD])


def test_a_name_that_exists_or_is_none(tmp_path, trp_cage_files):
    path = tmp_path / "config" / "systems" / "mine.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("mine\n")
    with pytest.raises(InputError, match="exists, and nothing is overwritten"):
        propose("mine", trp_cage_files[0], [trp_cage_files[1]], None, tmp_path)
    with pytest.raises(InputError, match="letters, digits and underscores"):
        propose("mine-2", trp_cage_files[0], [trp_cage_files[1]], None, tmp_path)
    assert path.read_text() == "mine\n"
    assert name_of("data/1UBQ-wt (2).pdb") == "1ubq_wt_2"


def test_a_reference_that_is_none(tmp_path, trp_cage_files):
    with pytest.raises(InputError, match="there is no such file, and it is no identifier of the PDB"):
        propose("mine", trp_cage_files[0], [trp_cage_files[1]], "nowhere.pdb", tmp_path)


def test_a_long_trajectory_is_sampled(trp_cage_files, monkeypatch):
    monkeypatch.setattr(frames, "MOST_FRAMES", 100)
    survey = look(trp_cage_files[0], [trp_cage_files[1]])
    assert (survey.frames, survey.stride) == (4999, 50)
    np.testing.assert_array_equal(survey.table["frame"], np.arange(0, 4999, 50))
    universe = mda.Universe(*map(str, trp_cage_files))
    universe.trajectory[150]
    np.testing.assert_allclose(survey.backbone[3, :, 1], universe.select_atoms("name CA").positions / 10, atol=1e-4)


@pytest.mark.slow
def test_half_a_million_frames_are_sampled_in_flat_memory(trp_cage_files, tmp_path):
    """One file of 50,000 frames under 10 names; coordinates of all frames would be 120 MB."""
    universe = mda.Universe(*map(str, trp_cage_files))
    atoms = universe.select_atoms("backbone and resid 1:5")
    atoms.write(str(tmp_path / "small.pdb"))
    points = np.stack([atoms.positions for _ in universe.trajectory[::5]])
    links = [tmp_path / f"{number}.dcd" for number in range(10)]
    with DCDFile(str(links[0]), "w") as file:
        file.write_header(remarks="", natoms=len(atoms), istart=0, nsavc=1, delta=20.0, is_periodic=0)
        for number in range(50_000):
            file.write(points[number % len(points)], np.zeros(6))
    for link in links[1:]:
        os.link(links[0], link)
    peak = {}
    for files in (1, 10):
        tracemalloc.start()
        survey = look(tmp_path / "small.pdb", links[:files])
        peak[files] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert survey.frames == 50_000 * files
        assert len(survey.table) == frames.MOST_FRAMES
    assert survey.stride == 50
    assert peak[10] - peak[1] < 0.1 * 500_000 * points[0].nbytes


def test_frames_of_a_pdb_file_with_several_models(structures):
    survey = look(structures / "1l2y.pdb", [])
    assert survey.frames == 38
    assert np.isnan(survey.interval_ps)


@pytest.mark.slow
def test_files_are_put_in_the_order_of_their_times(tmp_path):
    universe = mda.Universe(PSF, DCD)
    for name, start in (("second", 49), ("first", 0)):
        with mda.Writer(str(tmp_path / f"{name}.xtc"), len(universe.atoms)) as writer:
            for _ in universe.trajectory[start : start + 49]:
                writer.write(universe.atoms)
    survey = look(PSF, [tmp_path / "second.xtc", tmp_path / "first.xtc"])
    assert [path.name for path in survey.trajectories] == ["first.xtc", "second.xtc"]
    assert survey.files == [49, 49]
    assert survey.interval_ps == pytest.approx(1, abs=1e-4)


@pytest.mark.slow
def test_water_and_ions_are_named_as_left_out():
    survey = look(GRO, [XTC])
    assert survey.left_out == {"SOL": 11084, "NA+": 4}
    assert survey.interval_ps == pytest.approx(100, rel=1e-5)
    np.testing.assert_allclose(survey.box_nm, 8.0017, atol=1e-3)


def test_caps_are_left_out_and_modified_residues_taken_in(tmp_path):
    universe = mda.Universe(PDB_small)
    assert proposed_selection(universe, PDB_small) == "protein"
    universe.residues[0].resname = "ACE"  # a cap has no N and no CA
    kept = universe.atoms - universe.residues[0].atoms.select_atoms("name N CA")
    kept.write(str(tmp_path / "capped.pdb"))
    assert proposed_selection(mda.Universe(str(tmp_path / "capped.pdb")), "capped") == "protein and not resname ACE"
    universe.residues[0].resname, universe.residues[5].resname = "MET", "LYX"
    assert proposed_selection(universe, PDB_small) == "(protein) or resname LYX"


def test_a_residue_that_lacks_its_backbone_is_named(tmp_path):
    universe = mda.Universe(PDB_small)
    kept = universe.atoms - universe.residues[4].atoms.select_atoms("name CA")
    kept.write(str(tmp_path / "broken.pdb"))
    with pytest.raises(InputError, match="residues lack N, CA or C: LEU 5"):
        proposed_selection(mda.Universe(str(tmp_path / "broken.pdb")), tmp_path / "broken.pdb")
