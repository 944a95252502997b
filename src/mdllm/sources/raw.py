"""What a raw trajectory file holds, after a check that it is whole."""

import logging
import struct
from pathlib import Path

from MDAnalysis.lib.formats.libmdaxdr import TRRFile

from mdllm.core.errors import InputError
from mdllm.molecules.apart import UnreadableFrame, in_child
from mdllm.molecules.reading import first_line, open_raw

logger = logging.getLogger(__name__)


def inspect_trajectory(
    topology: Path, trajectory: Path, topology_format: str | None = None, format: str | None = None
) -> dict:
    """Number of frames and atoms of a trajectory file and its first time, after a check that its last frame is whole.

    Raises:
        InputError: no frames, or the file ends in the middle of a frame or before the frames its header promises.
    """
    arguments = topology, trajectory, topology_format, format
    if (format or trajectory.suffix[1:]).upper() == "TNG":  # opening it is reading it
        return next(in_child(str(trajectory), lambda: [_inspect(*arguments)]))
    return _inspect(*arguments)


def _inspect(topology: Path, trajectory: Path, topology_format: str | None, format: str | None) -> dict:
    universe = open_raw(topology, trajectory, topology_format, format)
    reader = universe.trajectory
    frames = len(reader)
    if frames == 0:
        raise InputError(f"{trajectory} holds no frames")
    if reader.format == "DCD":
        _check_dcd_size(trajectory, frames)
    if reader.format == "TRR":
        _check_trr_size(trajectory, frames)
    for frame in dict.fromkeys((0, min(1, frames - 1), frames - 1)):
        try:
            reader[frame]
        except UnreadableFrame:
            raise
        except Exception as error:  # whatever a reader makes of a file that is cut off
            last = ", its last" if frame == frames - 1 else ""
            raise InputError(
                f"{trajectory} is truncated or damaged in frame {frame}{last} (counted from 0): {first_line(error)}; "
                "copy it again, or write the whole frames to a new file"
            ) from error
    return {"frames": frames, "atoms": reader.n_atoms, "start_ps": float(reader[0].time)}


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


def _check_trr_size(path: Path, frames: int) -> None:
    """Raise an InputError unless a TRR file ends with its last frame.

    MDAnalysis lists the frames up to the first whose header it cannot make out, and says nothing of what follows.

    A frame is a magic number, the length of the program's name twice and the name, and 13 integers, the first ten of
    which are the sizes in bytes of what may follow them and two real numbers, the time and lambda.
    """
    with TRRFile(str(path)) as file:
        start = int(file.offsets[-1])
    with open(path, "rb") as stream:
        stream.seek(start + 8)
        name = struct.unpack(">i", stream.read(4))[0]
        stream.seek(-(-name // 4) * 4, 1)
        *sizes, atoms, _, _ = struct.unpack(">13i", stream.read(52))
        box, points = sizes[2], max(sizes[7:])
        real = box // 9 if box else points // (3 * atoms)
        end = stream.tell() + 2 * real + sum(sizes)
    left = path.stat().st_size - end
    if left > 0:
        raise InputError(
            f"{path} is damaged after frame {frames - 1} (counted from 0): {left} bytes follow that are no frame; copy "
            "it again, or write the good frames to a new file"
        )
