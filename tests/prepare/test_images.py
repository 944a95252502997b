"""Periodic images: what is bonded is followed, what arrives together stays, the rest takes the nearest image."""

import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysis.lib.distances import distance_array
from MDAnalysisTests.datafiles import GRO, XTC

from mdllm.core.trajectories import open_backbone, read_backbone
from mdllm.molecules.backbone import BackboneAtoms
from raw_files import dimer, distances, prepared, wrapped, write_xtc

ACROSS = distances(
    d=("resid 700 and name CA and chainID A", "resid 700 and name CA and chainID B"),
    contact=("resid 916 and name CA and chainID A", "resid 909 and name CA and chainID B"),
)


@pytest.fixture
def complex_of_two(tmp_path):
    """A dimer (PDB), its positions, and the distances by MDAnalysis, nm."""
    universe = dimer()
    universe.atoms.write(str(tmp_path / "dimer.pdb"))
    points = universe.atoms.positions.astype(np.float64)
    points -= points.min(0) - 2
    universe.atoms.positions = points
    chosen = {
        name: [universe.select_atoms(cv.a)[0], universe.select_atoms(cv.b)[0]]
        for name, cv in ACROSS.collective_variables.items()
    }
    expected = {name: np.linalg.norm(a.position - b.position) / 10 for name, (a, b) in chosen.items()}
    return tmp_path, points, expected


def column(frames, name):
    return frames[f"{name}_nm"].to_numpy()


def test_a_complex_that_is_whole_in_its_box_stays_as_it_is(complex_of_two):
    """The step from the last C of one chain to the first N of the other is longer than half of the box."""
    folder, points, expected = complex_of_two
    size = np.ptp(points, axis=0) + 6
    atoms = BackboneAtoms.select(mda.Universe(folder / "dimer.pdb"), "protein", "dimer.pdb")
    last = np.flatnonzero(np.diff(atoms.residues.segindices))[0]
    step = np.linalg.norm(points[atoms.atoms[last, 2]] - points[atoms.atoms[last + 1, 0]])
    assert step > size.min() / 2
    write_xtc(folder / "t.xtc", np.stack([points] * 3), [*size, 90, 90, 90])
    counts, frames = prepared(folder / "out", folder / "dimer.pdb", folder / "t.xtc", observables=ACROSS)
    for name, value in expected.items():
        np.testing.assert_allclose(column(frames, name), value, atol=0.003)
    assert "frames_made_whole" not in counts
    assert "frames_with_moved_fragments" not in counts


@pytest.mark.parametrize("angles", [[90, 90, 90], [75, 80, 95]])
def test_a_complex_wrapped_atom_by_atom_comes_back(complex_of_two, angles):
    folder, points, expected = complex_of_two
    box = [*(np.ptp(points, axis=0).max() + np.array([8, 10, 12])), *angles]
    shifts = np.random.default_rng(0).uniform(-100, 100, (8, 1, 3))
    write_xtc(folder / "t.xtc", wrapped(points + shifts, box), box)
    counts, frames = prepared(folder / "out", folder / "dimer.pdb", folder / "t.xtc", observables=ACROSS)
    for name, value in expected.items():
        np.testing.assert_allclose(column(frames, name), value, atol=0.003)
    assert counts["frames_made_whole"] >= 6


