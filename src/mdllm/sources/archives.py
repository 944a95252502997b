"""Members of zip and tar archives, wheels and Debian packages among them, unpacked beside the archive.

Only those asked for are unpacked.
"""

import re
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path, PurePosixPath
from typing import IO

from mdllm.core.errors import InputError
from mdllm.core.records import replacing

_BLOCK = 2**20
_AR, _AR_HEADER = b"!<arch>\n", 60  # what a Debian package begins with, and the bytes before each of its members


@cache
def matches(pattern: str) -> Callable[[str], bool]:
    """Whether a path with forward slashes matches a glob pattern, in which `**` alone crosses folders."""
    compiled = re.compile("".join(map(_as_expression, re.split(r"(\*\*/|\*\*|\*|\?|\[!?[^]]+\])", pattern))))
    return lambda path: compiled.fullmatch(path) is not None


def by_numbers(name: str) -> list[tuple[int, int | str]]:
    """Sort key by which run2 stands before run10."""
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", name)]


def _as_expression(part: str) -> str:
    if part.startswith("[") and part.endswith("]"):
        return part.replace("[!", "[^", 1)
    return {"**/": r"(?:[^/]+/)*", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}.get(part, re.escape(part))


def unpacked_folder(archive: Path) -> Path:
    """Where members of an archive are unpacked."""
    return archive.with_name(f"{archive.name}.d")


def unpack(archive: Path, wanted: list[str]) -> dict[str, list[str]]:
    """Unpack the members that match each of the patterns `wanted` below `unpacked_folder(archive)`.

    Returns:
        the members by pattern, sorted.

    Raises:
        InputError: the file is no archive or is damaged, or nothing matches one of the patterns.
    """
    folder = unpacked_folder(archive)
    found: dict[str, list[str]] = {pattern: [] for pattern in wanted}
    tests = {pattern: matches(pattern) for pattern in wanted}
    try:
        with _opened(archive) as members:
            for name, size, read in members:
                hits = [pattern for pattern, fits in tests.items() if fits(name)]
                for pattern in hits:
                    found[pattern].append(name)
                if hits:
                    _write(folder / _inside(name, archive), size, read)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        shutil.rmtree(folder, ignore_errors=True)
        raise InputError(f"{archive} is damaged ({error}); delete it to fetch it again") from error
    for pattern, names in found.items():
        if not names:
            raise InputError(f"{archive} holds nothing that matches {pattern}; correct the config file")
        names.sort(key=by_numbers)
    return found


def unpack_system(archive: Path, topology: str, trajectories: list[str]) -> tuple[Path, list[Path]]:
    """The topology and the trajectories among the members of an archive.

    Raises:
        InputError: nothing matches one of the patterns, or several files that of the topology.
    """
    members = unpack(archive, [topology, *trajectories])
    if len(members[topology]) > 1:
        raise InputError(f"{archive}: several members match the topology {topology}: {', '.join(members[topology])}")
    folder = unpacked_folder(archive)
    return folder / members[topology][0], [folder / name for pattern in trajectories for name in members[pattern]]


@contextmanager
def _opened(archive: Path) -> Iterator[Iterator[tuple[str, int, Callable[[], IO[bytes]]]]]:
    """(name, bytes, how to open it) of every file in an archive, in its order."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as packed:
            files = (entry for entry in packed.infolist() if not entry.is_dir())
            yield ((entry.filename, entry.file_size, lambda entry=entry: packed.open(entry)) for entry in files)
    elif tarfile.is_tarfile(archive) or _is_debian_package(archive):
        with open(archive, "rb") as file, tarfile.open(fileobj=_tar_of(file)) as packed:
            files = (entry for entry in packed if entry.isfile())
            yield ((entry.name, entry.size, lambda entry=entry: packed.extractfile(entry)) for entry in files)
            while packed.fileobj.read(_BLOCK):  # to the end, where the checksum of a compressed file is
                pass
    else:
        raise InputError(
            f"{archive} is neither a zip nor a tar archive, nor a Debian package; delete it to fetch it again"
        )


def _is_debian_package(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(len(_AR)) == _AR


def _tar_of(file: IO[bytes]) -> IO[bytes]:
    """`file`, where the tar archive begins: at its start, or in a Debian package at that of its last member.

    Raises:
        tarfile.TarError: the package ends before that.
    """
    if file.read(len(_AR)) != _AR:
        file.seek(0)
        return file
    while len(header := file.read(_AR_HEADER)) == _AR_HEADER:  # name, ..., size in 10 bytes from 48 on
        if header.startswith(b"data.tar"):
            return file
        size = int(header[48:58])
        file.seek(size + size % 2, 1)  # members begin at even bytes
    raise tarfile.TarError("it has no data.tar")


def _inside(name: str, archive: Path) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise InputError(f"{archive}: the member {name} would leave its folder; such an archive is not unpacked")
    return path


def _write(path: Path, size: int, read: Callable[[], IO[bytes]]) -> None:
    """Write a member unless it is there; each appears whole or not at all."""
    if path.is_file() and path.stat().st_size == size:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, read() as packed, open(temporary, "wb") as unpacked:
        shutil.copyfileobj(packed, unpacked)
