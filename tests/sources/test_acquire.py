"""Finding, fetching and checking raw files."""

import gzip
import hashlib
import re
import shutil
import zipfile
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysis.lib.formats.libmdaxdr import TRRFile
from MDAnalysisTests.datafiles import DCD, DCD2, GRO, MMCIF, PSF, TRR, XTC, PDB_small
from pydantic import ValidationError

from mdllm.config.settings.system import Reference
from mdllm.core.errors import InputError
from mdllm.core.records import sha256
from mdllm.sources.acquire import acquire
from mdllm.sources.files import FilesSource, find_files
from mdllm.sources.package import PackageSource, fetch_package
from raw_files import truncated, write_xtc


def files(topology, *trajectories):
    return FilesSource(type="files", topology=str(topology), trajectories=[str(path) for path in trajectories])


def test_files_are_described_in_order_with_checksums(tmp_path):
    described = acquire(files(PSF, DCD, DCD2), tmp_path)
    assert [t["frames"] for t in described["trajectories"]] == [98, 102]
    assert described["topology"]["sha256"] == sha256(PSF)
    assert described["trajectories"][0]["atoms"] == 3341


def test_glob_patterns_are_sorted_and_must_match(tmp_path):
    for name in ("part2.dcd", "part1.dcd"):
        (tmp_path / name).write_bytes(b"")
    _, found = find_files(files(PSF, tmp_path / "part*.dcd"))
    assert [path.name for path in found] == ["part1.dcd", "part2.dcd"]
    with pytest.raises(InputError, match=r"nothing matches .*\*\.xtc"):
        find_files(files(PSF, tmp_path / "*.xtc"))
    with pytest.raises(InputError, match=r"missing\.psf does not exist"):
        find_files(files(tmp_path / "missing.psf", DCD))


def test_names_are_sorted_by_their_numbers(tmp_path):
    for number in (1, 2, 10, 11, 12):
        (tmp_path / f"run{number}.dcd").write_bytes(b"")
    _, found = find_files(files(PSF, tmp_path / "run*.dcd"))
    assert [path.name for path in found] == [f"run{number}.dcd" for number in (1, 2, 10, 11, 12)]


@pytest.mark.slow
def test_times_that_contradict_the_names_are_an_error(tmp_path):
    """Named as they were copied, not as they follow each other; listed one by one, the order is the user's."""
    positions = np.stack([ts.positions.copy() for ts in mda.Universe(PSF, DCD).trajectory[:9]])
    names = {"a": 0, "b": 60, "c": 30}
    for k, (name, start) in enumerate(names.items()):
        write_xtc(tmp_path / f"{name}.xtc", positions[3 * k : 3 * k + 3], times=start + 10.0 * np.arange(3))
    with pytest.raises(InputError, match=r"c\.xtc begins at 30 ps, before .*b\.xtc, which begins at 60 ps"):
        acquire(files(PSF, tmp_path / "*.xtc"), tmp_path)
    listed = acquire(files(PSF, *(tmp_path / f"{name}.xtc" for name in "bca")), tmp_path)["trajectories"]
    assert [Path(file["path"]).stem for file in listed] == ["b", "c", "a"]


def test_replicas_that_begin_at_one_time_have_any_order(tmp_path):
    positions = np.stack([ts.positions.copy() for ts in mda.Universe(PSF, DCD).trajectory[:6]])
    for k in range(2):
        write_xtc(tmp_path / f"r{k}.xtc", positions[3 * k : 3 * k + 3])
    assert len(acquire(files(PSF, tmp_path / "r*.xtc"), tmp_path)["trajectories"]) == 2


def test_a_file_given_twice_is_an_error(tmp_path):
    (tmp_path / "link.dcd").symlink_to(DCD)
    for again in (DCD, tmp_path / "link.dcd", tmp_path / "*.dcd"):
        with pytest.raises(InputError, match=r"is given twice.*; its frames would count twice"):
            find_files(files(PSF, DCD, again))


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path):
    for name in ("traj[1].dcd", "traj1.dcd"):
        (tmp_path / name).write_bytes(b"")
    assert find_files(files(PSF, tmp_path / "traj[1].dcd"))[1] == [tmp_path / "traj[1].dcd"]
    (tmp_path / "traj[1].dcd").unlink()
    assert find_files(files(PSF, tmp_path / "traj[1].dcd"))[1] == [tmp_path / "traj1.dcd"]


