"""Downloads into the cache: checked by SHA-256, with progress, going on where an interrupted one stopped.

A file lies at `downloads/HOST/PATH` of the cache, as in its address. What lies there, also by hand, is used as it is.
"""

import fcntl
import logging
import os
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

from mdllm.core.errors import InputError
from mdllm.sources.checksums import checked

logger = logging.getLogger(__name__)
_TIMEOUT_S = 60
_CHUNK = 2**16


def cached_path(url: str, cache: Path) -> Path:
    """Where the cache holds the file of an address."""
    parts = urlsplit(url)
    folders = [unquote(part) for part in parts.path.split("/") if part not in ("", ".", "..")]
    return Path(cache, "downloads", parts.netloc.replace(":", "_"), *folders)


def download(url: str, cache: Path, sha256: str | None = None) -> Path:
    """The file of an address, from the cache or from its server.

    Args:
        sha256: what the file must have; None: what it had when it was first used.

    Raises:
        InputError: no network and nothing cached (says which file to put where), no such file, a wrong checksum.
    """
    path = cached_path(url, cache)
    if not path.is_file():
        _fetch(url, path)
    return checked(path, sha256)


def _fetch(url: str, path: Path) -> None:
    """Fetch `url` into `path`, by way of a partial file that outlives an interruption."""
    import requests  # here, since every job reads the settings of sources
    from pooch import HTTPDownloader

    path.parent.mkdir(parents=True, exist_ok=True)
    partial, version = (path.with_name(f"{path.name}.{ending}") for ending in ("part", "etag"))
    with open(partial, "ab") as file:
        _wait_for_others(file)
        if path.is_file():  # another job has fetched it
            return
        there = file.seek(0, os.SEEK_END) if version.is_file() else 0
        file.truncate(there)

        def note_version(answer, **_) -> None:
            if answer.status_code == 200:  # the whole file, whatever was asked for
                file.truncate(0)
                version.unlink(missing_ok=True)
                if answer.headers.get("ETag", "W/").startswith('"'):
                    version.write_text(answer.headers["ETag"])

        ask = {"Accept-Encoding": "identity"}  # parts are parts of the file, not of what a server makes of it
        ask |= {"Range": f"bytes={there}-", "If-Range": version.read_text()} if there else {}
        logger.info("fetching %s%s", url, f", from byte {there} on" if there else "")
        try:
            HTTPDownloader(
                progressbar=True,
                chunk_size=_CHUNK,
                timeout=_TIMEOUT_S,
                hooks={"response": note_version},
                headers=ask,
            )(url, file, None)
        except (requests.RequestException, OSError) as error:
            status = getattr(getattr(error, "response", None), "status_code", None)
            if status == 404:
                partial.unlink(missing_ok=True)
                raise InputError(f"{url}: the server has no such file; correct the config file") from error
            kept = f" {file.tell()} bytes are kept, and the next run goes on from there." if version.is_file() else ""
            raise InputError(
                f"{url} could not be fetched ({_reason(error)}).{kept} Without a network, fetch it on another machine "
                f"and put it at {path}"
            ) from error
        file.flush()
        partial.rename(path)  # as long as the lock is held: who waits for it must find the file
        version.unlink(missing_ok=True)


def _wait_for_others(file: IO[bytes]) -> None:
    """Hold a file until it is closed: jobs that want the same download take turns."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        logger.warning("%s cannot be locked (%s); let no other job fetch it at the same time", file.name, error)


def _reason(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
