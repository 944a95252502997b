"""Raw frames of any number of files in chunks of flat memory, with time and segment, and the table they end up in."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mdllm.core.errors import InputError
from mdllm.molecules.reading import apart, open_raw
from mdllm.prepare.read import AtomsOfInterest, Frames, read_chunks
from mdllm.prepare.times import Clock

logger = logging.getLogger(__name__)
_SAME_NM = 0.003  # the last frame of one file and the first of the next are one, if no atom is farther away


@dataclass
class Tally:
    """Frames that were left out or mended, for the log and the provenance record."""

    frames_damaged: int = 0
    frames_without_positions: int = 0
    frames_repeated: int = 0
    frames_made_whole: int = 0
    frames_with_moved_fragments: int = 0

    def add(self, part: Frames) -> None:
        self.frames_without_positions += part.without_positions
        self.frames_made_whole += part.made_whole
        self.frames_with_moved_fragments += part.moved

    def leave_out(self, reason: str, skip_damaged: bool) -> None:
        """Count a damaged frame; raises InputError where it is not to be skipped."""
        if not skip_damaged:
            raise InputError(f"{reason}. Or leave such frames out: `skip_damaged: true` in the system file")
        logger.warning("%s; left out", reason)
        self.frames_damaged += 1

    def counts(self) -> dict[str, int]:
        """Those that are not zero."""
        return {key: value for key, value in vars(self).items() if value}

    def described(self) -> list[str]:
        words = {
            "frames_damaged": "damaged frames left out",
            "frames_without_positions": "frames without positions left out",
            "frames_repeated": "repeated frames left out",
            "frames_made_whole": "frames in which molecules cut by the periodic box were made whole",
            "frames_with_moved_fragments": "frames in which fragments were moved to the image nearest to the others",
        }
        return [f"{words[key]}: {value}" for key, value in self.counts().items()]


def raw_chunks(
    sources: dict,
    atoms: AtomsOfInterest,
    stride: int,
    frame_interval_ps: float | str | None,
    progress,
    skip_damaged: bool = False,
    tally: Tally | None = None,
    ranges: Sequence[tuple[int, int]] | None = None,
) -> Iterator[dict[str, np.ndarray]]:
    """Chunks {frame (F,), time_ps (F,), segment (F,), coordinates (F, ..., 3) in nm} over all files in order.

    Args:
        frame_interval_ps: as of `Clock`.
        skip_damaged: leave damaged frames out, each of which ends a segment; else they are errors.
        tally: is told what was left out or mended.
        ranges: first and last numbers of the frames that are kept, over all files; None: all are. What is left out ends
            a segment.

    Raises:
        InputError: names file and frame; or a range ends after the last frame.
    """
    total = sum(source["frames"] for source in sources["trajectories"])
    for first, last in ranges or ():
        if last >= total:
            raise InputError(f"prepare.frames: range [{first}, {last}], but raw frames end with {total - 1}")
    tally, clock = tally or Tally(), Clock(frame_interval_ps)
    first_frame, before = 0, None
    for source in sources["trajectories"]:
        path = Path(source["path"])
        universe = open_listed(sources["topology"], source)
        trajectory = universe.trajectory
        clock.open(trajectory, str(path))
        repeated = _repeated(before, trajectory, atoms, clock.reads_times)
        if repeated:
            logger.warning("%s: frames that repeat the last ones of the file before are left out: %d", path, repeated)
            tally.frames_repeated += repeated
        read = 0
        for part in read_chunks(universe, source, atoms, stride, first_frame):
            read += part.read
            progress.update(part.read)
            tally.add(part)
            if part.unreadable:
                tally.leave_out(part.unreadable, skip_damaged)
                clock.gap()
            damage = {found.frame: found for found in part.damage}
            rows = []
            for row, number in enumerate(part.number):
                place = f"{path}, frame {number}"
                if row in damage and number >= repeated:
                    tally.leave_out(damage[row].at(place), skip_damaged)
                    clock.gap()
                elif number >= repeated:
                    frame = first_frame + int(number)
                    if ranges is not None and not any(first <= frame <= last for first, last in ranges):
                        clock.gap()
                        continue
                    time = clock.tick(frame - tally.frames_repeated, float(part.time_ps[row]), place)
                    rows.append((row, frame, *time))
            if rows:
                kept, frames, times, segments = zip(*rows, strict=True)
                yield {
                    "frame": np.array(frames, np.int64),
                    "time_ps": np.array(times, np.float64),
                    "segment": np.array(segments, np.int32),
                    "coordinates": part.coordinates[list(kept)],
                }
        if read != source["frames"]:
            raise InputError(f"{path} ends after {read} of {source['frames']} frames; it is truncated or has changed")
        first_frame += read
        before = trajectory
    for line in tally.described():
        logger.log(logging.WARNING if "left out" in line else logging.INFO, "%s", line)


def open_listed(topology: dict, trajectory: dict) -> mda.Universe:
    """The universe of files as `mdllm.sources.acquire.acquire` lists them."""
    return open_raw(Path(topology["path"]), Path(trajectory["path"]), topology.get("format"), trajectory.get("format"))


def raw_frames(sources: dict, frames: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray | None]]:
    """Number, positions (A, 3) in ångström and box of raw frames, by their numbers over all files; in that order.

    Raises:
        InputError: a file has changed since it was listed.
    """
    first = 0
    for file in sources["trajectories"]:
        inside = sorted({int(frame) for frame in frames if first <= frame < first + file["frames"]})
        if inside:
            universe = open_listed(sources["topology"], file)
            trajectory = universe.trajectory
            if len(trajectory) != file["frames"]:
                raise InputError(f"{file['path']} has {len(trajectory)} frames, not {file['frames']}; list it anew")
            steps = partial(map, trajectory.__getitem__, [frame - first for frame in inside])
            read = apart(universe, Path(file["path"]), file.get("format"), steps)
            for frame, step in zip(inside, read, strict=True):
                yield frame, np.array(step.positions), step.dimensions
        first += file["frames"]


def _repeated(before, trajectory, atoms: AtomsOfInterest, has_times: bool) -> int:
    """How many frames at the start of a trajectory are the last ones of the one before, by time and coordinates."""
    if before is None:
        return 0
    first, count = _shape(trajectory[0], atoms), 1
    if has_times and len(trajectory) > 1:
        start, interval = trajectory[0].time, trajectory[1].time - trajectory[0].time
        behind = before[len(before) - 1].time - start
        count += max(0, round(behind / interval)) if interval > 0 else 0
    if count > min(len(before), len(trajectory) - 1) or first is None:
        return 0
    other = _shape(before[len(before) - count], atoms)
    return count if other is not None and np.abs(first - other).max() <= _SAME_NM else 0


def _shape(ts, atoms: AtomsOfInterest) -> np.ndarray | None:
    """Coordinates (..., 3) in nm about their centre; None where the frame has none."""
    if not ts.has_positions:
        return None
    points = atoms.cut(ts.positions, ts.dimensions).reshape(-1, 3)
    return points - points.mean(0)


def frame_interval(frames: pd.DataFrame) -> float:
    """Mean time in ps between neighbouring frames of one segment of the table `frames.parquet`; NaN: unknown, or of
    structures, none of which follows another and none of which has a time.

    Raises:
        InputError: no frame follows another, though they have times.
    """
    by_segment = frames.groupby("segment", sort=False)["time_ps"]
    steps = int((by_segment.size() - 1).sum())
    if not steps and frames["time_ps"].isna().all():
        return float("nan")
    if not steps:
        raise InputError(
            f"the prepared trajectory has {len(frames)} frame(s), none of which follows another in time, so nothing "
            "can be learned of the time between frames; give trajectories of at least two frames, or a smaller "
            "prepare.stride"
        )
    return float((by_segment.last() - by_segment.first()).sum(skipna=False) / steps)


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