@pytest.mark.parametrize("cut", [False, True])
def test_chains_that_touch_through_a_smaller_one_stay_together(tmp_path, cut):
    """A row of a chain of 250 residues, one of 7 and one of 250: around the box the large ones are nearer."""
    large, small = (dimer().select_atoms(f"chainID A and {part} backbone") for part in ("", "resid 700-706 and"))
    universe = mda.Merge(large, small, large)
    parts = np.split(np.arange(len(universe.atoms)), np.cumsum([len(large), len(small)]))
    points, end = universe.atoms.positions.astype(float), 0.0
    for part, chain in zip(parts, "ABC", strict=True):
        universe.atoms[part].chainIDs = chain
        points[part] -= points[part].mean(0)
        points[part, 0] += end - points[part, 0].min()
        end = points[part][:, 0].max() + 3
    universe.atoms.positions = points
    universe.atoms.write(str(tmp_path / "t.pdb"))
    box = [end - points[:, 0].min() - 3 + 12, 140, 140, 90, 90, 90]
    frames = np.stack([points + np.array([5, 70, 70])] * 2)
    path = write_xtc(tmp_path / "t.xtc", wrapped(frames + np.array([40, 0, 0]), box) if cut else frames, box)
    selections = {name: f"resid 703 and name CA and chainID {name}" for name in "ABC"}
    cv = distances(**{a + b: (selections[a], selections[b]) for a, b in ("AB", "BC", "AC")})
    counts, table = prepared(tmp_path / "out", tmp_path / "t.pdb", path, observables=cv)
    for one, other in ("AB", "BC", "AC"):
        atoms = [universe.select_atoms(selections[name])[0].position for name in (one, other)]
        np.testing.assert_allclose(table[f"{one}{other}_nm"], np.linalg.norm(np.subtract(*atoms)) / 10, atol=0.003)
    assert ("frames_with_moved_fragments" in counts) == cut


def test_a_chain_that_jumps_as_a_whole_is_brought_back(complex_of_two):
    """As molecules made whole one by one do (gmx trjconv -pbc mol)."""
    folder, points, expected = complex_of_two
    box = np.ptp(points, axis=0) + 6
    second = mda.Universe(folder / "dimer.pdb").atoms.chainIDs == "B"
    frames = np.stack([points] * 4)
    frames[1, second] += [box[0], 0, 0]
    frames[2, second] -= [0, box[1], box[2]]
    write_xtc(folder / "t.xtc", frames, [*box, 90, 90, 90])
    counts, table = prepared(folder / "out", folder / "dimer.pdb", folder / "t.xtc", observables=ACROSS)
    for name, value in expected.items():
        np.testing.assert_allclose(column(table, name), value, atol=0.003)
    assert counts["frames_with_moved_fragments"] == 2
    assert "frames_made_whole" not in counts


def test_a_chain_that_touches_two_images_stays_with_the_one_of_the_frame_before(complex_of_two):
    """Two copies of a peptide side by side in a box that both fill: they swap which side is nearer."""
    folder, *_ = complex_of_two
    one = dimer().select_atoms("chainID A and resid 700-715 and backbone")
    universe = mda.Merge(one, one)
    universe.atoms[: len(one)].chainIDs, universe.atoms[len(one) :].chainIDs = "A", "B"
    universe.atoms.write(str(folder / "two.pdb"))
    points = one.positions - one.positions.min(0)
    width = np.ptp(points, axis=0)[0]
    box = [2 * width + 10, 120, 120, 90, 90, 90]
    frames = []
    for gap in np.linspace(3.5, 6.5, 13):  # the way around is 10 less that
        frames.append(np.concatenate([points, points + np.array([width + gap, 0, 0])]))
    raw = wrapped(np.stack(frames) + np.array([0.7 * box[0], 50, 50]), box)
    write_xtc(folder / "t.xtc", raw, box)
    cv = distances(d=("resid 707 and name CA and chainID A", "resid 707 and name CA and chainID B"))
    _, table = prepared(folder / "out", folder / "two.pdb", folder / "t.xtc", observables=cv)
    np.testing.assert_allclose(column(table, "d"), (width + np.linspace(3.5, 6.5, 13)) / 10, atol=0.003)