def test_a_link_to_a_blob_has_the_ending_of_its_name(tmp_path):
    """As data managers keep files: by checksum, without an ending."""
    (tmp_path / "blobs").mkdir()
    for name, file in (("frames.xtc", XTC), ("system.gro", GRO)):
        blob = tmp_path / "blobs" / sha256(file)[:12]
        shutil.copy(file, blob)
        (tmp_path / name).symlink_to(blob)
    listed = acquire(files(tmp_path / "system.gro", tmp_path / "frames.xtc"), tmp_path)
    assert listed["trajectories"][0]["path"] == str(tmp_path / "frames.xtc")
    assert listed["trajectories"][0]["frames"] == 10
    blobs = [str(tmp_path / "blobs" / sha256(file)[:12]) for file in (GRO, XTC)]
    with pytest.raises(InputError, match=r"its ending says no format .*say `topology_format` .*pdb, gro, psf"):
        acquire(files(*blobs), tmp_path)
    formats = {"topology_format": "GRO", "format": "XTC"}
    source = FilesSource(type="files", topology=blobs[0], trajectories=blobs[1:], **formats)
    listed = acquire(source, tmp_path)
    assert (listed["trajectories"][0]["format"], listed["topology"]["format"]) == ("XTC", "GRO")
    assert listed["trajectories"][0]["frames"] == 10


def test_home_and_variables_are_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DATA", str(tmp_path))
    (tmp_path / "t.dcd").write_bytes(b"")
    assert find_files(files(PSF, "~/t.dcd"))[1] == find_files(files(PSF, "$DATA/*.dcd"))[1] == [tmp_path / "t.dcd"]
    with pytest.raises(InputError, match=r"\$NOWHERE is not set in the environment"):
        find_files(files(PSF, "$NOWHERE/t.dcd"))
    assert Reference(file="~/r.pdb").path == str(tmp_path / "r.pdb")


def test_packed_files_are_read_where_mdanalysis_does(tmp_path):
    universe = mda.Universe(PSF, DCD)
    universe.select_atoms("protein").write(str(tmp_path / "t.pdb"))
    with gzip.open(tmp_path / "t.pdb.gz", "wb") as packed:
        packed.write((tmp_path / "t.pdb").read_bytes())
    listed = acquire(files(tmp_path / "t.pdb.gz", DCD), tmp_path)
    assert listed["trajectories"][0]["frames"] == 98
    for file in (DCD, XTC):
        packed = tmp_path / f"t{Path(file).suffix}.gz"
        packed.write_bytes(gzip.compress(Path(file).read_bytes()[:100_000]))
        with pytest.raises(InputError, match=r"t\.\w+\.gz cannot be read .* it is packed, .* unpack it"):
            acquire(files(tmp_path / "t.pdb.gz", packed), tmp_path)


def test_a_format_that_there_is_not_is_named():
    source = FilesSource(type="files", topology=PSF, trajectories=[DCD], format="DCDD")
    with pytest.raises(InputError, match=r"`format: DCDD` is no format .*Correct `format` .*: xtc, trr, dcd"):
        acquire(source, Path())


@pytest.mark.parametrize(
    ("name", "message"),
    [("t.tng", "the package pytng"), ("t.gsd", "the package gsd"), ("t.foo", "no format")],
)
def test_a_reader_that_is_not_there_is_named(tmp_path, name, message):
    (tmp_path / name).write_bytes(b"0" * 100)
    with pytest.raises(InputError, match=rf"{re.escape(name)} cannot be read with the topology .*{message}"):
        acquire(files(PSF, tmp_path / name), tmp_path)


def test_a_model_with_another_number_of_atoms_is_named(tmp_path):
    universe = mda.Universe(PDB_small)
    with mda.Writer(str(tmp_path / "t.pdb"), multiframe=True) as writer:
        for _ in range(3):
            writer.write(universe.atoms)
    lines = (tmp_path / "t.pdb").read_text().splitlines(keepends=True)
    second = [i for i, line in enumerate(lines) if line.startswith("MODEL")][1]
    del lines[second + 1]
    (tmp_path / "t.pdb").write_text("".join(lines))
    with pytest.raises(InputError, match=r"t\.pdb is truncated or damaged in frame 1 .*3340|t\.pdb, frame 1"):
        acquire(files(PDB_small, tmp_path / "t.pdb"), tmp_path)


def test_mmcif_is_a_topology_and_a_reference(tmp_path):
    path = Path(MMCIF) / "1YJP.cif"
    assert acquire(files(path, path), tmp_path)["trajectories"][0]["frames"] == 1


