"""Reading in a process of its own, where the decoder of a damaged file can write over memory or end the process."""

import faulthandler
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np
from MDAnalysis.coordinates.base import ReaderBase
from MDAnalysis.coordinates.XTC import XTCReader
from MDAnalysis.lib.util import store_init_arguments

from mdllm.core.errors import InputError

Item = TypeVar("Item")
MAY_ABORT = ("XTC", "TNG")  # formats with such decoders
_apart = False  # whether this process is one of `in_child`


class UnreadableFrame(InputError):
    """Frames at a place in a file that a reader cannot make out; `reason` says why, and what to do."""

    def __init__(self, place: str, reason: str):
        self.reason = reason
        super().__init__(place, reason)

    def __str__(self) -> str:
        return ": ".join(self.args)


def in_child(place: str, items: Callable[[], Iterable[Item]]) -> Iterator[Item]:
    """The items that a process of its own makes, where a damaged file cannot end ours.

    Raises:
        UnreadableFrame: the process has ended by a signal. What it raises itself is raised here.
    """
    ours, theirs = multiprocessing.Pipe(duplex=False)

    def work() -> None:
        global _apart
        _apart = True
        faulthandler.disable()  # how the process ends is said by its parent, in a line
        ours.close()
        try:
            for item in items():
                theirs.send((item, None))
            theirs.send((None, None))
        except Exception as error:
            theirs.send((None, error))

    process = multiprocessing.get_context("fork").Process(target=work, daemon=True)
    process.start()
    theirs.close()
    try:
        while True:
            item, error = ours.recv()
            if error is not None:
                raise error
            if item is None:
                return
            yield item
    except EOFError:
        process.join()
        if process.exitcode >= 0:
            raise
        ended = signal.Signals(-process.exitcode).name
        raise UnreadableFrame(
            place,
            f"the reader breaks down ({ended}), where the file is damaged. Copy it again, or write the good frames to "
            "a new file",
        ) from None
    finally:
        process.kill()
        process.join()


class ApartXTCReader(XTCReader):
    """Reads XTC files as MDAnalysis does, but opens them without decoding a frame that is not asked for.

    Within `in_child` frames are decoded where they are asked for; else each in a process of its own.
    """

    @store_init_arguments
    def __init__(self, filename, convert_units=True, sub=None, refresh_offsets=False, dt=None, **kwargs):
        ReaderBase.__init__(self, filename, convert_units=convert_units, **kwargs)
        self._sub = sub
        self._xdr = self._file(self.filename)
        self.n_atoms = self._xdr.n_atoms
        self._load_offsets()
        self.ts = self._Timestep(self.n_atoms, **self._ts_kwargs)
        self._read_frame(0)

    def close(self) -> None:
        if "_xdr" in vars(self):  # not of a file that could not be opened
            super().close()

    def _read_frame(self, i: int):
        if _apart:
            return super()._read_frame(i)
        place = f"{self.filename}, frame {i} (counted from 0)"
        return self._take(i, *next(in_child(place, lambda: [self._alone(i)])))

    def _read_next_timestep(self, ts=None):
        if _apart or self._frame + 1 >= self.n_frames:
            return super()._read_next_timestep(ts)
        return self._read_frame(self._frame + 1)

    def _alone(self, i: int) -> tuple[np.ndarray, np.ndarray | None, float, int]:
        iter(self)  # the file is opened anew, since a parent and its children share a place in an open file
        ts = super()._read_frame(i)
        return ts.positions, ts.dimensions, ts.time, ts.data["step"]

    def _take(self, i: int, positions: np.ndarray, dimensions: np.ndarray | None, time: float, step: int):
        self._frame = self.ts.frame = i
        self.ts.positions, self.ts.dimensions, self.ts.time = positions, dimensions, time
        self.ts.data["step"] = step
        return self.ts