def test_a_chain_stays_with_its_image_where_a_damaged_frame_follows(complex_of_two):
    """The chunk is read again in halves; what the second half starts from is the end of the first, not frame 0."""
    folder, *_ = complex_of_two
    one = dimer().select_atoms("chainID A and resid 700-715 and backbone")
    universe = mda.Merge(one, one)
    universe.atoms[: len(one)].chainIDs, universe.atoms[len(one) :].chainIDs = "A", "B"
    universe.atoms.write(str(folder / "two.pdb"))
    points = one.positions - one.positions.min(0)
    width = np.ptp(points, axis=0)[0]
    box = [2 * width + 12, 120, 120, 90, 90, 90]  # the way around is 12 less the gap: in frame 0 the near one
    gaps = np.array([9, *np.linspace(2, 6.8, 12)])
    frames = np.stack([np.concatenate([points, points + np.array([width + gap, 0, 0])]) for gap in gaps])
    raw = wrapped(frames + np.array([0.7 * box[0], 50, 50]), box)
    raw[12] = np.random.default_rng(0).uniform(0, 50, raw[12].shape)
    write_xtc(folder / "t.xtc", raw, box)
    cv = distances(d=("resid 707 and name CA and chainID A", "resid 707 and name CA and chainID B"))
    counts, table = prepared(folder / "out", folder / "two.pdb", folder / "t.xtc", observables=cv, skip_damaged=True)
    assert counts["frames_damaged"] == 1
    np.testing.assert_allclose(column(table, "d"), (width + np.array([3, *gaps[1:12]])) / 10, atol=0.003)


@pytest.mark.slow
def test_ions_are_in_the_image_nearest_to_the_protein(tmp_path):
    universe = mda.Universe(GRO, XTC)
    expected = []
    atoms = "(protein and not name H*) or resname NA+"
    protein, ions = universe.select_atoms("protein and not name H*"), universe.select_atoms("resname NA+")
    assert len(ions) > 3
    for ts in universe.trajectory:
        expected.append(distance_array(ions.positions, protein.positions, box=ts.dimensions).min(1) / 10)
    cv = distances(d=("resid 1 and name CA", "resid 214 and name CA"))
    prepared(tmp_path / "out", GRO, XTC, observables=cv, atoms=atoms)
    kept = mda.Universe(str(tmp_path / "out" / "topology.pdb"), str(tmp_path / "out" / "trajectory.xtc"))
    a, b = kept.select_atoms("protein"), kept.select_atoms("name NA")
    found = [distance_array(b.positions, a.positions).min(1) / 10 for _ in kept.trajectory]
    np.testing.assert_allclose(found, expected, atol=0.005)


@pytest.mark.slow
def test_atoms_of_a_selection_without_its_bonds_are_whole_too(tmp_path):
    """CA alone, of a topology without bonds, in a box that cuts the protein."""
    universe = mda.Universe(GRO, XTC)
    cv = distances(d=("resid 1 and name CA", "resid 214 and name CA"))
    prepared(tmp_path / "out", GRO, XTC, observables=cv, atoms="name CA and protein")
    kept = mda.Universe(str(tmp_path / "out" / "topology.pdb"), str(tmp_path / "out" / "trajectory.xtc"))
    atoms = BackboneAtoms.select(universe, "protein", "top")
    for ts, raw in zip(kept.trajectory, universe.trajectory, strict=True):
        whole = atoms.cut(raw.positions, raw.dimensions)[:, 1] * 10
        np.testing.assert_allclose(
            np.linalg.norm(np.diff(ts.positions, axis=0), axis=1),
            np.linalg.norm(np.diff(whole, axis=0), axis=1),
            atol=0.03,
        )


def test_a_gap_in_the_selection_is_bridged_by_the_residues_between(complex_of_two):
    folder, points, _ = complex_of_two
    universe = mda.Universe(folder / "dimer.pdb")
    one = universe.select_atoms("chainID A")
    one.write(str(folder / "one.pdb"))
    points = points[one.ix]
    box = [*(np.ptp(points, axis=0) * 0.9), 90, 90, 90]  # shorter than the molecule: its ends are nearer to images
    write_xtc(folder / "t.xtc", wrapped(points[None] + 11, box), box)
    cv = distances(d=("resid 700 and name CA", "resid 925 and name CA"))
    prepared(folder / "out", folder / "one.pdb", folder / "t.xtc", observables=cv, selection="resid 690-705 920-930")
    kept = read_backbone(open_backbone(folder / "out" / "topology.pdb", folder / "out" / "trajectory.xtc"))[0]
    ca = one.select_atoms("name CA and resid 690-705 920-930")
    expected = distance_array(points[ca.ix], points[ca.ix]) / 10
    np.testing.assert_allclose(distance_array(kept[:, 1], kept[:, 1]), expected, atol=0.004)
