"""State numbers of a series, read and checked, as the table of prepared frames."""

import gzip
import logging
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd

from mdllm.config.settings.system import Observables
from mdllm.core.errors import InputError
from mdllm.observables.collective_variables import column
from mdllm.observables.states import States
from mdllm.prepare.times import UNKNOWN
from mdllm.sources.series import SeriesSource

logger = logging.getLogger(__name__)
_ENDINGS = {".npy": "npy", ".csv": "csv"}
_MOST = np.iinfo(np.int32).max


def series_frames(
    files: list[Path], source: SeriesSource, interval_ps: float | str, observables: Observables
) -> pd.DataFrame:
    """The table `frames.parquet`: frame, time_ps, segment, state, and the variable of type number.

    Args:
        files: each is a trajectory. Frames with the number `source.unassigned` are left out, and it is cut there.
        interval_ps: time between frames; UNKNOWN: times are NaN.
        observables: names the variable, and the states as ranges of numbers.

    Frames are counted over all files, those that are left out as well, and so are times.

    Raises:
        InputError: there is not one variable of type number, no frame is left, or what `read_series` refuses.
    """
    if len(observables.collective_variables) != 1:
        raise InputError("collective_variables: a series has one, of type number")
    (key, cv), *_ = observables.collective_variables.items()
    numbers, unassigned = [read_series(path, source) for path in files], source.unassigned
    values, file = np.concatenate(numbers), np.repeat(np.arange(len(numbers)), list(map(len, numbers)))
    frame = np.flatnonzero(values != unassigned)
    if not len(frame):
        raise InputError(f"source.unassigned: all {len(values)} frames have the number {unassigned}; none is left")
    if left_out := len(values) - len(frame):
        logger.warning(
            "frames in no state (number %d) are left out, and trajectories cut there: %d", unassigned, left_out
        )
    cut = (np.diff(frame) != 1) | (np.diff(file[frame]) != 0)
    known = {column(key, cv): values[frame].astype(np.float64)}
    return pd.DataFrame(
        {
            "frame": frame,
            "time_ps": np.full(len(frame), np.nan) if interval_ps == UNKNOWN else interval_ps * frame,
            "segment": np.r_[0, np.cumsum(cut)].astype(np.int32),
            "state": States(observables.states, observables.collective_variables).label(known),
            **known,
        }
    )


def read_series(path: Path, source: SeriesSource) -> np.ndarray:
    """State numbers (F,), int64, of one file.

    Whole numbers that are written as floats (1.000e+00, as numpy.savetxt does) are taken as what they are.

    Raises:
        InputError: an empty file, several columns where none is named, complex numbers, a word, a frame without a
            number or with one that is negative, not whole, or beyond 2^31 - 1; names file and frame.
    """
    given = _column(path, source)
    if not len(given):
        raise InputError(f"{path} holds no frame")
    if np.issubdtype(given.dtype, np.complexfloating):
        raise InputError(f"{path} holds complex numbers, and so no states")
    values, words = given, np.zeros(len(given), bool)
    if not np.issubdtype(given.dtype, np.number):
        values = np.asarray(pd.to_numeric(pd.Series(given), errors="coerce"))
        words = np.array([isinstance(value, str) and value.strip().lower() not in ("", "nan") for value in given])
    with np.errstate(invalid="ignore"):
        missing = ~np.isfinite(values)
        broken = ~missing & (values != np.round(values))
        outside = ~missing & ((values < 0) | (values > _MOST)) & (values != source.unassigned)
    for wrong, what in (
        (words & missing, "{value!r} is no number; where it is the head of a column, name it in source.column, and "
         "where commas stand between columns say source.format: csv"),
        (missing, "there is no number: a gap. Write a number that stands for no state there, and name it in "
         "source.unassigned, so that the trajectory is cut; or give its parts as files of their own"),
        (broken, "{value!r} is no whole number, and so no state; discretize first, or choose another source.column"),
        (outside, f"{{value:.0f}} is no number of a state, which are 0 to {_MOST}; where it stands for frames in no "
         "state, name it in source.unassigned"),
    ):  # fmt: skip
        frames = np.flatnonzero(wrong)
        if len(frames):
            said = what.format(value=(given if words[frames[0]] else values).tolist()[frames[0]])
            raise InputError(f"{path}, frame {frames[0]} (counted from 0; {len(frames)} alike): {said}")
    if not np.issubdtype(values.dtype, np.integer):
        logger.info("%s: whole numbers written as floats", path)
    return values.astype(np.int64)


def _column(path: Path, source: SeriesSource) -> np.ndarray:
    """Values (F,) of the column that the source names, or of the only one."""
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    kind = source.format or _ENDINGS.get(suffix, "text")
    try:
        with _opened(path) as stream:
            table = _READERS[kind](stream, source)
    except (ValueError, OSError, EOFError) as error:  # whatever numpy, pandas and gzip make of another kind of file
        why = str(error).strip().splitlines()[0]
        raise InputError(f"{path} cannot be read as {kind}: {why}; check the file, or say source.format") from error
    if isinstance(source.column, str) or (source.column is None and table.shape[1] == 1):
        names = list(table.columns)
        name = names[0] if source.column is None else source.column
        if name not in names:
            raise InputError(f"{path}: source.column: there is no '{name}', but {', '.join(map(str, names))}")
        return table[name].to_numpy()
    if source.column is None and table.shape[1]:
        raise InputError(f"{path} has {table.shape[1]} columns; say in source.column which holds the state")
    if source.column is not None and source.column >= table.shape[1] > 0:
        raise InputError(f"{path} has {table.shape[1]} columns, of which source.column: {source.column} is none")
    return table.iloc[:, source.column or 0].to_numpy() if table.shape[1] else np.empty(0)


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.suffix == ".gz" else open(path, "rb")


def _read_text(stream: IO[bytes], source: SeriesSource) -> pd.DataFrame:
    return _read(stream, sep=r"\s+", header=None, comment="#")


def _read_csv(stream: IO[bytes], source: SeriesSource) -> pd.DataFrame:
    return _read(stream, header=0 if isinstance(source.column, str) else None, comment="#")


def _read(stream: IO[bytes], **how) -> pd.DataFrame:
    """A table in which an empty line between others is a frame without a number."""
    try:
        table = pd.read_csv(
            stream, skip_blank_lines=False, skipinitialspace=True, keep_default_na=False, na_values=[""], **how
        )
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    return table.iloc[: 1 + max(np.flatnonzero(table.notna().any(axis=1)), default=-1)]


def _read_npy(stream: IO[bytes], source: SeriesSource) -> pd.DataFrame:
    array = np.lib.format.read_array(stream, allow_pickle=False)
    if array.ndim not in (1, 2):
        raise ValueError(f"an array of {array.ndim} dimensions; frames are one")
    return pd.DataFrame(array)


_READERS = {"text": _read_text, "csv": _read_csv, "npy": _read_npy}
