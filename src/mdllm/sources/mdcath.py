"""The source `mdcath`: trajectories of CATH domains at five temperatures, read where they lie in HDF5 files.

mdCATH: Mirarchi, Giorgino & De Fabritiis, Sci. Data 11, 1299 (2024), CC BY 4.0. A file per domain holds
`{domain}/{temperature}/{replica}/coords` (F, A, 3) in angstrom, 1 ns apart, with `box` (3, 3) in nm, and
`{domain}/pdbProteinAtoms`, a PDB file as text. Some runs end in frames that are all zero or far outside of any box: a
run is cut at the first such frame, with a warning that says how many follow.
"""

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, NonNegativeInt, PositiveInt

from mdllm.config.choices import SourceSettings
from mdllm.config.registry import Requirements
from mdllm.config.section import Section
from mdllm.core.errors import InputError
from mdllm.core.records import replacing
from mdllm.sources.download import cached_path, download

if TYPE_CHECKING:
    import h5py
    import MDAnalysis as mda

logger = logging.getLogger(__name__)
MDCATH = "https://huggingface.co/datasets/compsciencelab/mdCATH/resolve/main/data"
INTERVAL_PS = 1000.0
GB_OF_DOMAIN = 0.3, 1.3  # of its file
_FURTHEST_ANGSTROM = 1e4
_CHUNK = 100
Domain = Annotated[str, Field(pattern=r"^[0-9][a-z0-9]{3}[A-Za-z0-9][0-9]{2}$", description="like 2hbaA00")]


class MdcathRuns(Section):
    """Which runs of a domain are taken."""

    temperatures_k: list[PositiveInt] | None = Field(
        None, min_length=1, description="of 320, 348, 379, 413 and 450; null: all that the file holds"
    )
    replicas: list[NonNegativeInt] | None = Field(
        None, min_length=1, description="of 0 to 4; null: all that the file holds"
    )
    folder: str | None = Field(
        None, description="where files mdcath_dataset_DOMAIN.h5 lie; null: the cache, into which they are fetched"
    )


class MdcathSource(SourceSettings, MdcathRuns):
    """Trajectories of one domain of mdCATH, written once as XTC files into the cache."""

    implementation: ClassVar[str] = "mdllm.sources.mdcath:fetch_mdcath"
    type: Literal["mdcath"]
    domain: Domain

    def requirements(self, cache: Path) -> Requirements:
        return {(f"mdCATH {self.domain}", self.model_dump_json()): lambda: find_domain(self, self.domain, cache)}


def domain_path(domain: str, cache: Path) -> Path:
    """Where the cache holds the file of a domain."""
    return cached_path(f"{MDCATH}/{_file_name(domain)}", cache)


def _file_name(domain: str) -> str:
    return f"mdcath_dataset_{domain}.h5"


def find_domain(runs: MdcathRuns, domain: str, cache: Path, server: str = MDCATH) -> Path:
    """The file of a domain, from the user's folder, the cache, or mdCATH.

    Raises:
        InputError: it is not in that folder, or there is no network and nothing cached.
    """
    name = _file_name(domain)
    if runs.folder is None:
        return download(f"{server}/{name}", cache)
    path = Path(runs.folder, name)
    if not path.is_file():
        raise InputError(
            f"{path} does not exist (paths start at the working directory); put it there, or take out `folder` to "
            "fetch it"
        )
    return path


def fetch_mdcath(source: MdcathSource, cache: Path) -> tuple[Path, list[Path]]:
    """Topology and trajectories of a domain, all protein atoms, as PDB and XTC files in the cache.

    Raises:
        InputError: no network and nothing cached, no such run, or a damaged file.
    """
    from mdllm.core.trajectories import ANGSTROM_PER_NM, TrajectoryWriter

    folder = Path(cache) / "mdcath" / source.domain
    folder.mkdir(parents=True, exist_ok=True)
    topology, trajectories = folder / "topology.pdb", []
    with DomainFile(find_domain(source, source.domain, cache), source.domain) as file:
        with replacing(topology) as temporary:
            temporary.write_text(file.topology())
        for temperature_k, replica in file.runs(source):
            path = folder / f"{temperature_k}K_{replica}.xtc"
            trajectories.append(path)
            if path.is_file() and path.stat().st_mtime >= file.path.stat().st_mtime:
                continue
            with replacing(path) as temporary, TrajectoryWriter(temporary) as writer:
                done = 0
                for positions, _ in file.chunks(temperature_k, replica):
                    times = (done + np.arange(len(positions))) * INTERVAL_PS
                    writer.write(positions / ANGSTROM_PER_NM, times)
                    done += len(positions)
    return topology, trajectories