@pytest.mark.parametrize(("topology", "trajectory"), [(GRO, XTC), (GRO, TRR), (PSF, DCD)])
def test_truncated_trajectory(tmp_path, topology, trajectory):
    broken = truncated(trajectory, tmp_path / f"broken.{trajectory.split('.')[-1]}")
    with pytest.raises(InputError, match=r"broken\.\w+ is truncated.*copy it again"):
        acquire(files(topology, broken), tmp_path)


def test_a_trr_file_that_is_damaged_in_the_middle_has_not_fewer_frames_in_silence(tmp_path):
    """MDAnalysis takes the first 4 frames of 10, and says nothing."""
    with TRRFile(TRR) as file:
        start = int(file.offsets[4])
    content = bytearray(Path(TRR).read_bytes())
    size, content[start : start + 80] = len(content), bytes(80)
    (tmp_path / "t.trr").write_bytes(content)
    with TRRFile(str(tmp_path / "t.trr")) as file:
        assert len(file) == 4
    with pytest.raises(InputError, match=rf"t\.trr is damaged after frame 3 .*: {size - start} bytes follow"):
        acquire(files(GRO, tmp_path / "t.trr"), tmp_path)


def test_topology_of_another_molecule(tmp_path):
    with pytest.raises(InputError, match=r"(?s)adk_dims\.dcd.*47681 atoms"):
        acquire(files(GRO, DCD), tmp_path)


def test_unreadable_files(tmp_path):
    topology, damaged = tmp_path / "damaged.gro", tmp_path / "damaged.pdb"
    topology.write_text("ALA\n    1\n    1ALA      N\n")
    damaged.write_text("ATOM      1  N   ALA\n")
    with pytest.raises(InputError, match=r"topology .*damaged\.gro cannot be read"):
        acquire(files(topology, DCD), tmp_path)
    with pytest.raises(InputError, match=r"damaged\.pdb cannot be read with the topology"):
        acquire(files(PSF, damaged), tmp_path)


