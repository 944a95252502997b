"""Opening raw trajectory files, with errors that name the file and say what is wrong with it."""

import logging
import struct
from pathlib import Path

import MDAnalysis as mda

from mdllm.core.errors import InputError

logger = logging.getLogger(__name__)


def open_raw(topology: Path, trajectory: Path | None = None) -> mda.Universe:
    """The universe of a raw topology and one trajectory file.

    Raises:
        InputError: a file is not there or cannot be read, or the two do not have the same number of atoms.
    """
    for path in filter(None, (topology, trajectory)):
        if not Path(path).exists():
            raise InputError(
                f"{path} does not exist; if raw files or the cache have moved since they were listed, list them anew: "
                "snakemake --forcerun acquire"
            )
    try:
        universe = mda.Universe(str(topology))
    except (ValueError, TypeError, OSError, IndexError, KeyError) as error:
        raise InputError(f"topology {topology} cannot be read: {_first_line(error)}") from error
    if trajectory is None:
        return universe
    try:
        universe.load_new(str(trajectory))
    except (ValueError, TypeError, OSError, IndexError, KeyError) as error:
        atoms = len(universe.atoms)
        raise InputError(
            f"{trajectory} cannot be read with the topology {topology} ({atoms} atoms): {_first_line(error)}. "
            "The file is damaged, or its atoms are not those of the topology"
        ) from error
    found = universe.trajectory.n_atoms
    if found != len(universe.atoms):
        raise InputError(f"{trajectory} has {found} atoms, but the topology {topology} has {len(universe.atoms)}")
    return universe


def inspect_trajectory(topology: Path, trajectory: Path) -> dict:
    """Number of frames and atoms of a trajectory file, after a check that its last frame is whole.

    Raises:
        InputError: no frames, or the file ends in the middle of a frame or before the frames its header promises.
    """
    universe = open_raw(topology, trajectory)
    reader = universe.trajectory
    frames = len(reader)
    if frames == 0:
        raise InputError(f"{trajectory} holds no frames")
    if reader.format == "DCD":
        _check_dcd_size(trajectory, frames)
    try:
        reader[frames - 1]
    except (OSError, EOFError, ValueError) as error:
        raise InputError(
            f"{trajectory} is truncated or damaged in frame {frames - 1}, its last (counted from 0): "
            f"{_first_line(error)}; copy it again, or write the whole frames to a new file"
        ) from error
    return {"frames": frames, "atoms": reader.n_atoms}


def _check_dcd_size(path: Path, frames: int) -> None:
    """Raise an InputError unless a DCD file ends with a whole frame.

    MDAnalysis counts the frames from the size of the file and drops a broken last one in silence. The header cannot
    be trusted for that: CHARMM writes the number of frames that it plans, so a stopped simulation has fewer.

    A DCD file is a sequence of Fortran records, each between two copies of its length: a header of three records,
    then per frame the unit cell (if flagged) and x, y, z. Fixed atoms stand in the first frame only.
    """
    with open(path, "rb") as stream:
        head = stream.read(92)
        order = "<" if struct.unpack("<i", head[:4])[0] == 84 else ">"
        planned, fixed_atoms, has_cell = (struct.unpack_from(f"{order}i", head, at)[0] for at in (8, 40, 48))
        stream.seek(struct.unpack(f"{order}i", stream.read(4))[0] + 4, 1)
        atoms = struct.unpack(f"{order}iii", stream.read(12))[1]
        start = stream.tell() + (4 * (atoms - fixed_atoms) + 8 if fixed_atoms else 0)
    cell = 56 if has_cell else 0
    first = cell + 3 * (4 * atoms + 8)
    later = cell + 3 * (4 * (atoms - fixed_atoms) + 8)
    left = (path.stat().st_size - start - first) % later
    if left:
        raise InputError(
            f"{path} is truncated: {left} bytes of a broken frame follow {frames} whole frames; copy it again, or "
            "write the whole frames to a new file"
        )
    if planned > frames:
        logger.warning("%s holds %d frames of the %d that its header plans", path, frames, planned)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
