"""Finding, fetching and checking raw files."""

from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysisTests.datafiles import DCD, GRO, PSF, TRR, XTC

from mdllm.core.errors import InputError
from mdllm.core.records import sha256
from mdllm.sources.acquire import acquire
from mdllm.sources.files import FilesSource, find_files
from mdllm.sources.package import PackageSource, fetch_package


def files(topology, *trajectories):
    return FilesSource(type="files", topology=str(topology), trajectories=[str(path) for path in trajectories])


def truncated(source, target, share=0.55):
    content = Path(source).read_bytes()
    target.write_bytes(content[: int(share * len(content))])
    return target


def test_files_are_described_in_order_with_checksums(tmp_path):
    described = acquire(files(PSF, DCD, DCD), tmp_path)
    assert [t["frames"] for t in described["trajectories"]] == [98, 98]
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


@pytest.mark.parametrize(("topology", "trajectory"), [(GRO, XTC), (GRO, TRR), (PSF, DCD)])
def test_truncated_trajectory(tmp_path, topology, trajectory):
    broken = truncated(trajectory, tmp_path / f"broken.{trajectory.split('.')[-1]}")
    with pytest.raises(InputError, match=r"broken\.\w+ is truncated.*copy it again"):
        acquire(files(topology, broken), tmp_path)


def test_topology_of_another_molecule(tmp_path):
    with pytest.raises(InputError, match=r"(?s)adk_dims\.dcd.*47681 atoms"):
        acquire(files(GRO, DCD), tmp_path)


def test_unreadable_files(tmp_path):
    damaged = tmp_path / "damaged.pdb"
    damaged.write_text("ATOM      1  N   ALA\n")
    with pytest.raises(InputError, match=r"topology .*damaged\.pdb cannot be read"):
        acquire(files(damaged, DCD), tmp_path)
    with pytest.raises(InputError, match=r"damaged\.pdb cannot be read with the topology"):
        acquire(files(PSF, damaged), tmp_path)


def test_package_is_taken_from_the_cache_and_checked(tmp_path):
    folder = tmp_path / "packages" / "numbers-1.0"
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
    with pytest.raises(InputError, match=r"frames\.dcd: SHA-256 is .* but the system file says 0000.*delete the file"):
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
    with pytest.raises(InputError, match=r"could not be fetched.*trp_cage\.pdb and .*trp_cage\.dcd into .*packages"):
        fetch_package(PackageSource.model_validate(content), tmp_path)


def test_demo_system_is_what_its_file_says(trp_cage_files):
    universe = mda.Universe(*map(str, trp_cage_files))
    assert universe.trajectory.n_frames == 4999
    assert np.array_equal(universe.residues.resids, np.arange(1, 21))
