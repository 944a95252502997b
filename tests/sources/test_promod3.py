"""The structure database of ProMod3, in a Debian package."""

import numpy as np
import pytest

from mdllm.core.errors import InputError
from mdllm.sources.archives import unpack, unpacked_folder
from mdllm.sources.promod3 import StructureDatabase
from promod3 import database, debian_package


def chains() -> list:
    rng = np.random.default_rng(0)
    found = [("1ABC", "A", 5, "MKV"), ("1ABC", "A", 12, "GS"), ("2XYZ", "B", 1, "PLYW")]
    return [(*chain, rng.uniform(-3, 3, size=(len(chain[3]), 4, 3))) for chain in found]


def test_stretches_have_their_names_letters_and_atoms(tmp_path):
    given = chains()
    path = tmp_path / "structure_db.dat"
    path.write_bytes(database(given))
    found = StructureDatabase(path)
    assert [stretch.name for stretch in found.stretches] == ["1ABC_A_5", "1ABC_A_12", "2XYZ_B"]
    assert [found.sequence(stretch) for stretch in found.stretches] == ["MKV", "GS", "PLYW"]
    for stretch, (*_, backbone) in zip(found.stretches, given, strict=True):
        np.testing.assert_allclose(found.backbone(stretch), backbone, atol=0.00051)


def test_another_or_a_cut_file_is_refused(tmp_path):
    path = tmp_path / "structure_db.dat"
    path.write_bytes(b"1234" + database(chains())[4:])
    with pytest.raises(InputError, match=r"structure_db\.dat does not begin as a structure database of ProMod3"):
        StructureDatabase(path)
    whole = database(chains())
    for kept, message in ((100, "in its table of chains"), (len(whole) - 9 * 90 - 100, r"bytes of at least \d+")):
        path.write_bytes(whole[:kept])
        with pytest.raises(InputError, match=message):
            StructureDatabase(path)


def test_a_debian_package_is_an_archive_like_others(tmp_path):
    archive = debian_package(tmp_path / "x.deb", "structure_db.dat", b"content")
    found = unpack(archive, ["**/structure_db.dat"])
    (name,) = found["**/structure_db.dat"]
    assert (unpacked_folder(archive) / name).read_bytes() == b"content"
    archive.write_bytes(archive.read_bytes()[:150])
    with pytest.raises(InputError, match=r"x\.deb is damaged .*delete it to fetch it again"):
        unpack(archive, ["**/structure_db.dat"])