def wheel(folder, **files):
    """The smallest wheel that pip takes: `numbers` 1.0 with these files."""
    with zipfile.ZipFile(folder / "numbers-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("numbers-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: numbers\nVersion: 1.0\n")
        archive.writestr("numbers-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        for path, content in files.items():
            archive.writestr(path, content)


def of_package(topology, *trajectories, **changes):
    """The source whose files in the wheel have these contents."""
    topology, *trajectories = (
        {"path": path, "sha256": hashlib.sha256(content).hexdigest()} for path, content in (topology, *trajectories)
    )
    content = {"type": "package", "package": "numbers", "version": "1.0"}
    return PackageSource.model_validate({**content, "topology": topology, "trajectories": trajectories, **changes})


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that stands for the package index."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


SAME_NAME = ("numbers/one/frames.dcd", b"one"), ("numbers/other/frames.dcd", b"other")


def files_of(source, cache) -> list[Path]:
    topology, trajectories = fetch_package(source, cache)
    return [topology, *trajectories]


def test_files_of_one_name_are_kept_apart(tmp_path, index):
    wheel(index, **dict(SAME_NAME), **{"numbers/secret.txt": b"not asked for"})
    found = files_of(of_package(*SAME_NAME), tmp_path)
    assert [path.read_bytes() for path in found] == [b"one", b"other"]
    assert [str(path.relative_to(tmp_path / "packages" / "numbers-1.0")) for path in found] == [n for n, _ in SAME_NAME]
    assert not list(tmp_path.rglob("secret.txt"))
    (index / "numbers-1.0-py3-none-any.whl").unlink()
    assert files_of(of_package(*SAME_NAME), tmp_path) == found


def test_a_cache_that_an_older_version_filled_is_not_mixed_up(tmp_path, index):
    """It has one `frames.dcd`, which is the second file: that one is taken, and the first is fetched."""
    older = tmp_path / "packages" / "numbers-1.0" / "frames.dcd"
    older.parent.mkdir(parents=True)
    older.write_bytes(b"other")
    assert files_of(of_package(SAME_NAME[1], SAME_NAME[1]), tmp_path) == [older, older]
    with pytest.raises(InputError, match="could not be fetched"):
        fetch_package(of_package(*SAME_NAME), tmp_path)
    wheel(index, **dict(SAME_NAME))
    assert [path.read_bytes() for path in files_of(of_package(*SAME_NAME), tmp_path)] == [b"one", b"other"]


def test_a_wheel_without_the_file(tmp_path, index):
    wheel(index, **dict(SAME_NAME))
    with pytest.raises(InputError, match=r"numbers-1\.0-py3-none-any\.whl holds no numbers/frames\.dcd"):
        fetch_package(of_package(("numbers/frames.dcd", b"one"), SAME_NAME[1]), tmp_path)


def test_patterns_choose_files_of_a_checked_wheel(tmp_path, index):
    wheel(index, **{"numbers/a/top.pdb": b"top", "numbers/b/2.dcd": b"two", "numbers/b/1.dcd": b"one"})
    checksum = sha256(index / "numbers-1.0-py3-none-any.whl")
    content = {"type": "package", "package": "numbers", "version": "1.0", "topology": "numbers/*/*.pdb"}
    content |= {"trajectories": ["numbers/b/*.dcd"]}
    source = PackageSource.model_validate({**content, "sha256": checksum})
    assert [path.read_bytes() for path in files_of(source, tmp_path)] == [b"top", b"one", b"two"]
    with pytest.raises(ValidationError, match=r"numbers/\*/\*\.pdb has no checksum; give `sha256` of the wheel"):
        PackageSource.model_validate(content)
    with pytest.raises(ValidationError, match=r"the sha256 of numbers/one/frames\.dcd has no effect"):
        of_package(*SAME_NAME, sha256=checksum)


@pytest.mark.parametrize("name", ["--index-url=http://x", "../numbers", "a b", "numbers @ file:///x", "numbers[x]", ""])
def test_what_is_no_name_of_a_package_is_refused(name):
    with pytest.raises(ValidationError, match=r"(?s)package\b.*should match pattern"):
        of_package(*SAME_NAME, package=name)


@pytest.mark.parametrize("version", ["../1.0", "1.0 --pre", "*", "1.0,>0", "v1.0", "1.0/../..", ""])
def test_what_is_no_version_is_refused(version):
    with pytest.raises(ValidationError, match=r"(?s)version\b.*should match pattern"):
        of_package(*SAME_NAME, version=version)


@pytest.mark.parametrize("version", ["1", "1.0", "2024.1.15", "1.0rc1", "1.0.post2", "1!2.0.dev3", "1.0+local.1"])
def test_versions_of_any_form_are_taken(version):
    assert of_package(*SAME_NAME, version=version).version == version


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/x", "a//x", "a/..", ".", "..", "a\\x", ""])
def test_a_path_that_leaves_the_wheel_is_refused(path):
    with pytest.raises(ValidationError, match=r"(?s)path\b.*should match pattern"):
        of_package((path, b""), SAME_NAME[1])


def test_package_is_taken_from_the_cache_and_checked(tmp_path):
    folder = tmp_path / "packages" / "numbers-1.0" / "numbers" / "data"
    folder.mkdir(parents=True)
    universe = mda.Universe(PSF, DCD)
    universe.atoms.write(str(folder / "one.pdb"))
    (folder / "frames.dcd").write_bytes(Path(DCD).read_bytes())
    content = {
        "type": "package",
        "package": "numbers",
        "version": "1.0",
        "topology": {"path": "numbers/data/one.pdb", "sha256": sha256(folder / "one.pdb")},
        "trajectories": [{"path": "numbers/data/frames.dcd", "sha256": sha256(DCD)}],
    }
    assert fetch_package(PackageSource.model_validate(content), tmp_path)[1] == [folder / "frames.dcd"]
    content["trajectories"][0]["sha256"] = "0" * 64
    with pytest.raises(InputError, match=r"frames\.dcd: SHA-256 is .* but the config file says 0000.*delete the file"):
        fetch_package(PackageSource.model_validate(content), tmp_path)


def test_no_network_says_which_file_to_put_where(tmp_path, monkeypatch):
    # pip is told to use an index on this machine where nothing listens: the failure of a computer without a network.
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    content = {
        "type": "package",
        "package": "fastmdanalysis",
        "version": "1.1.2",
        "topology": {"path": "fastmdanalysis/data/trp_cage.pdb", "sha256": "0" * 64},
        "trajectories": [{"path": "fastmdanalysis/data/trp_cage.dcd", "sha256": "0" * 64}],
    }
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match=r"could not be fetched.*trp_cage\.pdb and .*trp_cage\.dcd in .*packages"):
        fetch_package(PackageSource.model_validate(content), tmp_path)


def test_demo_system_is_what_its_file_says(trp_cage_files):
    universe = mda.Universe(*map(str, trp_cage_files))
    assert universe.trajectory.n_frames == 4999
    assert np.array_equal(universe.residues.resids, np.arange(1, 21))
