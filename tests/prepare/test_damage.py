"""Damaged frames: found wherever they are, named with the likely cause, and left out where that is asked for."""

import random

import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysis.coordinates.TRR import TRRWriter
from MDAnalysis.lib.formats.libmdaxdr import XTCFile
from MDAnalysisTests.datafiles import DCD, GRO, PSF, XTC, PDB_small

from mdllm.core.errors import InputError
from mdllm.sources.acquire import acquire
from mdllm.sources.files import FilesSource
from raw_files import distances, prepared, wrapped, write_xtc

CV = distances(d=("resid 30 and name CA", "resid 130 and name CA"))


@pytest.fixture(scope="module")
def positions():
    return np.stack([ts.positions.copy() for ts in mda.Universe(PSF, DCD).trajectory[:8]]).astype(np.float64)


@pytest.mark.slow
def test_a_frame_cut_by_the_box_without_a_box(tmp_path, positions):
    """Whole in frame 0 and wrapped later: no box says by how much to move what."""
    box = [60.0, 60.0, 60.0, 90, 90, 90]
    frames = positions.copy()
    frames[3] = wrapped(frames[3] + 40, box)
    path = write_xtc(tmp_path / "t.xtc", frames)
    with pytest.raises(
        InputError, match=r"t\.xtc, frame 3: .* cut by the periodic box, and the file has no box.*skip_damaged: true"
    ):
        prepared(tmp_path / "out", PSF, path, observables=CV)
    counts, table = prepared(tmp_path / "out", PSF, path, observables=CV, skip_damaged=True)
    assert table["frame"].tolist() == [0, 1, 2, 4, 5, 6, 7]
    assert table["segment"].tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert counts["frames_damaged"] == 1
    with_box = write_xtc(tmp_path / "boxed.xtc", frames, box)
    _, table = prepared(tmp_path / "out", PSF, with_box, observables=CV)
    universe = mda.Universe(PSF, DCD)
    universe.trajectory[3]
    a, b = (universe.select_atoms(f"resid {i} and name CA").positions[0] for i in (30, 130))
    assert table["d_nm"][3] == pytest.approx(np.linalg.norm(a - b) / 10, abs=0.002)


def test_a_first_frame_that_is_cut_at_a_peptide_bond_is_no_broken_chain(tmp_path, positions):
    """Between residues 100 and 101, so that no bond within a residue is cut."""
    universe, frames = mda.Universe(PSF), positions.copy()
    frames[0, universe.select_atoms("resid 101-214").ix] += [0, 0, 70]
    path = write_xtc(tmp_path / "t.xtc", frames)
    with pytest.raises(
        InputError, match=r"GLY 100 and ILE 101 are \d\.\d+ nm apart in the first frame, and bonded later"
    ):
        prepared(tmp_path / "out", PSF, path, observables=CV)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: 0 * frame, "all atoms are in one place"),
        (lambda frame: frame * 1e7, r"coordinates reach \d\.\d+e\+0[78] nm"),
        (
            lambda frame: frame + np.random.default_rng(0).normal(scale=3, size=frame.shape),
            r"N-CA of MET 1 is .* no bond",
        ),
    ],
)
def test_a_damaged_frame_in_the_middle(tmp_path, positions, change, message):
    frames = positions.copy()
    frames[5] = change(frames[5])
    universe = mda.Universe(PSF)
    with mda.Writer(str(tmp_path / "t.dcd"), n_atoms=len(universe.atoms)) as writer:
        universe.load_new(frames.astype(np.float32))
        for _ in universe.trajectory:
            writer.write(universe.atoms)
    with pytest.raises(InputError, match=rf"t\.dcd, frame 5 is damaged: .*{message}"):
        prepared(tmp_path / "out", PSF, tmp_path / "t.dcd", observables=CV)
    counts, table = prepared(tmp_path / "out", PSF, tmp_path / "t.dcd", observables=CV, skip_damaged=True)
    assert table["frame"].tolist() == [0, 1, 2, 3, 4, 6, 7]
    assert counts["frames_damaged"] == 1


@pytest.mark.slow
def test_a_damaged_first_frame(tmp_path, positions):
    frames = positions.copy()
    frames[0] = 0
    path = write_xtc(tmp_path / "t.xtc", frames)
    with pytest.raises(InputError, match=r"t\.xtc, frame 0 is damaged: .* all atoms are in one place"):
        prepared(tmp_path / "out", PSF, path, observables=CV)
    _, table = prepared(tmp_path / "out", PSF, path, observables=CV, skip_damaged=True)
    assert table["frame"].tolist() == list(range(1, 8))


def zeroed(path, *frames):
    """Zeros within the compressed coordinates of some frames: the decoder writes over its memory."""
    with XTCFile(str(path)) as file:
        offsets = file.offsets
    content = bytearray(path.read_bytes())
    for frame in frames:
        content[offsets[frame] + 300 : offsets[frame] + 4300] = bytes(4000)
    path.write_bytes(content)
    return path


