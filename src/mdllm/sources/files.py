"""The source `files`: the user's own files, found where the system file says."""

import glob
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from mdllm.config.choices import SourceSettings
from mdllm.core.errors import InputError
from mdllm.sources.archives import by_numbers

Format = Field(None, description="name of a format of MDAnalysis (XTC, PDB ...); null: by the ending")


class FilesSource(SourceSettings):
    """The user's own files, in any format that MDAnalysis reads."""

    implementation: ClassVar[str] = "mdllm.sources.files:find_files"
    type: Literal["files"]
    topology: str = Field(description="path, absolute or relative to the working directory; ~ and $NAME are expanded")
    trajectories: list[str] = Field(
        min_length=1,
        description="paths or glob patterns, in order of time; matches are sorted by the numbers in them",
    )
    topology_format: str | None = Format
    format: str | None = Format

    def raw_files(self) -> list[str]:
        topology, trajectories = find_files(self)
        return [str(path) for path in (topology, *trajectories)]

    def formats(self) -> tuple[str | None, str | None]:
        return self.topology_format, self.format

    def sorted_by_name(self) -> bool:
        return len(find_files(self)[1]) > len(self.trajectories)


def find_files(source: FilesSource, cache: Path | None = None) -> tuple[Path, list[Path]]:
    """The topology and the trajectory files, in order. Nothing is fetched into the cache.

    A path that exists is that file, whatever signs of a pattern are in it. What a pattern finds is sorted by the
    numbers in the names: run2 before run10.

    Raises:
        InputError: a file does not exist or is given twice, or a pattern matches nothing.
    """
    topology = Path(_expanded(source.topology, "source.topology"))
    if not topology.is_file():
        raise InputError(f"source.topology: {topology} {_not_there(topology)}")
    return topology, matching(source.trajectories, "source.trajectories")


def matching(patterns: Iterable[str], key: str) -> list[Path]:
    """The files of paths and patterns, in order, as `find_files` finds trajectories; `key` is what errors name.

    Raises:
        InputError: a file does not exist or is given twice, or a pattern matches nothing.
    """
    files: list[Path] = []
    for given in patterns:
        pattern = _expanded(given, key)
        if os.path.isfile(pattern):
            matches = [pattern]
        else:
            matches = sorted(filter(os.path.isfile, glob.glob(pattern, recursive=True)), key=by_numbers)
        if not matches:
            raise InputError(f"{key}: nothing matches {pattern}, which {_not_there(Path(pattern))}")
        files += map(Path, matches)
    found: dict[Path, Path] = {}
    for path in files:
        other = found.setdefault(path.resolve(), path)
        if other is not path:
            beside = "" if other == path else f" (as {other})"
            raise InputError(f"{key}: {path} is given twice{beside}; its frames would count twice")
    return files


def _expanded(path: str, key: str) -> str:
    """A path with ~ and $NAME replaced.

    Raises:
        InputError: the environment has no such variable.
    """
    if os.path.exists(path):
        return path
    result = os.path.expanduser(os.path.expandvars(path))
    if unknown := re.search(r"\$(\w+|\{\w+\})", result):
        raise InputError(f"{key}: {path}: {unknown[0]} is not set in the environment, and no such file exists")
    return result


def _not_there(path: Path) -> str:
    if path.is_symlink():
        return f"is a link to {os.readlink(path)}, which does not exist"
    return f"does not exist (paths start at the working directory, {Path.cwd()})"
