"""Downloads: cached, checked, resumed, and what they say without a network."""

import hashlib
import io
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import MDAnalysis as mda
import pytest
from MDAnalysisTests.datafiles import DCD, PSF
from pydantic import ValidationError

from mdllm.core.errors import InputError
from mdllm.sources.acquire import acquire
from mdllm.sources.archives import matches, unpack, unpacked_folder
from mdllm.sources.atlas import AtlasSource, fetch_atlas
from mdllm.sources.download import cached_path, download
from mdllm.sources.url import UrlSource, fetch_url
from web import NOWHERE

CONTENT = bytes(range(256)) * 1000
SHA = hashlib.sha256(CONTENT).hexdigest()


def test_a_file_is_fetched_once_and_checked(tmp_path, web):
    url = web.put("data/set 1/x.bin".replace(" ", "_"), CONTENT)
    path = download(url, tmp_path / "cache", SHA)
    assert path.read_bytes() == CONTENT
    assert path == cached_path(url, tmp_path / "cache")
    assert str(path).endswith("data/set_1/x.bin")
    assert download(url, tmp_path / "cache", SHA) == path
    assert web.asked == [None]
    assert [file.name for file in path.parent.iterdir()] == ["x.bin"]
    with pytest.raises(InputError, match=rf"x\.bin: SHA-256 is {SHA}, but the config file says 000.*delete the file"):
        download(url, tmp_path / "cache", "0" * 64)


def test_an_interrupted_download_goes_on(tmp_path, web):
    url = web.put("x.bin", CONTENT)
    web.cut_after = 100_000
    with pytest.raises(InputError, match=r"could not be fetched .* 65536 bytes are kept, and the next run goes on"):
        download(url, tmp_path, SHA)
    assert not cached_path(url, tmp_path).exists()
    web.cut_after = None
    assert download(url, tmp_path, SHA).read_bytes() == CONTENT
    assert web.asked == [None, "bytes=65536-"]
    assert web.answered == [200, 206]


@pytest.mark.parametrize("changed", [True, False])
def test_a_server_that_sends_all_of_it_again_is_believed(tmp_path, web, changed):
    """One that knows no parts, and one whose file is another by now."""
    url = web.put("x.bin", CONTENT)
    web.cut_after = 100_000
    with pytest.raises(InputError, match="could not be fetched"):
        download(url, tmp_path)
    web.cut_after, web.ranges = None, changed
    expected = CONTENT[::-1] if changed else CONTENT
    web.put("x.bin", expected)
    assert download(url, tmp_path).read_bytes() == expected
    assert web.asked[1] == "bytes=65536-"


def test_jobs_that_want_the_same_file_take_turns(tmp_path, web):
    url = web.put("x.bin", CONTENT)
    with ThreadPoolExecutor(4) as jobs:
        paths = list(jobs.map(lambda _: download(url, tmp_path, SHA), range(4)))
    assert {path.read_bytes() for path in paths} == {CONTENT}
    assert web.asked == [None]


def test_without_a_checksum_that_of_the_first_use_counts(tmp_path, web):
    path = download(web.put("x.bin", CONTENT), tmp_path)
    assert path.with_name("x.bin.sha256").read_text() == f"{SHA}  x.bin\n"
    path.write_bytes(b"changed")
    with pytest.raises(InputError, match=r"x\.bin is not what it was when it was first used"):
        download(f"{web.address}/x.bin", tmp_path)


