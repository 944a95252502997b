"""Files of the cache that nobody has given a checksum for: it is recorded when they are first used.

Beside such a file lies its SHA-256, in a file that `sha256sum --check` reads.
"""

import logging
import os
from pathlib import Path

from mdllm.core.errors import InputError
from mdllm.core.records import replacing, sha256

logger = logging.getLogger(__name__)


def unchanged(path: Path) -> Path:
    """`path`, after a check that it is what it was when it was first used.

    Raises:
        InputError: it is not.
    """
    record, found = _record(path), sha256(path)
    if record.is_file():
        known = recorded(path)
        if known != found:
            raise InputError(
                f"{path} is not what it was when it was first used: its SHA-256 is {found}, and {record} says {known}. "
                "Delete both files to fetch it again, or the latter alone if the change is meant"
            )
    elif os.access(path.parent, os.W_OK):
        with replacing(record) as partial:
            partial.write_text(f"{found}  {path.name}\n")
    else:
        logger.warning("%s cannot be written to, so that a later change of %s is not noticed", path.parent, path.name)
    return path


def recorded(path: Path) -> str:
    """The SHA-256 of a file of the cache as it was when it was first used; of now where nothing could be recorded."""
    record = _record(path)
    return record.read_text().partition(" ")[0] if record.is_file() else sha256(path)


def _record(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def checked(path: Path, expected: str | None) -> Path:
    """`path`, after a check of its SHA-256; without one that is expected, of the one at its first use.

    Raises:
        InputError: the checksum is another.
    """
    if expected is None:
        return unchanged(path)
    found = sha256(path)
    if found != expected:
        raise InputError(
            f"{path}: SHA-256 is {found}, but the config file says {expected}; delete the file to fetch it again, or "
            "correct the config file"
        )
    return path