@pytest.mark.slow
def test_a_file_on_which_the_reader_ends_its_process(tmp_path, positions):
    """What decoding frames 3 and 5 writes over is no damage of another frame, and hides none."""
    path = zeroed(write_xtc(tmp_path / "t.xtc", positions), 3, 5)
    with pytest.raises(InputError, match=r"t\.xtc, frame 3( \(counted from 0\): the reader breaks down| is damaged)"):
        prepared(tmp_path / "out", PSF, path, observables=CV)
    counts, table = prepared(tmp_path / "out", PSF, path, observables=CV, skip_damaged=True)
    assert table["frame"].tolist() == [0, 1, 2, 4, 6, 7]
    assert table["segment"].tolist() == [0, 0, 0, 1, 2, 2]
    assert counts["frames_damaged"] == 2
    universe = mda.Universe(PSF)
    a, b = (universe.select_atoms(f"resid {i} and name CA").ix[0] for i in (30, 130))
    expected = np.linalg.norm(positions[:, a] - positions[:, b], axis=1)[[0, 1, 2, 4, 6, 7]] / 10
    np.testing.assert_allclose(table["d_nm"], expected, atol=0.002)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("frame", [0, 1, 7])
def test_frames_that_are_read_before_a_run_cannot_end_it_without_a_message(tmp_path, positions, frame, seed):
    """Noise in the first two frames or the last: each is read in a process of its own, and named."""
    path = write_xtc(tmp_path / "t.xtc", positions)
    with XTCFile(str(path)) as file:
        start = file.offsets[frame] + 300
    content = bytearray(path.read_bytes())
    content[start : start + 300] = random.Random(seed).randbytes(300)
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"t\.xtc, frame {frame}\b"):
        prepared(tmp_path / "out", PSF, path, observables=CV)


@pytest.mark.slow
def test_a_frame_that_cannot_be_read_is_left_out_where_that_is_asked_for(tmp_path, positions):
    """Model 4 of a PDB file, frame 3, has one atom fewer."""
    universe, path = mda.Universe(PDB_small), tmp_path / "t.pdb"
    universe.load_new(positions.astype(np.float32))
    with mda.Writer(str(path), multiframe=True) as writer:
        for _ in universe.trajectory:
            writer.write(universe.atoms)
    lines = path.read_text().splitlines(keepends=True)
    del lines[next(i for i, line in enumerate(lines) if line.startswith("MODEL        4")) + 7]
    path.write_text("".join(lines))
    with pytest.raises(InputError, match=r"t\.pdb, frame 3 \(counted from 0\): it cannot be read .*skip_damaged: true"):
        prepared(tmp_path / "out", PDB_small, path, observables=CV)
    counts, table = prepared(tmp_path / "out", PDB_small, path, observables=CV, skip_damaged=True)
    assert table["frame"].tolist() == [0, 1, 2, 4, 5, 6, 7]
    assert table["segment"].tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert counts["frames_damaged"] == 1


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 6))])
def test_noise_in_a_file_is_a_message_whatever_it_does(tmp_path, positions, seed):
    path = write_xtc(tmp_path / "t.xtc", positions)
    content, rng = bytearray(path.read_bytes()), random.Random(seed)
    at = rng.randrange(2000, len(content) - 2000)
    content[at : at + 300] = rng.randbytes(300)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"t\.xtc"):
        prepared(tmp_path / "out", PSF, path, observables=CV)


def test_frames_without_positions_are_left_out_with_a_count(tmp_path, positions):
    universe = mda.Universe(PSF)
    universe.load_new(positions.astype(np.float32))
    with TRRWriter(str(tmp_path / "t.trr"), n_atoms=len(universe.atoms)) as writer:
        for ts in universe.trajectory:
            ts.time = 2.0 * ts.frame
            ts.velocities = np.zeros_like(ts.positions)
            ts.has_positions = ts.frame % 2 == 0
            writer.write(universe.atoms)
    counts, table = prepared(tmp_path / "out", PSF, tmp_path / "t.trr", observables=CV)
    assert table["frame"].tolist() == [0, 2, 4, 6]
    assert table["time_ps"].tolist() == [0, 4, 8, 12]
    assert counts["frames_without_positions"] == 4
    assert (table["segment"] == 0).all()


def test_chosen_atoms_of_a_molecule_cut_without_a_box(tmp_path):
    universe = mda.Universe(GRO, XTC)
    frames = np.stack([ts.positions.copy() for ts in universe.trajectory[:4]])
    protein = universe.select_atoms("protein")
    protein.write(str(tmp_path / "protein.gro"))
    path = write_xtc(tmp_path / "t.xtc", frames[:, protein.ix])
    cv = distances(d=("resid 1 and name CA", "resid 214 and name CA"))
    with pytest.raises(InputError, match=r"t\.xtc, frame \d: .* are bonded, and \d\.\d+ nm apart: .* file has no box"):
        prepared(tmp_path / "out", tmp_path / "protein.gro", path, observables=cv, atoms="not name H*")


def test_the_last_frame_is_looked_at_before_a_run(tmp_path, positions):
    path = write_xtc(tmp_path / "t.xtc", positions)
    content = path.read_bytes()
    path.write_bytes(content[:-500])
    with pytest.raises(InputError, match=r"t\.xtc is truncated or damaged in frame 7, its last"):
        acquire(FilesSource(type="files", topology=PSF, trajectories=[str(path)]), tmp_path)
