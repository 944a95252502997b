"""Backbone trajectories: what is written is what is read."""

import MDAnalysis as mda
import numpy as np
import pytest

from mdllm.core.errors import InputError
from mdllm.core.trajectories import (
    TrajectoryWriter,
    backbone_universe,
    iterate_backbone,
    open_backbone,
    read_backbone,
    write_topology,
)
from mdllm.molecules.backbone import BackboneAtoms


def test_residues_and_coordinates_survive(tmp_path, structures):
    raw = mda.Universe(str(structures / "3dmv.pdb"))
    atoms = BackboneAtoms.select(raw, "protein and resid 20-60", "3dmv.pdb")
    first = atoms.cut(raw.atoms.positions, None)
    frames = np.stack([first, first + 1.0, first - 2.5])
    universe = backbone_universe(atoms.residues)
    write_topology(tmp_path / "t.pdb", universe, frames[0])
    with TrajectoryWriter(tmp_path / "t.xtc") as writer:
        writer.write(frames[:2], np.array([0.0, 2.0]))
        writer.write(frames[2:], np.array([4.0]))

    again = open_backbone(tmp_path / "t.pdb", tmp_path / "t.xtc")
    assert again.residues.resnames.tolist() == atoms.residues.resnames.tolist()
    assert again.residues.resids.tolist() == list(range(20, 61))
    assert set(again.atoms.chainIDs) == {"A"}
    assert [ts.time for ts in again.trajectory] == [0.0, 2.0, 4.0]
    np.testing.assert_allclose(read_backbone(again), frames, atol=0.0006)
    np.testing.assert_allclose(read_backbone(again, np.array([2, 0])), frames[[2, 0]], atol=0.0006)


def test_chunks_cover_all_frames_once(tmp_path, trp_cage_files):
    raw = mda.Universe(*map(str, trp_cage_files))
    atoms = BackboneAtoms.select(raw, "protein", "t")
    universe = backbone_universe(atoms.residues)
    frames = np.stack([atoms.cut(ts.positions, None) for ts in raw.trajectory[:25]])
    write_topology(tmp_path / "t.pdb", universe, frames[0])
    with TrajectoryWriter(tmp_path / "t.xtc") as writer:
        writer.write(frames, np.arange(25.0))
    again = open_backbone(tmp_path / "t.pdb", tmp_path / "t.xtc")
    chunks = list(iterate_backbone(again, chunk=10))
    assert [len(backbone) for _, backbone in chunks] == [10, 10, 5]
    assert np.concatenate([index for index, _ in chunks]).tolist() == list(range(25))


def test_a_topology_that_is_no_backbone_is_refused(trp_cage_files):
    with pytest.raises(InputError, match=r"trp_cage\.pdb is not a backbone topology"):
        open_backbone(trp_cage_files[0])
