"""Discrete trajectories that others have made: read, checked, cut at gaps."""

import gzip

import numpy as np
import pytest

from mdllm.config.settings.system import Observables
from mdllm.core.errors import InputError
from mdllm.prepare.series import read_series, series_frames
from mdllm.sources.series import SeriesSource, find_series

OBSERVABLES = Observables.model_validate(
    {
        "collective_variables": {"number": {"type": "number"}},
        "states": {"folded": {"number": [1, 3]}, "unfolded": {"number": [7, 8]}},
    }
)


def source(*files, **more):
    return SeriesSource(type="series", files=[str(file) for file in files], **more)


def write(path, text):
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def saved(path, array):
    np.save(path, array)
    return path


@pytest.mark.parametrize("name", ["s.txt", "s.dtraj", "s.txt.gz", "s.csv", "s.csv.gz"])
def test_text_of_one_column(tmp_path, name):
    path = write(tmp_path / name, "# states of a run\n3\n3\n7\n")
    assert read_series(path, source(path)).tolist() == [3, 3, 7]


def test_npy_of_any_integers_and_whole_floats(tmp_path):
    for kind in (np.int8, np.uint16, np.int64, float):
        assert read_series(saved(tmp_path / "s.npy", np.array([3, 0, 7], kind)), source("s.npy")).tolist() == [3, 0, 7]
    text = write(tmp_path / "s.txt", "3.0e+00\n0.000\n")
    assert read_series(text, source(text)).tolist() == [3, 0]


def test_columns_by_number_and_by_name(tmp_path):
    text = write(tmp_path / "s.txt", "0.0 5\n0.2 6\n")
    assert read_series(text, source(text, column=1)).tolist() == [5, 6]
    table = write(tmp_path / "s.csv", "time,state\n0.0,5\n0.2,6\n")
    assert read_series(table, source(table, column="state")).tolist() == [5, 6]
    with pytest.raises(InputError, match=r"s\.txt has 2 columns; say in source\.column which holds the state"):
        read_series(text, source(text))
    with pytest.raises(InputError, match=r"s\.txt has 2 columns, of which source\.column: 2 is none"):
        read_series(text, source(text, column=2))
    with pytest.raises(InputError, match=r"there is no 'code', but time, state"):
        read_series(table, source(table, column="code"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"s\.txt holds no frame"),
        ("# nothing but this\n\n", r"s\.txt holds no frame"),
        ("1\n\n2\n", r"s\.txt, frame 1 \(counted from 0; 1 alike\): there is no number: a gap"),
        ("1\nnan\nNaN\n", r"frame 1 \(counted from 0; 2 alike\): there is no number: a gap"),
        ("1\nA\n", r"frame 1 .*: 'A' is no number"),
        (
            "state\n1\n2\n",
            r"frame 0 .*: 'state' is no number; where it is the head of a column, name it in source\.column",
        ),
        ("1,2\n1,3\n", r"frame 0 .*: '1,2' is no number; .*where commas stand between columns say source\.format: csv"),
        ("1\n2\n0.5\n", r"frame 2 .*: 0\.5 is no whole number, and so no state; discretize first"),
        ("1\n-1\n-1\n", r"frame 1 .*2 alike\): -1 is no number of a state, which are 0 to 2147483647"),
        ("1\n99999999999\n", r"frame 1 .*: 99999999999 is no number of a state"),
        ("1 2\n3\n", r"s\.txt has 2 columns"),
    ],
)
def test_what_is_no_series_of_states(tmp_path, text, message):
    path = write(tmp_path / "s.txt", text)
    with pytest.raises(InputError, match=message):
        read_series(path, source(path))


def test_files_of_another_kind(tmp_path):
    path = saved(tmp_path / "s.npy", np.zeros((2, 3, 4)))
    with pytest.raises(InputError, match=r"s\.npy cannot be read as npy: an array of 3 dimensions"):
        read_series(path, source(path))
    np.save(path, np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(InputError, match=r"s\.npy cannot be read as npy: .*allow_pickle"):
        read_series(path, source(path))
    path = tmp_path / "s.txt.gz"
    path.write_bytes(b"no gzip")
    with pytest.raises(InputError, match=r"s\.txt\.gz cannot be read as text: Not a gzipped file"):
        read_series(path, source(path))


def test_an_array_of_no_states(tmp_path):
    path = saved(tmp_path / "s.npy", np.array([1 + 0j, 2 + 3j]))
    with pytest.raises(InputError, match=r"s\.npy holds complex numbers, and so no states"):
        read_series(path, source(path))
    with pytest.raises(InputError, match=r"s\.npy holds no frame"):
        read_series(path, source(saved(path, np.array([]))))
    with pytest.raises(InputError, match=r"frame 1 .*: there is no number: a gap"):
        read_series(path, source(saved(path, np.array([1, np.nan]))))
    with pytest.raises(InputError, match=r"frame 0 .*: 9223372036854775808 is no number of a state"):
        read_series(path, source(saved(path, np.array([2**63, 1], dtype=np.uint64))))


def test_a_compressed_file_that_was_cut_short(tmp_path):
    path = tmp_path / "s.txt.gz"
    path.write_bytes(gzip.compress(b"1\n2\n" * 1000)[:40])
    with pytest.raises(InputError, match=r"s\.txt\.gz cannot be read as text: Compressed file ended before"):
        read_series(path, source(path))


def test_each_file_is_a_trajectory_which_unassigned_frames_cut(tmp_path):
    files = [write(tmp_path / f"run{n}.txt", text) for n, text in ((2, "1\n1\n-1\n-1\n7\n7\n"), (10, "2\n5\n"))]
    chosen = source(tmp_path / "run*.txt", unassigned=-1)
    assert find_series(chosen, tmp_path) == files
    table = series_frames(files, chosen, 200.0, OBSERVABLES)
    assert table["frame"].tolist() == [0, 1, 4, 5, 6, 7]
    assert table["segment"].tolist() == [0, 0, 1, 1, 2, 2]
    assert table["state"].tolist() == ["folded", "folded", "unfolded", "unfolded", "folded", "none"]
    assert table["number"].tolist() == [1, 1, 7, 7, 2, 5]
    assert table["time_ps"].tolist() == [0, 200, 800, 1000, 1200, 1400]
    assert series_frames(files, chosen, "unknown", OBSERVABLES)["time_ps"].isna().all()


def test_a_series_without_any_state(tmp_path):
    path = write(tmp_path / "s.txt", "-1\n-1\n")
    with pytest.raises(InputError, match=r"source\.unassigned: all 2 frames have the number -1; none is left"):
        series_frames([path], source(path, unassigned=-1), 1.0, OBSERVABLES)


def test_a_file_that_is_given_twice(tmp_path):
    path = write(tmp_path / "s.txt", "1\n2\n")
    with pytest.raises(InputError, match="is given twice"):
        find_series(source(path, tmp_path / "*.txt"), tmp_path)
