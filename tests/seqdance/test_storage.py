"""The HDF5 layout of the released data: what is written comes back, and what is wrong in it is named."""

import h5py
import numpy as np
import pytest

from mdllm.core.errors import InputError
from mdllm.seqdance.storage import PropertyReader, PropertyWriter, read_proteins

from .properties import made_up

SEQUENCE = "ACDG:KLW"
SPECIAL = [0, 5, 6, 10]
INSIDE = [1, 2, 3, 4, 7, 8, 9]


@pytest.fixture
def files(tmp_path):
    """One protein of two chains with all properties, in two files."""
    residue, pair = made_up(SEQUENCE, 0)
    writer = PropertyWriter(tmp_path)
    writer.add("one", SEQUENCE, "md", "train", residue, pair)
    writer.close()
    return [tmp_path / "dynamics.h5", tmp_path / "normal_modes.h5"]


def read(files, **changes):
    return PropertyReader(files, **{"cube_root": False, **changes}).read("one", SEQUENCE.split(":"))


def change(file, key, place, value):
    with h5py.File(file, "r+") as opened:
        opened[key][place] = value


def test_the_layout_is_that_of_the_released_data(files):
    with h5py.File(files[0]) as dynamics, h5py.File(files[1]) as modes:
        assert dynamics["one_res_feature"].shape == (11, 47)
        assert dynamics["one_pair_feature"].shape == (11, 11, 10)
        assert modes["one_res_feature"].shape == (11, 3)
        assert modes["one_pair_feature"].shape == (11, 11, 3)
        for file in (dynamics, modes):
            assert (file["one_res_feature"][SPECIAL] == -1).all()
            assert (file["one_pair_feature"][:, SPECIAL] == -1).all()
            assert (file["one_pair_feature"][SPECIAL] == -1).all()


def test_targets_come_back(files):
    residue, pair = made_up(SEQUENCE, 0)
    found = read(files)
    assert np.isnan(found.residue[SPECIAL]).all()
    assert np.isnan(found.pair[SPECIAL]).all()
    assert np.isnan(found.pair[:, SPECIAL]).all()
    np.testing.assert_allclose(found.residue[INSIDE, :2], residue[:, :2], rtol=1e-6)
    np.testing.assert_allclose(found.residue[INSIDE, 2], residue[:, 2] / residue[:, 2].max(), rtol=1e-6)
    np.testing.assert_allclose(found.residue[INSIDE, 47:].mean(0), 1, rtol=1e-6)
    np.testing.assert_allclose(found.residue[INSIDE, 48], residue[:, 48] / residue[:, 48].mean(), rtol=1e-6)
    np.testing.assert_allclose(found.pair[np.ix_(INSIDE, INSIDE)], pair, rtol=1e-6)
    cubed = read(files, cube_root=True).pair[np.ix_(INSIDE, INSIDE)]
    np.testing.assert_allclose(cubed[..., :9], pair[..., :9] ** (1 / 3), rtol=1e-5)
    np.testing.assert_allclose(cubed[..., 9:], pair[..., 9:], rtol=1e-6)


def test_torsions_that_a_residue_does_not_have_are_masked_or_zero(files):
    assert np.isnan(read(files).residue[[1, 4], 11:23]).all()  # chi1 of ALA and GLY
    assert (read(files, undefined_as_zero=True).residue[[1, 4], 11:23] == 0).all()
    # As the released data may have it: shares of zero.
    change(files[0], "one_res_feature", (1, slice(11, 23)), 0.0)
    assert np.isnan(read(files).residue[1, 11:23]).all()


def test_directed_contacts_are_added_up(files):
    change(files[0], "one_pair_feature", (2, 8, 0), 0.5)
    change(files[0], "one_pair_feature", (8, 2, 0), 0.25)
    found = read(files).pair
    assert found[2, 8, 0] == found[8, 2, 0] == 0.75
    directed = read(files, symmetric=False).pair
    assert (directed[2, 8, 0], directed[8, 2, 0]) == (0.5, 0.25)


