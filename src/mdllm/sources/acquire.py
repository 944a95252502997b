"""Acquire: find the raw topology and trajectories of a system, check them, and list them with checksums.

Raw files are never copied: the list names them where they lie. What is fetched lies in a cache.
"""

from pathlib import Path

from mdllm.config.choices import SourceSettings
from mdllm.core.records import sha256
from mdllm.sources.raw import inspect_trajectory


def acquire(source: SourceSettings, cache: Path) -> dict:
    """Fetch what is missing, check every file, and describe them.

    Returns:
        {"topology": {path, sha256}, "trajectories": [{path, sha256, frames, atoms}, ...]}, paths absolute.

    Raises:
        InputError: no network and nothing cached, a wrong checksum, a topology that does not match, a truncated file.
    """
    topology, trajectories = source.load()(source, cache)
    described = [
        {"path": str(Path(path).resolve()), "sha256": sha256(path), **inspect_trajectory(Path(topology), Path(path))}
        for path in trajectories
    ]
    return {
        "topology": {"path": str(Path(topology).resolve()), "sha256": sha256(topology)},
        "trajectories": described,
    }
