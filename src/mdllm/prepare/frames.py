"""Raw frames of any number of files in chunks of flat memory, with time and segment, and the table they end up in."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import MDAnalysis as mda
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mdllm.core.errors import InputError
from mdllm.sources.raw import open_raw

logger = logging.getLogger(__name__)
_CHUNK = 500


class AtomsOfInterest(Protocol):
    """Which atoms are cut out of a raw frame, and how a frame is checked."""

    def cut(self, positions: np.ndarray, dimensions: np.ndarray | None) -> np.ndarray:
        """Coordinates in nm, whole, from raw positions (A, 3) and box in ångström."""

    def check(self, coordinates: np.ndarray, place: str) -> None:
        """Raise an InputError unless the first frame of a file is what the topology says."""

    def check_finite(self, coordinates: np.ndarray, places: list[str]) -> None:
        """Raise an InputError for the first of several frames with a coordinate that is not finite."""

    def chain_breaks(self, coordinates: np.ndarray) -> list[str]:
        """Residues after which a chain is broken."""

    def universe(self) -> mda.Universe:
        """A universe of the atoms that are kept, in the order of the coordinates."""

    def counts(self) -> dict[str, int]:
        """What is kept, for the log and the provenance record."""


def raw_chunks(
    sources: dict, atoms: AtomsOfInterest, stride: int, frame_interval_ps: float | None, progress
) -> Iterator[dict[str, np.ndarray]]:
    """Chunks {frame (F,), time_ps (F,), segment (F,), coordinates (F, ..., 3) in nm} over all files in order.

    Raises:
        InputError: names file and frame.
    """
    first_frame, segment = 0, -1
    for source in sources["trajectories"]:
        path = Path(source["path"])
        trajectory = open_raw(Path(sources["topology"]["path"]), path).trajectory
        rows: list[tuple] = []
        last_time, interval = None, None
        read = 0
        for ts in trajectory:
            read += 1
            progress.update()
            if (first_frame + ts.frame) % stride:
                continue
            place = f"{path}, frame {ts.frame}"
            coordinates = atoms.cut(ts.positions, ts.dimensions)
            if last_time is None:
                atoms.check(coordinates, place)
                for after in atoms.chain_breaks(coordinates):
                    logger.info("%s: chain break after residue %s", path, after)
            gap = last_time is None or not _continues(last_time, ts.time, interval)
            if gap and last_time is not None:
                logger.warning("%s: time goes from %g to %g ps; a new segment starts", place, last_time, ts.time)
            interval = None if gap else (interval or ts.time - last_time)
            segment += gap
            last_time = ts.time
            frame = first_frame + ts.frame
            time_ps = ts.time if frame_interval_ps is None else frame * frame_interval_ps
            rows.append((frame, time_ps, segment, coordinates, place))
            if len(rows) == _CHUNK:
                yield _stack(rows, atoms)
                rows = []
        if read != source["frames"]:
            raise InputError(f"{path} ends after {read} of {source['frames']} frames; it is truncated or has changed")
        if rows:
            yield _stack(rows, atoms)
        first_frame += read


def _continues(last_time: float, time: float, interval: float | None) -> bool:
    """Whether `time` follows `last_time` at the interval seen so far (any positive one for the second frame)."""
    step = time - last_time
    return step > 0 and (interval is None or abs(step - interval) < 0.01 * interval)


def _stack(rows: list[tuple], atoms: AtomsOfInterest) -> dict:
    frames, times, segments, coordinates, places = zip(*rows, strict=True)
    stacked = np.stack(coordinates)
    atoms.check_finite(stacked, places)
    return {
        "frame": np.array(frames, np.int64),
        "time_ps": np.array(times, np.float64),
        "segment": np.array(segments, np.int32),
        "coordinates": stacked,
    }


def frame_interval(frames: pd.DataFrame) -> float:
    """Median time in ps between neighbouring frames of one segment of the table `frames.parquet`.

    Raises:
        InputError: no frame follows another.
    """
    steps = np.diff(frames["time_ps"])[np.diff(frames["segment"]) == 0]
    if not len(steps):
        raise InputError(
            f"the prepared trajectory has {len(frames)} frame(s), none of which follows another in time, so nothing "
            "can be learned of the time between frames; give trajectories of at least two frames, or a smaller "
            "prepare.stride"
        )
    return float(np.median(steps))


class FrameTable:
    """A parquet file written chunk by chunk."""

    def __init__(self, path: Path):
        self._path, self._writer, self.rows = path, None, 0

    def append(self, columns: dict[str, np.ndarray]) -> None:
        table = pa.table({key: pa.array(values) for key, values in columns.items()})
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema)
        self._writer.write_table(table)
        self.rows += table.num_rows

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._writer is not None:
            self._writer.close()