def test_a_window_is_a_part_of_the_whole(files):
    whole = read(files)
    window = PropertyReader(files, cube_root=False).read("one", SEQUENCE.split(":"), first=2, most=5)
    rows = [0, 3, 4, 5, 6, 7, 10]
    assert window.tokens.tolist() == whole.tokens[rows].tolist()
    np.testing.assert_array_equal(window.residue, whole.residue[rows])
    np.testing.assert_array_equal(window.pair, whole.pair[np.ix_(rows, rows)])


def test_properties_that_were_not_measured_are_said_to_be_absent(tmp_path):
    residue, pair = made_up("KLWKL", 0)
    residue[:, :2], pair[..., :9] = np.nan, np.nan
    writer = PropertyWriter(tmp_path)
    writer.add("one", "KLWKL", "md", "train", residue, pair)
    writer.close()
    found = PropertyReader([tmp_path / "dynamics.h5"]).read("one", ["KLWKL"])
    assert np.isnan(found.residue[:, :2]).all()
    assert np.isnan(found.pair[..., :9]).all()
    assert np.isfinite(found.residue[1:-1, 2]).all()
    assert np.isnan(found.residue[:, 47:]).all()  # in the other file


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda file: file.__delitem__("one_pair_feature"), "holds one_res_feature, but no one_pair_feature"),
        (lambda file: file.move("one_res_feature", "on_res_feature"), "no one_res_feature; there is on_res_feature"),
        (lambda file: file["one_res_feature"].__setitem__((2, 0), np.nan), "sasa_mean_nm2 of residue 2 is NaN"),
        (lambda file: file["one_res_feature"].__setitem__((8, 24), np.nan), "phi_-150 of residue 6 is NaN"),
        (lambda file: file["one_pair_feature"].__setitem__((2, 3, 9), np.nan), "correlation of tokens 2 and 3 is NaN"),
        (lambda file: file["one_res_feature"].__setitem__(5, 0.0), "token 5 is a special one"),
    ],
)
def test_what_is_wrong_is_named(files, spoil, message):
    with h5py.File(files[0], "r+") as file:
        spoil(file)
    with pytest.raises(InputError, match=message):
        PropertyReader(files[:1]).read("one", SEQUENCE.split(":"))


def test_files_of_other_proteins_are_refused(files, tmp_path):
    reader = PropertyReader(files)
    with pytest.raises(InputError, match="one has 11 tokens, but its sequence 6 residues in 2 chains, with two"):
        reader.read("one", ["ACD", "KLW"])
    with h5py.File(tmp_path / "odd.h5", "w") as file:
        file["one_res_feature"], file["one_pair_feature"] = np.zeros((11, 46)), np.zeros((11, 11, 10))
    with pytest.raises(InputError, match=r"shapes \(11, 46\) and \(11, 11, 10\)"):
        PropertyReader([tmp_path / "odd.h5"]).read("one", SEQUENCE.split(":"))
    with pytest.raises(InputError, match=r"gone\.h5 does not exist"):
        PropertyReader([tmp_path / "gone.h5"])
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(InputError, match="no HDF5 file"):
        PropertyReader([tmp_path / "text.h5"]).read("one", ["ACD"])


def test_the_table_of_proteins(tmp_path):
    path = tmp_path / "proteins.csv"
    path.write_text("name,sequence,group,split\nNA,ac:d,md,train\nb,KL,md,validation\n")
    table = read_proteins(path)
    assert table["chains"].tolist() == [["AC", "D"], ["KL"]]
    assert table["name"].tolist() == ["NA", "b"]
    for text, message in (
        ("name,sequence,group\na,AC,md\n", "no column split"),
        ("name,sequence,group,split\na,AC,md,train\na,AC,md,validation\n", "a comes twice"),
        ("name,sequence,group,split\na,AC,md,train\n", "no protein has the split validation"),
        ("name,sequence,group,split\na,AC,md,train\nb,A1,md,validation\n", r"csv: b: '1' at position 2"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            read_proteins(path)
