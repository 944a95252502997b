"""Cutting the backbone out of raw frames: names, altlocs, periodic boundaries, and what must not pass."""

import re

import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysisTests.datafiles import DCD, GRO, PSF, XTC

from mdllm.core import geometry
from mdllm.core.errors import InputError
from mdllm.molecules.backbone import BackboneAtoms
from mdllm.molecules.damage import damaged_backbones


@pytest.fixture
def trp_cage(trp_cage_files):
    return mda.Universe(*map(str, trp_cage_files))


def select(universe, selection="protein"):
    return BackboneAtoms.select(universe, selection, "top.pdb")


def test_backbone_is_what_mdanalysis_selects(trp_cage):
    backbone = select(trp_cage).cut(trp_cage.atoms.positions, None)
    for column, name in enumerate(geometry.BACKBONE_ATOMS):
        expected = trp_cage.select_atoms(f"name {name}").positions / 10
        np.testing.assert_allclose(backbone[:, column], expected, atol=1e-6)


def test_molecules_cut_by_the_box_are_made_whole():
    universe = mda.Universe(GRO, XTC)  # AdK in water, broken across a triclinic box in some frames
    atoms = select(universe)
    wrapped_somewhere = False
    for ts in universe.trajectory:
        raw = ts.positions[atoms.atoms[:, :3]].reshape(-1, 3) / 10
        wrapped_somewhere |= bool((np.linalg.norm(np.diff(raw, axis=0), axis=1) > 0.5).any())
        backbone = atoms.cut(ts.positions, ts.dimensions)
        steps = np.linalg.norm(np.diff(backbone[:, :3].reshape(-1, 3), axis=0), axis=1)
        assert steps.max() < 0.2
        assert np.linalg.norm(backbone[:, 3] - backbone[:, 2], axis=-1).max() < 0.14
    assert wrapped_somewhere


def test_a_frame_wrapped_atom_by_atom_comes_back(trp_cage):
    atoms = select(trp_cage)
    whole = atoms.cut(trp_cage.atoms.positions, None)
    for box in ([30, 30, 30, 90, 90, 90], [30, 32, 34, 70, 80, 65]):
        vectors = mda.lib.mdamath.triclinic_vectors(box)
        inside = np.linalg.solve(vectors.T, trp_cage.atoms.positions.T).T % 1 @ vectors
        assert geometry.rmsd(atoms.cut(inside, np.array(box, np.float32))[None], whole)[0] < 1e-4


def test_first_alternate_location_is_taken(structures):
    universe = mda.Universe(str(structures / "3dmv.pdb"))
    atoms = select(universe)
    assert (universe.atoms.altLocs == "B").any()
    assert len(atoms.residues) == len(np.unique(atoms.atoms[:, :3][:, 1]))
    assert set(universe.atoms[atoms.atoms[:, :3].ravel()].altLocs) <= {"", "A"}


def test_placed_oxygens_lie_where_real_ones_are(trp_cage):
    real = select(trp_cage).cut(trp_cage.atoms.positions, None)[None]
    distance = np.linalg.norm(geometry.with_oxygen(real[:, :, :3])[:, :-1, 3] - real[:, :-1, 3], axis=-1)
    assert np.median(distance) < 0.02
    assert distance.max() < 0.06


def test_empty_selection_names_what_there_is(trp_cage):
    with pytest.raises(InputError, match=r"'resname XYZ' matches no atom of top\.pdb; its residues are ARG, ASN"):
        select(trp_cage, "resname XYZ")
    with pytest.raises(InputError, match=r"selection 'protain' is not valid"):
        select(trp_cage, "protain")


def test_missing_backbone_atoms_name_the_residue(trp_cage):
    lacking = trp_cage.select_atoms("not (resid 7 and name CA) and not (resid 9 and name C N)")
    universe = mda.Merge(lacking)
    with pytest.raises(InputError, match=r"2 selected residues .* LEU 7 \(CA\); ASP 9 \(N, C\)"):
        select(universe, "all")


def test_atoms_in_another_order(trp_cage):
    atoms = select(trp_cage)
    mixed = atoms.cut(np.roll(trp_cage.atoms.positions, 3, axis=0), None)
    (found,) = damaged_backbones(mixed[None], np.array([False]), atoms.residues, atoms.bonded, first=True)
    assert re.search("^a.xtc, frame 0: N-CA of LEU 2 is .* not in the same order", found.at("a.xtc, frame 0"))


def test_nan_names_frame_and_residue(trp_cage):
    atoms = select(trp_cage)
    backbone = np.stack([atoms.cut(ts.positions, None) for ts in trp_cage.trajectory[:3]])
    backbone[1, 4, 1] = np.nan
    (found,) = atoms.damaged(backbone, np.zeros(3, bool))
    assert (found.frame, found.what) == (1, "coordinates of GLN 5 are not finite")


def test_adk_has_no_chain_break_and_a_cut_chain_has():
    universe = mda.Universe(PSF, DCD)
    atoms = select(universe)
    assert atoms.breaks() == []
    (cut,) = select(universe, "resid 1-50 60-100").breaks()
    assert cut.startswith("LYS 50 and THR 60 of chain")
