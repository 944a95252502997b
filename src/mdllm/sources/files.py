"""The source `files`: the user's own files, found where the system file says."""

import glob
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from mdllm.config.choices import SourceSettings
from mdllm.core.errors import InputError


class FilesSource(SourceSettings):
    """The user's own files, in any format that MDAnalysis reads."""

    implementation: ClassVar[str] = "mdllm.sources.files:find_files"
    type: Literal["files"]
    topology: str = Field(description="path, absolute or relative to the working directory")
    trajectories: list[str] = Field(min_length=1, description="paths or glob patterns, in order of time")

    def raw_files(self) -> list[str]:
        topology, trajectories = find_files(self)
        return [str(path) for path in (topology, *trajectories)]


def find_files(source: FilesSource, cache: Path | None = None) -> tuple[Path, list[Path]]:
    """The topology and the trajectory files, in order; glob patterns are sorted. Nothing is fetched into the cache.

    Raises:
        InputError: a file does not exist, or a pattern matches nothing.
    """
    if not Path(source.topology).is_file():
        raise InputError(f"source.topology: {source.topology} does not exist (paths start at the working directory)")
    trajectories = []
    for pattern in source.trajectories:
        matches = sorted(glob.glob(pattern, recursive=True))
        if not matches:
            raise InputError(f"source.trajectories: nothing matches {pattern} (paths start at the working directory)")
        trajectories += map(Path, matches)
    return Path(source.topology), trajectories