def test_without_a_network_it_says_which_file_to_put_where(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    place = tmp_path / "downloads" / "127.0.0.1_9" / "a" / "x.zip"
    with pytest.raises(InputError, match=rf"127\.0\.0\.1:9/a/x\.zip could not be fetched .*put it at {place}$"):
        download(f"{NOWHERE}/a/x.zip", tmp_path)
    place.write_bytes(CONTENT)
    assert download(f"{NOWHERE}/a/x.zip", tmp_path) == place


def test_a_file_that_the_server_does_not_have(tmp_path, web):
    with pytest.raises(InputError, match=r"/none\.zip: the server has no such file; correct the config file"):
        download(f"{web.address}/none.zip", tmp_path)
    assert not list(tmp_path.rglob("none*"))


def archive(kind: str, **files: bytes) -> bytes:
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, content in files.items():
                packed.writestr(name, content)
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
            for name, content in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                packed.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_members_are_unpacked_and_nothing_else(tmp_path, kind):
    files = {"top/b/2.pdb": b"two", "top/a/1.pdb": b"one", "top/a/1.txt": b"text", "top/a/deep/3.pdb": b"three"}
    path = tmp_path / "x"
    path.write_bytes(archive(kind, **files))
    assert unpack(path, ["*/*/*.pdb", "**/3.pdb"]) == {
        "*/*/*.pdb": ["top/a/1.pdb", "top/b/2.pdb"],
        "**/3.pdb": ["top/a/deep/3.pdb"],
    }
    found = {
        str(file.relative_to(unpacked_folder(path))) for file in unpacked_folder(path).rglob("*") if file.is_file()
    }
    assert found == set(files) - {"top/a/1.txt"}
    assert (unpacked_folder(path) / "top/b/2.pdb").read_bytes() == b"two"
    with pytest.raises(InputError, match=r"x holds nothing that matches \*\.xtc"):
        unpack(path, ["*.xtc"])


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_member_that_leaves_its_folder_is_refused(tmp_path, kind):
    (tmp_path / "x").write_bytes(archive(kind, **{"../1.pdb": b"one"}))
    with pytest.raises(InputError, match=r"the member \.\./1\.pdb would leave its folder"):
        unpack(tmp_path / "x", ["**/*.pdb"])
    assert not (tmp_path / "1.pdb").exists()


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_damaged_archive_is_named(tmp_path, kind):
    content = bytearray(archive(kind, **{"1.pdb": bytes(range(256)) * 400}))
    content[len(content) // 3 : len(content) // 3 + 40] = bytes(40)
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(InputError, match=r"/x is damaged .*delete it to fetch it again"):
        unpack(tmp_path / "x", ["*.pdb"])
    assert not list(tmp_path.rglob("*.pdb"))
    (tmp_path / "y").write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"y is neither a zip nor a tar archive"):
        unpack(tmp_path / "y", ["*.pdb"])


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.pdb", "a.pdb", True),
        ("*.pdb", "a/b.pdb", False),
        ("**/*.pdb", "a.pdb", True),
        ("**/*.pdb", "a/b/c.pdb", True),
        ("a/*_[lr]_u.pdb", "a/1A2K_l_u.pdb", True),
        ("a/*_[lr]_u.pdb", "a/1A2K_x_u.pdb", False),
        ("a/*_[!lr]_u.pdb", "a/1A2K_x_u.pdb", True),
        ("a?.pdb", "ab.pdb", True),
        ("a.pdb", "axpdb", False),
    ],
)
def test_patterns(pattern, path, expected):
    assert matches(pattern)(path) is expected


def of_url(address: str, content: bytes, **changes) -> UrlSource:
    checksum = hashlib.sha256(content).hexdigest()
    members = {"topology": "run/top.psf", "trajectories": ["run/*.dcd"]}
    return UrlSource.model_validate({"type": "url", "url": address, "sha256": checksum, **members, **changes})


@pytest.fixture(scope="module")
def adk() -> bytes:
    psf, dcd = (Path(path).read_bytes() for path in (PSF, DCD))
    return archive("zip", **{"run/top.psf": psf, "run/2.dcd": dcd, "run/1.dcd": dcd, "run/notes.txt": b"x"})


def test_a_system_from_an_archive(tmp_path, web, adk):
    source = of_url(web.put("adk.zip", adk), adk)
    described = acquire(source, tmp_path)
    assert [entry["path"].rsplit("/", 1)[1] for entry in described["trajectories"]] == ["1.dcd", "2.dcd"]
    assert [entry["frames"] for entry in described["trajectories"]] == [98, 98]
    (ask,) = source.requirements(tmp_path).values()
    assert ask()[0].name == "top.psf"
    with pytest.raises(InputError, match=r"several members match the topology run/\*\.dcd: run/1\.dcd, run/2\.dcd"):
        fetch_url(of_url(f"{web.address}/adk.zip", adk, topology="run/*.dcd"), tmp_path)


@pytest.mark.parametrize(
    "url", ["ftp://x.org/a", "file:///etc/passwd", "x.org/a", "https://x.org", "https://x.org/a b"]
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ValidationError, match=r"(?s)url\b.*should match pattern"):
        of_url(url, b"")


def test_a_chain_of_atlas(tmp_path, web):
    universe = mda.Universe(PSF, DCD).select_atoms("name CA").universe
    universe.atoms.write(str(tmp_path / "x.pdb"))
    structure = (tmp_path / "x.pdb").read_bytes()
    files = {"16pk_A.pdb": structure} | {f"16pk_A_R{n}.xtc": b"x" for n in (1, 2, 3)}
    files |= {f"16pk_A_prod_R{n}_fit.xtc": b"run %d" % n for n in (1, 2, 3)}
    web.put("16pk_A/16pk_A_analysis.zip", archive("zip", **files))
    source = AtlasSource(type="atlas", id="16pk_A", replicas=[3, 1])
    topology, trajectories = fetch_atlas(source, tmp_path, web.address)
    assert topology.read_bytes() == structure
    assert [path.read_bytes() for path in trajectories] == [b"run 3", b"run 1"]
    with pytest.raises(InputError, match=r"16pk_A_protein\.zip: the server has no such file"):
        fetch_atlas(AtlasSource(type="atlas", id="16pk_A", frames="protein"), tmp_path, web.address)
