"""Opening raw files, with errors that name the file, the frame or the package, and say what to do."""

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import MDAnalysis as mda
from MDAnalysis.coordinates.DCD import DCDReader
from MDAnalysis.core.topology import Topology
from MDAnalysis.lib.formats.libdcd import DCDFile
from MDAnalysis.topology.core import get_parser_for

from mdllm.core.errors import InputError
from mdllm.molecules.apart import MAY_ABORT, ApartXTCReader, Item, UnreadableFrame, in_child

logger = logging.getLogger(__name__)

# Formats whose reader needs a package of its own.
_PACKAGES = {"TNG": "pytng", "GSD": "gsd", "H5MD": "h5py", "CIF": "gemmi", "MMCIF": "gemmi", "PARMED": "parmed"}
_ENDINGS = {
    "topology": "pdb, gro, psf, prmtop (parm7), tpr, cif, pqr, mol2, data (LAMMPS), crd, dms",
    "trajectory": "xtc, trr, dcd, nc (ncdf), pdb, gro, h5md, tng, gsd, lammpsdump, mdcrd (trj), inpcrd, coor, xyz",
}


def open_raw(
    topology: Path, trajectory: Path | None = None, topology_format: str | None = None, format: str | None = None
) -> mda.Universe:
    """The universe of a raw topology and one trajectory file; formats by MDAnalysis' names, None: by the endings.

    Beside a trajectory, coordinates in the topology are not read, and the topology itself only once for all its files.

    Raises:
        InputError: a file is not there or cannot be read, its reader needs a package that is not installed, or the two
            do not have the same number of atoms.
    """
    for path in filter(None, (topology, trajectory)):
        if not Path(path).exists():
            raise InputError(
                f"{path} does not exist; if raw files or the cache have moved since they were listed, list them anew: "
                "snakemake --forcerun acquire"
            )
    try:
        if trajectory is None:
            universe = mda.Universe(str(topology), topology_format=topology_format)
        else:
            status = Path(topology).stat()
            parsed = _parsed(str(topology), topology_format, (status.st_size, status.st_mtime_ns))
            universe = mda.Universe(parsed.copy(), to_guess=())
            universe.filename = str(topology)
    except Exception as error:  # whatever a parser makes of a file that is not what its name says
        raise InputError(_unreadable(Path(topology), "topology", topology_format, error)) from error
    if len(universe.atoms) == 0:
        raise InputError(f"topology {topology} cannot be read: it holds no atoms (a text, or a page of a web server?)")
    if trajectory is not None:
        load_trajectory(universe, Path(trajectory), format)
    return universe


@lru_cache(maxsize=1)
def _parsed(topology: str, format: str | None, status: tuple[int, int]) -> Topology:
    """A topology with the types and masses that MDAnalysis guesses; `status`: size and time of the file."""
    with get_parser_for(topology, format=format)(topology) as parser:
        parsed = parser.parse()
    mda.Universe(parsed)  # which adds what is guessed
    return parsed


def require_names(universe: mda.Universe, topology: str) -> None:
    """Raise an InputError where a file has no names of atoms and residues, so that it can be no topology."""
    lacking = [name for name in ("names", "resnames", "resids") if not hasattr(universe.atoms, name)]
    if lacking:
        raise InputError(
            f"topology {topology} has no {' and no '.join(lacking)} of atoms, which selections need; give a topology "
            f"({_ENDINGS['topology']}), or write one with the program that made the trajectory"
        )


def load_trajectory(universe: mda.Universe, trajectory: Path, format: str | None = None) -> None:
    """Open a trajectory file for a universe, as `open_raw`."""
    try:
        universe.load_new(str(trajectory), format=_reader(trajectory, format))
    except UnreadableFrame:
        raise
    except Exception as error:
        beside = f" with the topology {universe.filename} ({len(universe.atoms)} atoms)"
        raise InputError(_unreadable(trajectory, "trajectory", format, error, beside)) from error
    found = universe.trajectory.n_atoms
    if found != len(universe.atoms):
        raise InputError(
            f"{trajectory} has {found} atoms, but the topology {universe.filename} has {len(universe.atoms)}"
        )


