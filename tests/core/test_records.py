"""Files of a stage: the same content gives the same bytes, and nothing is pickled."""

import numpy as np
import pytest

from mdllm.core.records import digest, read_json, read_npz, replacing, sha256, write_json, write_npz


def test_npz_bytes_depend_on_the_arrays_alone(tmp_path):
    arrays = {"codes": np.arange(6).reshape(2, 3), "size": np.int32(4)}
    write_npz(tmp_path / "a.npz", **arrays)
    write_npz(tmp_path / "b.npz", **dict(reversed(arrays.items())))
    assert sha256(tmp_path / "a.npz") == sha256(tmp_path / "b.npz")
    assert read_npz(tmp_path / "a.npz")["codes"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert int(read_npz(tmp_path / "a.npz")["size"]) == 4
    write_npz(tmp_path / "b.npz", codes=arrays["codes"] + 1, size=arrays["size"])
    assert sha256(tmp_path / "a.npz") != sha256(tmp_path / "b.npz")


def test_objects_are_refused(tmp_path):
    with pytest.raises(ValueError, match="Object arrays"):
        write_npz(tmp_path / "a.npz", bad=np.array([{}], dtype=object))


def test_json_refuses_nan_and_keeps_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", {"x": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert read_json(tmp_path / "a.json") == {"x": 1}


def test_digest_ignores_the_order_of_keys():
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / "cached"
    with replacing(path) as first:
        first.write_text("first")
        with replacing(path) as second:
            second.write_text("second")
        assert path.read_text() == "second"
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.npz"
    write_npz(path, codes=np.arange(3))
    with pytest.raises(ValueError, match="Object arrays"):
        write_npz(path, codes=np.arange(4), more=np.array([{}], dtype=object))
    assert read_npz(path)["codes"].tolist() == [0, 1, 2]
    assert list(tmp_path.iterdir()) == [path]
