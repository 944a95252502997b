"""The source `package`: files inside a wheel of the Python package index, kept in a cache as they lie in the wheel."""

import logging
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from mdllm.config.choices import SourceSettings
from mdllm.config.registry import Requirements
from mdllm.config.section import Section
from mdllm.core.errors import InputError
from mdllm.core.records import replacing, sha256
from mdllm.sources.archives import unpack_system
from mdllm.sources.checksums import checked

logger = logging.getLogger(__name__)

_SEGMENT = r"\.?[^./\\][^/\\]*"
PackagedPath = Annotated[str, Field(pattern=rf"^{_SEGMENT}(/{_SEGMENT})*$", description="path inside the wheel")]
PackageName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$", description="name on the index (PEP 508)")
]
PackageVersion = Annotated[
    str,
    Field(
        pattern=r"^([0-9]+!)?[0-9]+(\.[0-9]+)*((a|b|rc)[0-9]+)?(\.post[0-9]+)?(\.dev[0-9]+)?(\+[a-z0-9]+(\.[a-z0-9]+)*)?$",
        description="one release, normalized (PEP 440)",
    ),
]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class PackagedFile(Section):
    path: PackagedPath
    sha256: Sha256


class PackageSource(SourceSettings):
    """Files inside a wheel of the Python package index, fetched by version and checked by SHA-256.

    The checksum is that of the wheel, or one for each file: the first lets patterns choose the files, the second keeps
    these alone.
    """

    implementation: ClassVar[str] = "mdllm.sources.package:fetch_package"
    type: Literal["package"]
    package: PackageName
    version: PackageVersion
    sha256: Sha256 | None = Field(None, description="of the wheel; null: `topology` and `trajectories` have their own")
    topology: PackagedFile | str = Field(description="with a checksum; of a checked wheel, a path or a glob pattern")
    trajectories: list[PackagedFile | str] = Field(min_length=1, description="likewise, in order of time")

    @model_validator(mode="after")
    def _one_checksum(self):
        for file in (self.topology, *self.trajectories):
            if isinstance(file, str) and self.sha256 is None:
                raise ValueError(f"{file} has no checksum; give `sha256` of the wheel, or write {{path, sha256}}")
            if not isinstance(file, str) and self.sha256 is not None:
                raise ValueError(f"the sha256 of {file.path} has no effect beside the wheel's; write the path alone")
        return self

    def requirements(self, cache: Path) -> Requirements:
        return {(f"{self.package} {self.version}", self.model_dump_json()): lambda: fetch_package(self, cache)}


def fetch_package(source: PackageSource, cache: Path) -> tuple[Path, list[Path]]:
    """Topology and trajectories of a wheel, from `cache` or from the package index.

    Raises:
        InputError: the wheel cannot be fetched, lacks a file, or a file's checksum is wrong.
    """
    if source.sha256 is not None:
        wheel = fetch_wheel(source.package, source.version, cache, source.sha256)
        return unpack_system(wheel, source.topology, source.trajectories)
    folder = Path(cache) / "packages" / f"{source.package}-{source.version}"
    wanted = [source.topology, *source.trajectories]
    if any(_cached(file, folder) is None for file in wanted):
        _download(source, wanted, folder)
    topology, *trajectories = (_checked(file, folder) for file in wanted)
    return topology, trajectories


def _cached(file: PackagedFile, folder: Path) -> Path | None:
    """Where the cache holds a file. One filled by an older version has it by its base name, which says too little."""
    path, older = folder / file.path, folder / Path(file.path).name
    if path.is_file():
        return path
    return older if older.is_file() and sha256(older) == file.sha256 else None


def _checked(file: PackagedFile, folder: Path) -> Path:
    return checked(_cached(file, folder), file.sha256)


def fetch_wheel(package: str, version: str, cache: Path, sha256: str) -> Path:
    """The whole wheel, from `cache` or from the package index.

    Raises:
        InputError: it cannot be fetched, or its checksum is wrong.
    """
    path = Path(cache) / "packages" / f"{package}-{version}.whl"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch, replacing(path) as temporary:
            shutil.copyfile(_wheel(package, version, Path(scratch), f"put it at {path}"), temporary)
    return checked(path, sha256)


def _download(source: PackageSource, wanted: list[PackagedFile], folder: Path) -> None:
    by_hand = f"unzip {' and '.join(file.path for file in wanted)} in {folder}, folders included"
    with tempfile.TemporaryDirectory() as scratch:
        wheel = _wheel(source.package, source.version, Path(scratch), by_hand)
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


def _wheel(package: str, version: str, folder: Path, by_hand: str) -> Path:
    """Fetch a wheel into an empty folder; `by_hand` says what to do with it where there is no network."""
    requirement = f"{package}=={version}"
    logger.info("fetching %s from the package index", requirement)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    result = subprocess.run([*command, "--dest", str(folder), "--", requirement], capture_output=True, text=True)
    if result.returncode:
        raise InputError(
            f"{requirement} could not be fetched from the package index. Without a network, fetch its wheel on "
            f"another machine and {by_hand}. pip said: {(result.stderr.strip().splitlines() or ['nothing'])[-1]}"
        )
    (wheel,) = folder.iterdir()
    return wheel