def apart(
    universe: mda.Universe, trajectory: Path, format: str | None, items: Callable[[], Iterable[Item]]
) -> Iterator[Item]:
    """Items made of the open trajectory of a universe, in a process of its own where its format is in `MAY_ABORT`.

    Raises:
        UnreadableFrame: as `in_child`.
    """
    if universe.trajectory.format not in MAY_ABORT:
        return iter(items())

    def anew() -> Iterable[Item]:  # since a parent and its children share their place in an open file
        if isinstance(universe.trajectory, ApartXTCReader):
            iter(universe.trajectory)
        else:
            load_trajectory(universe, trajectory, format)
        return items()

    return in_child(str(trajectory), anew)


class _NoStepsBetween:
    """A DCD file in whose header 1 step lies between frames, in place of 0."""

    def __init__(self, file: DCDFile):
        self._file = file

    def __getattr__(self, name: str):
        return getattr(self._file, name)

    def __len__(self) -> int:
        return len(self._file)

    @property
    def header(self) -> dict:
        return self._file.header | {"nsavc": 1}


class UntimedDCDReader(DCDReader):
    """Reads DCD files with 0 steps between frames, by which MDAnalysis divides."""

    def _frame_to_ts(self, frame, ts):
        if not isinstance(self._file, _NoStepsBetween):
            self._file = _NoStepsBetween(self._file)
        return super()._frame_to_ts(frame, ts)


def _reader(trajectory: Path, format: str | None) -> type | str | None:
    """A reader of ours, where that of MDAnalysis divides by zero or can end the process; else the format, if given."""
    kind = (format or trajectory.suffix[1:]).upper()
    if kind == "XTC":
        return ApartXTCReader
    if kind == "DCD":
        with DCDFile(str(trajectory)) as file:
            return UntimedDCDReader if file.header["nsavc"] == 0 else format
    return format


def frames_of(universe: mda.Universe, path: Path, first: int = 0, stop: int | None = None, step: int = 1) -> Iterator:
    """Every `step`-th frame of an open trajectory, from `first` to before `stop`, its end if None.

    Frames between are not read.

    Raises:
        InputError: names the frame that the reader cannot make out.
    """
    trajectory = universe.trajectory
    for number in range(first, len(trajectory) if stop is None else stop, step):
        try:
            frame = trajectory.next() if number > first and trajectory.frame == number - 1 else trajectory[number]
        except UnreadableFrame:
            raise
        except Exception as error:
            raise UnreadableFrame(
                f"{path}, frame {number} (counted from 0)",
                f"it cannot be read ({first_line(error)}). The file is damaged, or this frame has other atoms than the "
                "first: copy it again, or write the good frames to a new file",
            ) from error
        yield frame


def _unreadable(path: Path, role: str, format: str | None, error: Exception, beside: str = "") -> str:
    """What is wrong with a file that could not be opened, and what to do."""
    text, ending = str(error), (format or path.name.removesuffix(".gz").rpartition(".")[2]).upper()
    key = "topology_format" if role == "topology" else "format"
    what = f"{path} cannot be read{beside}" if role == "trajectory" else f"topology {path} cannot be read{beside}"
    if isinstance(error, ImportError) or (ending in _PACKAGES and _PACKAGES[ending] in text.lower()):
        return f"{what}: the reader of {ending} needs the package {_PACKAGES.get(ending, text)}; install it with pip"
    if _unknown_format(path, role, format):
        says = f"`{key}: {format}` is" if format else "its ending says"
        rename = "Correct " if format else "Rename it, or say "
        return (
            f"{what}: {says} no format that MDAnalysis reads. {rename}`{key}` beside it in `source`; formats of a "
            f"{role}: {_ENDINGS[role]}"
        )
    if _packed(path):
        return f"{what}: it is packed, and MDAnalysis unpacks formats of text only (PDB, GRO, XYZ ...); unpack it"
    reason = f"{what}: {first_line(error)}"
    if role == "topology":
        return f"{reason}. The file is damaged, or is no {ending} file (a text, or a page of a web server?)"
    return f"{reason}. The file is damaged, or its atoms are not those of the topology"


def _unknown_format(path: Path, role: str, format: str | None) -> bool:
    known = mda._PARSERS if role == "topology" else mda._READERS
    if format is not None:
        return format.upper() not in known
    return path.name.upper().removesuffix(".GZ").removesuffix(".BZ2").rpartition(".")[2] not in known


def _packed(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) in (b"\x1f\x8b", b"BZ")


def first_line(error: Exception) -> str:
    """The first line of what an error says, or its name where it says nothing."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
