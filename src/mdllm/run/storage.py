"""File systems that fail under a stage: full, not to be written to, or gone. Said in words, with what to do."""

import errno
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

# Libraries may hide the reason of a failed write (torch does), and a file system with less left than this is full.
_LEAST_FREE = 1_000_000
_FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up"}
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
_GONE = (errno.ESTALE, errno.ENOTCONN, errno.EIO, errno.EHOSTDOWN, errno.EREMOTEIO)
_AGAIN = "and give the same command again: what is finished is kept, and the rest goes on from there"


def explain(error: BaseException, places: Sequence[Path]) -> str | None:
    """What is wrong with a file system and what to do, if that is why `error` was raised; else None.

    Args:
        places: folders that the stage writes to, those whose lack of space explains an error without a reason.
    """
    causes = list(_causes(error))
    for cause in causes:
        number = _number(cause)
        path = Path(os.fsdecode(cause.filename)) if getattr(cause, "filename", None) else None
        if number in _FULL:
            return _full(path or _fullest(places), _FULL[number])
        if number in _DENIED and path is not None:
            return (
                f"{path}: {os.strerror(number)}. Let this user (id {os.getuid()}) read and write there, or run in a "
                f"folder where that is so, {_AGAIN}"
            )
    fullest = _fullest(places)
    if _usage(fullest).free < _LEAST_FREE:
        return _full(fullest, _FULL[errno.ENOSPC])
    for cause in causes:
        if _number(cause) in _GONE:
            where = getattr(cause, "filename", None) or f"a file of this stage, which writes to {places[0]}"
            return (
                f"{where}: {os.strerror(_number(cause))}: its file system fails or is gone. See that it is back (`df "
                f"{places[0]}`), {_AGAIN}"
            )
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and what it was raised from or because of."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _number(error: BaseException) -> int | None:
    """The number of an OSError; of another library's error, that of a full disk if its text says so."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    return next((number for number in _FULL if os.strerror(number) in str(error)), None)


def _full(path: Path, what: str) -> str:
    usage = _usage(path)
    space = f"{usage.free / 1e6:.1f} of {usage.total / 1e6:.1f} MB are free there"
    return f"{what}: {path.absolute()} could not be written, and {space}. Make room, {_AGAIN}"


def _fullest(places: Sequence[Path]) -> Path:
    """The place with the least space, that for temporary files among them; those that do not answer come last."""

    def free(place: Path) -> float:
        try:
            return _usage(place).free
        except OSError:
            return math.inf

    return min([*places, Path(tempfile.gettempdir())], key=free)


def _usage(path: Path):
    """Of the file system on which `path` is, or would be."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path)
