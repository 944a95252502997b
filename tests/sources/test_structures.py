"""Structures by PDB id: the cache, a server on this machine in place of RCSB, and no server at all."""

import http.server
import shutil
import subprocess
import threading
from functools import partial

import MDAnalysis as mda
import numpy as np
import pytest
from Bio.PDB import MMCIFIO, PDBParser

from mdllm.core.errors import InputError
from mdllm.sources.structures import fetch_structure, write_as_pdb

NOWHERE = "http://127.0.0.1:9"  # nothing listens there: a computer without a network


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "structures").mkdir()
    return tmp_path / "structures"


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A folder and its address on this machine."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    served = tmp_path / "served"
    served.mkdir()
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(served))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield served, f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


def as_mmcif(source, target):
    writer = MMCIFIO()
    writer.set_structure(PDBParser(QUIET=True).get_structure("x", str(source)))
    writer.save(str(target))


@pytest.mark.parametrize("name", ["2jof.pdb", "2JOF.pdb", "2jof.cif", "2JOF.cif"])
def test_a_folder_filled_by_hand_needs_no_network(tmp_path, folder, structures, name):
    content = (structures / "2jof.pdb").read_bytes()
    (folder / name).write_bytes(content)
    assert fetch_structure("2JOF", tmp_path, NOWHERE).read_bytes() == content
    assert fetch_structure("2jof", tmp_path, NOWHERE).name == name


def test_no_network_says_which_file_to_put_where(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    expected = rf"127\.0\.0\.1:9/3DMV\.pdb could not be fetched .*put it at {tmp_path}/structures/3dmv\.pdb .*3dmv\.cif"
    with pytest.raises(InputError, match=expected):
        fetch_structure("3DMV", tmp_path, NOWHERE)


def test_a_download_is_kept(tmp_path, server, structures):
    served, address = server
    content = (structures / "2jof.pdb").read_bytes()
    (served / "2JOF.pdb").write_bytes(content)
    path = fetch_structure("2jof", tmp_path, address)
    assert path == tmp_path / "structures" / "2jof.pdb"
    (served / "2JOF.pdb").unlink()
    assert fetch_structure("2jof", tmp_path, address).read_bytes() == content


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_cached_file_that_changes_is_an_error(tmp_path, folder, server, structures, by_hand):
    served, address = server
    shutil.copy(structures / "2jof.pdb", folder / "2jof.pdb" if by_hand else served / "2JOF.pdb")
    path = fetch_structure("2jof", tmp_path, address)
    check = subprocess.run(["sha256sum", "--check", "2jof.pdb.sha256"], cwd=folder, capture_output=True, text=True)
    assert check.stdout == "2jof.pdb: OK\n"
    assert fetch_structure("2jof", tmp_path, address) == path
    shutil.copy(structures / "1l2y.pdb", path)
    with pytest.raises(InputError, match=r"2jof\.pdb is not what it was .*Delete both files.*or the latter alone"):
        fetch_structure("2jof", tmp_path, address)
    path.with_name("2jof.pdb.sha256").unlink()
    assert fetch_structure("2jof", tmp_path, address) == path


def test_an_entry_that_changed_on_the_server_is_an_error(tmp_path, server, structures):
    """The cached file was deleted, its checksum was not."""
    served, address = server
    shutil.copy(structures / "2jof.pdb", served / "2JOF.pdb")
    fetch_structure("2jof", tmp_path, address).unlink()
    shutil.copy(structures / "1l2y.pdb", served / "2JOF.pdb")
    with pytest.raises(InputError, match=r"2jof\.pdb is not what it was when it was first used"):
        fetch_structure("2jof", tmp_path, address)


def test_a_full_disk_is_no_missing_network(small_disk, server, structures):
    served, address = server
    shutil.copy(structures / "2jof.pdb", served / "2JOF.pdb")
    with pytest.raises(OSError, match="No space left on device"):
        fetch_structure("2jof", small_disk.folder, address)
    assert not list(small_disk.folder.rglob("*.p*"))


def test_entries_without_a_pdb_file_come_as_mmcif(tmp_path, server, structures):
    served, address = server
    as_mmcif(structures / "2jof.pdb", served / "2JOF.cif")
    assert fetch_structure("2jof", tmp_path, address).name == "2jof.cif"
    with pytest.raises(InputError, match="has no entry 9ZZZ; correct the PDB id"):
        fetch_structure("9zzz", tmp_path, address)


def test_a_page_that_is_no_structure(tmp_path, server):
    served, address = server
    (served / "2JOF.pdb").write_text("<html>Please log in</html>\n")
    with pytest.raises(InputError, match=r"2jof\.pdb holds no atoms.*delete it"):
        fetch_structure("2jof", tmp_path, address)


def test_mmcif_is_written_as_pdb_with_all_models_and_numbers(tmp_path, structures):
    as_mmcif(structures / "2jof.pdb", tmp_path / "2jof.cif")
    write_as_pdb(tmp_path / "2jof.cif", tmp_path / "out.pdb")
    found, expected = mda.Universe(str(tmp_path / "out.pdb")), mda.Universe(str(structures / "2jof.pdb"))
    assert found.trajectory.n_frames == expected.trajectory.n_frames == 28
    assert (found.residues.resids == expected.residues.resids).all()
    for one, other in zip(found.trajectory, expected.trajectory, strict=True):
        np.testing.assert_array_equal(one.positions, other.positions)


def test_a_broken_mmcif_file(tmp_path):
    (tmp_path / "broken.cif").write_text("data_x\nATOM 1\n")
    with pytest.raises(InputError, match=r"broken\.cif cannot be written in PDB format"):
        write_as_pdb(tmp_path / "broken.cif", tmp_path / "out.pdb")
