"""The user's own raw files, found where the system file says: known before any job starts, checked in acquire."""

import glob
from pathlib import Path

from mdllm.config.settings.system import FilesSource
from mdllm.core.errors import InputError


def source_files(source: FilesSource) -> tuple[str, list[str]]:
    """The topology and the trajectory files, in order, that a `files` source names; glob patterns are sorted.

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
        trajectories += matches
    return source.topology, trajectories
