"""Gaps, borders, and what a code file must satisfy."""

import numpy as np
import pytest

from mdllm.core.errors import InputError
from mdllm.core.records import write_npz
from mdllm.language.series import CodeSeries


def series(frame, segment):
    return CodeSeries(np.zeros((len(frame), 2), int), np.array(frame), np.array(segment), 4)


def test_a_stretch_ends_at_a_gap_and_at_a_border():
    frame = [0, 2, 4, 8, 10, 12, 14]
    segment = [0, 0, 0, 0, 0, 1, 1]
    assert series(frame, segment).stretches().tolist() == [0, 0, 0, 1, 1, 2, 2]


def test_last_frames_lie_in_one_stretch():
    frame = np.array([0, 1, 2, 3, 10, 11, 20])
    example = CodeSeries(frame[:, None], frame, np.zeros(7, int), 21)
    assert example.last_frames(1).ravel().tolist() == [20]
    assert example.last_frames(2).ravel().tolist() == [10, 11]
    assert example.last_frames(3).ravel().tolist() == [1, 2, 3]  # the last stretch that holds so many
    with pytest.raises(InputError, match=r"5 contiguous frames .* holds 4"):
        example.last_frames(5)


def write(path, **changes):
    arrays = {"codes": np.zeros((3, 2), np.int32), "frame": np.arange(3), "segment": np.zeros(3), "codebook_size": 4}
    write_npz(path, **(arrays | changes))
    return path


def test_load_keeps_what_was_written(tmp_path):
    codes = np.array([[0, 1], [2, 3], [1, 1]])
    loaded = CodeSeries.load(write(tmp_path / "codes.npz", codes=codes, frame=np.array([5, 6, 9])))
    assert (loaded.codes == codes).all()
    assert loaded.frame.tolist() == [5, 6, 9]
    assert (loaded.codebook_size, loaded.residues) == (4, 2)


def test_load_names_the_code_outside_of_the_codebook(tmp_path):
    codes = np.array([[0, 1], [2, 4], [1, 1]])
    with pytest.raises(InputError, match="code 4 of frame 8, residue index 1"):
        CodeSeries.load(write(tmp_path / "codes.npz", codes=codes, frame=np.array([7, 8, 9])))


def test_load_compares_lengths(tmp_path):
    with pytest.raises(InputError, match="3 frames of codes, 2 frame numbers"):
        CodeSeries.load(write(tmp_path / "codes.npz", frame=np.arange(2)))