class DomainFile:
    """A file of mdCATH, open for reading, of which no more than a chunk is ever in memory.

    Raises:
        InputError: the file is damaged, or it is not that of the domain.
    """

    def __init__(self, path: Path, domain: str):
        import h5py  # here, since every job reads the settings of sources

        self.path, self._domain = path, domain
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise InputError(f"{path} is damaged, or no HDF5 file ({error}); delete it and fetch it again") from error
        if domain not in self._file:
            raise InputError(f"{path} holds no domain {domain}, but {', '.join(self._file)}")

    def __enter__(self) -> "DomainFile":
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def topology(self) -> str:
        """The PDB file of the protein's atoms, those of `coords` in their order."""
        try:
            return self._file[self._domain]["pdbProteinAtoms"][()].decode()
        except KeyError as error:
            raise InputError(f"{self.path} lacks {self._domain}/pdbProteinAtoms; fetch it again") from error

    def universe(self) -> "mda.Universe":
        """The protein's atoms, without a trajectory."""
        import MDAnalysis as mda
        from MDAnalysis.lib.util import NamedStream

        return mda.Universe(NamedStream(io.StringIO(self.topology()), f"{self._domain}.pdb"))

    def runs(self, wanted: MdcathRuns) -> list[tuple[int, int]]:
        """(temperature in K, replica) of the runs that are wanted and there.

        Raises:
            InputError: one that is asked for is not there.
        """
        group = self._file[self._domain]
        there = {int(name): sorted(map(int, runs)) for name, runs in group.items() if name.isdigit()}
        found = []
        for temperature_k in wanted.temperatures_k or sorted(there):
            for replica in wanted.replicas or there.get(temperature_k, [0]):
                if replica not in there.get(temperature_k, []):
                    raise InputError(
                        f"{self.path} has no run of {self._domain} at {temperature_k} K, replica {replica}; it has "
                        + "; ".join(f"{known} K: {', '.join(map(str, numbers))}" for known, numbers in there.items())
                    )
                found.append((temperature_k, replica))
        return found

    def chunks(self, temperature_k: int, replica: int) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Positions (F, A, 3) in angstrom, and the box (3, 3) in nm if there is one, up to a damaged frame.

        Raises:
            InputError: the file ends early, the first frame is damaged, or atoms are not those of the topology.
        """
        run = self._file[f"{self._domain}/{temperature_k}/{replica}"]
        place = f"{self.path}, {temperature_k} K, replica {replica}"
        coordinates: h5py.Dataset = run["coords"]
        box = run["box"][()] if "box" in run else None
        for start in range(0, len(coordinates), _CHUNK):
            try:
                positions = coordinates[start : start + _CHUNK]
            except OSError as error:
                raise InputError(f"{place}: frames from {start} on cannot be read ({error}); fetch it again") from error
            damaged = np.flatnonzero(_damaged(positions))
            if len(damaged):
                _report(place, start + int(damaged[0]), len(coordinates))
                positions = positions[: damaged[0]]
            if len(positions):
                yield positions, box
            if len(damaged):
                return


def _damaged(positions: np.ndarray) -> np.ndarray:
    """Whether frames (F,) of positions (F, A, 3) are all zero, not finite, or further out than any molecule goes."""
    with np.errstate(invalid="ignore"):
        inside = (np.abs(positions) < _FURTHEST_ANGSTROM).all((1, 2))
    return ~inside | ~positions.any((1, 2))


def _report(place: str, first: int, frames: int) -> None:
    what = f"frame {first} is damaged (all zero, not finite, or beyond {_FURTHEST_ANGSTROM:g} angstrom)"
    if first == 0:
        raise InputError(f"{place}: {what}, the first of {frames}; leave this run out by temperatures_k or replicas")
    logger.warning("%s: %s: %d of %d frames are left out, from it to the end", place, what, frames - first, frames)
