"""Opening raw trajectory files, with errors that name the file and say what is wrong with it."""

import struct
from pathlib import Path

import MDAnalysis as mda

from mdllm.core.errors import InputError


def open_raw(topology: Path, trajectory: Path | None = None) -> mda.Universe:
    """The universe of a raw topology and one trajectory file.

    Raises:
        InputError: a file cannot be read, or the two do not have the same number of atoms.
    """
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
    if reader.format == "DCD" and _dcd_frames_in_header(trajectory) > frames:
        raise InputError(
            f"{trajectory} is truncated: its header promises {_dcd_frames_in_header(trajectory)} frames, "
            f"the file holds {frames} whole ones; copy it again, or write the whole frames to a new file"
        )
    try:
        reader[frames - 1]
    except (OSError, EOFError, ValueError) as error:
        raise InputError(
            f"{trajectory} is truncated or damaged in frame {frames - 1}, its last (counted from 0): "
            f"{_first_line(error)}; copy it again, or write the whole frames to a new file"
        ) from error
    return {"frames": frames, "atoms": reader.n_atoms}


def _dcd_frames_in_header(path: Path) -> int:
    """NSET of a DCD header; MDAnalysis counts the frames from the file's size and would drop a broken one silently."""
    with open(path, "rb") as stream:
        head = stream.read(12)
    order = "<" if struct.unpack("<i", head[:4])[0] == 84 else ">"
    return struct.unpack(f"{order}i", head[8:12])[0]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
