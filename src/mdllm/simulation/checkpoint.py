"""The checkpoint of a simulation: everything that a killed run needs to continue, in one file."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mdllm.core.errors import InputError
from mdllm.core.records import read_npz, write_npz

FILE = "checkpoint.npz"


@dataclass(frozen=True)
class Checkpoint:
    """A moment of a run.

    Attributes:
        phase: index of the phase that goes on from here; the number of phases when the run is complete.
        frame: save intervals of that phase that are done.
        context: OpenMM's own binary checkpoint: positions, velocities, box, and the state of every random generator.
        device: identity of the device that wrote it, the only one that can read it.
        trajectory_bytes: size of the trajectory file at this moment.
        log_bytes: size of the log file at this moment.
    """

    phase: int
    frame: int
    context: bytes
    device: str
    trajectory_bytes: int
    log_bytes: int

    def write(self, folder: Path) -> None:
        """Replace the checkpoint of `folder`, atomically."""
        write_npz(
            folder / FILE,
            numbers=np.array([self.phase, self.frame, self.trajectory_bytes, self.log_bytes], np.int64),
            context=np.frombuffer(self.context, np.uint8),
            device=np.array([self.device]),
        )

    @classmethod
    def read(cls, folder: Path, device: str) -> "Checkpoint":
        """The checkpoint of `folder`.

        Raises:
            InputError: it was written on another device.
        """
        content = read_npz(folder / FILE)
        written_on = str(content["device"][0])
        if written_on != device:
            raise InputError(
                f"{folder} holds a run that was begun on '{written_on}', and this is '{device}', which cannot continue "
                "it exactly: continue there, or delete that folder to begin again"
            )
        phase, frame, trajectory_bytes, log_bytes = map(int, content["numbers"])
        return cls(phase, frame, content["context"].tobytes(), written_on, trajectory_bytes, log_bytes)

    @staticmethod
    def exists(folder: Path) -> bool:
        return (folder / FILE).is_file()


def cut_back(path: Path, size: int) -> None:
    """Truncate a file to what it held at the checkpoint: what came later will be made again.

    Raises:
        InputError: the file is shorter than that.
    """
    found = path.stat().st_size if path.is_file() else 0
    if found < size:
        raise InputError(
            f"{path} has {found} bytes, but had {size} at the checkpoint beside it, so it was changed from outside; "
            f"delete the folder {path.parent} to begin again"
        )
    os.truncate(path, size)
