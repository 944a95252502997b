"""Frames of one raw file in chunks, checked, and read so that one damaged frame tells nothing of another.

The decoder of a compressed format can write over memory when a frame is damaged: it may end its process, or change
frames that are held there. Such files are read in a process of their own; a chunk in which anything is wrong is read
again in halves, each in a new process, until a frame that is wrong has been read alone.

Axes: F frames.
"""

import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

import MDAnalysis as mda
import numpy as np

from mdllm.molecules.apart import MAY_ABORT, UnreadableFrame
from mdllm.molecules.damage import Damage
from mdllm.molecules.fragments import Fragments
from mdllm.molecules.reading import apart, frames_of

logger = logging.getLogger(__name__)
_CHUNK = 500


class AtomsOfInterest(Protocol):
    """Which atoms are cut out of a raw frame, and how a frame is checked."""

    fragments: Fragments
    followed: tuple[Fragments, ...]
    frame: np.ndarray

    def cut(self, positions: np.ndarray, dimensions: np.ndarray | None) -> np.ndarray:
        """Coordinates in nm, whole, from raw positions (A, 3) and box in ångström."""

    def damaged(self, coordinates: np.ndarray, boxed: np.ndarray) -> list[Damage]:
        """What is wrong with frames (F, ..., 3) in nm, of which those in `boxed` (F,) have a box."""

    def check_first(self, boxed: bool) -> list[Damage]:
        """What is wrong with the first frame."""

    def breaks(self) -> list[str]:
        """Where a chain is broken in the first frame."""

    def universe(self) -> mda.Universe:
        """A universe of the atoms that are kept, in the order of the coordinates, with the first frame."""

    def counts(self) -> dict[str, int]:
        """What is kept, for the log and the provenance record."""


class Frames(NamedTuple):
    """Frames of a file as they were read: number in it, time, coordinates, box or not; and what was found.

    `links` are those of `Fragments` after the last frame; `unreadable` says why one that was read alone is not there.
    """

    number: np.ndarray
    time_ps: np.ndarray
    coordinates: np.ndarray
    boxed: np.ndarray
    damage: list[Damage]
    links: list
    read: int
    without_positions: int = 0
    made_whole: int = 0
    moved: int = 0
    unreadable: str | None = None


def read_chunks(
    universe: mda.Universe, source: dict, atoms: AtomsOfInterest, stride: int, offset: int
) -> Iterator[Frames]:
    """The frames of a file that `universe` has open, in order, in chunks.

    Args:
        source: the file, as `mdllm.sources.acquire.acquire` lists it.
        stride, offset: of the frames with numbers n, those are read for which n + offset is a multiple of the stride.
    """
    decoded = universe.trajectory.format in MAY_ABORT
    return _Chunks(universe, source, atoms, stride, offset, decoded).all()


@dataclass(frozen=True)
class _Chunks:
    universe: mda.Universe
    source: dict
    atoms: AtomsOfInterest
    stride: int
    offset: int
    decoded: bool  # by a decoder that can write over memory

    @property
    def path(self) -> Path:
        return Path(self.source["path"])

    def all(self) -> Iterator[Frames]:
        """All chunks, begun anew after one in which something is wrong."""
        first, frames = 0, self.source["frames"]
        while first < frames:
            try:
                with closing(self._read(first, frames)) as parts:
                    for part in parts:
                        if self._suspicious(part):
                            break
                        yield self._followed(part)
                        first += part.read
                    else:  # all, or the file has changed
                        return
            except self._of_others:
                logger.debug("%s: something is wrong in the %d frames from %d on", self.path, _CHUNK, first)
            stop = min(first + _CHUNK, frames)
            yield from self._halves(first, stop)
            first = stop

    def _halves(self, first: int, stop: int) -> Iterator[Frames]:
        alone = stop - first == 1
        try:
            parts = list(self._read(first, stop))
        except self._of_others as error:
            if alone and not isinstance(error, UnreadableFrame):
                raise
            if alone:
                yield self._unreadable(f"{self.path}, frame {first} (counted from 0): {error.reason}")
                return
            parts = []
        if alone or (parts and not any(map(self._suspicious, parts))):
            yield from map(self._followed, parts)
            return
        middle = (first + stop) // 2
        yield from self._halves(first, middle)
        yield from self._halves(middle, stop)

    @property
    def _of_others(self) -> type[Exception]:
        """Errors that one frame can make of another: any, once memory was written over."""
        return Exception if self.decoded else UnreadableFrame

    def _suspicious(self, part: Frames) -> bool:
        return self.decoded and bool(part.damage)

    def _unreadable(self, reason: str) -> Frames:
        none, points = np.empty(0), np.empty((0, *self.atoms.frame.shape), np.float32)
        links = [fragments.links for fragments in self.atoms.followed]
        return Frames(none.astype(int), none, points, none.astype(bool), [], links, read=1, unreadable=reason)

    def _followed(self, part: Frames) -> Frames:
        """What the process of the next frames must know, which starts as a copy of this one."""
        for fragments, links in zip(self.atoms.followed, part.links, strict=True):
            fragments.links = links
        return part

    def _read(self, first: int, stop: int) -> Iterator[Frames]:
        return apart(self.universe, self.path, self.source.get("format"), partial(self._here, first, stop))

    def _here(self, first: int, stop: int) -> Iterator[Frames]:
        """Chunks of the frames from `first` to before `stop`, of which those with positions are kept."""
        atoms, stop = self.atoms, min(stop, len(self.universe.trajectory))
        for begin in range(first, stop, _CHUNK):
            end = min(begin + _CHUNK, stop)
            start = begin + -(self.offset + begin) % self.stride
            rows, lost = [], 0
            whole, moved = atoms.fragments.made_whole, atoms.fragments.moved
            # not by ts.frame, which some readers of one frame (MMTF) do not set
            wanted = frames_of(self.universe, self.path, start, end, self.stride)
            for number, ts in zip(range(start, end, self.stride), wanted, strict=True):
                if ts.has_positions:
                    boxed = ts.dimensions is not None and bool(np.all(ts.dimensions[:3] > 0))
                    rows.append((number, ts.time, atoms.cut(ts.positions, ts.dimensions), boxed))
                else:
                    lost += 1
            numbers, times, points, boxed = zip(*rows, strict=True) if rows else ((), (), (), ())
            coordinates = np.stack(points) if rows else np.empty((0, *atoms.frame.shape), np.float32)
            yield Frames(
                np.array(numbers, np.int64),
                np.array(times, np.float64),
                coordinates,
                np.array(boxed, bool),
                atoms.damaged(coordinates, np.array(boxed, bool)),
                [list(fragments.links) for fragments in atoms.followed],
                *(end - begin, lost, atoms.fragments.made_whole - whole, atoms.fragments.moved - moved),
            )
