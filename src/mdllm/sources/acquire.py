"""Acquire: find the raw topology and trajectories of a system, check them, and list them with checksums.

Raw files are never copied: the list names them where they lie. What is fetched lies in a cache.
"""

import os
from itertools import pairwise
from pathlib import Path

from mdllm.config.choices import SourceSettings
from mdllm.core.errors import InputError
from mdllm.core.records import sha256
from mdllm.sources.raw import inspect_trajectory


def acquire(source: SourceSettings, cache: Path) -> dict:
    """Fetch what is missing, check every file, and describe them.

    Returns:
        {"topology": {path, sha256}, "trajectories": [{path, sha256, frames, atoms}, ...]}, paths absolute, and `format`
        where the settings say it.

    Raises:
        InputError: no network and nothing cached, a wrong checksum, a topology that does not match, a truncated file,
            or files that a pattern found and whose names are not in order of time.
    """
    topology, trajectories = source.load()(source, cache)
    formats = source.formats()
    described = [
        _listed(path, formats[1]) | inspect_trajectory(Path(topology), Path(path), *formats) for path in trajectories
    ]
    _check_order(described, source.sorted_by_name())
    return {"topology": _listed(topology, formats[0]), "trajectories": described}


def _listed(path: Path, format: str | None) -> dict:
    """A file under the name that was given, whose ending tells its format; a link may point at a file without one."""
    return {"path": os.path.abspath(path), "sha256": sha256(path), **({"format": format} if format else {})}


def _check_order(trajectories: list[dict], sorted_by_name: bool) -> None:
    """Raise an InputError where files begin at different times and do not stand in their order."""
    starts = [trajectory.pop("start_ps") for trajectory in trajectories]
    for number, (before, after) in enumerate(pairwise(starts) if sorted_by_name else (), start=1):
        if after < before and len(set(starts)) == len(starts):
            first, second = (trajectory["path"] for trajectory in trajectories[number - 1 : number + 1])
            raise InputError(
                f"{second} begins at {after:g} ps, before {first}, which begins at {before:g} ps and stands before it. "
                "Names are sorted by the numbers in them; list the files in order of time in source.trajectories"
            )
