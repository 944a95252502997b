"""The frame around every stage: log, seeds, work folder, clear errors, and a provenance record.

A stage script calls ``with stage(...)`` around the library call. An `InputError`, or a file system that fails, ends the
stage with a message and no traceback; the provenance record is written only when the stage has succeeded.
"""

import contextlib
import functools
import importlib.metadata
import logging
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mdllm.config.choices import implementations
from mdllm.core.errors import InputError
from mdllm.core.records import digest, sha256, write_json
from mdllm.run.code import code_digest, imported_by
from mdllm.run.progress import ENDING, shown
from mdllm.run.storage import explain

logger = logging.getLogger(__name__)

_LIBRARIES = (
    "numpy",
    "MDAnalysis",
    "torch",
    "transformers",
    "peft",
    "pandas",
    "pydantic",
    "snakemake",
    "openmm",
    "pdbfixer",
)


@dataclass
class Stage:
    """What a running stage may ask for, and where it adds to its provenance record."""

    name: str
    settings: dict
    inputs: dict[str, str]
    code: str
    work_root: Path
    notes: dict = field(default_factory=dict)

    def work_folder(self) -> Path:
        """A folder for checkpoints that outlives a killed run and belongs to exactly these settings, inputs, code."""
        return self.work_root / f"{self.name}-{digest([self.settings, self.inputs, self.code])}"

    def note(self, **values) -> None:
        self.notes.update(values)


def _ending_in_words(frame: Callable) -> Callable:
    """End the process with a message and status 1 where the user can mend what went wrong; tell any other error."""

    @contextmanager
    @functools.wraps(frame)
    def stage(name: str, **arguments) -> Iterator[Stage]:
        folder = Path(arguments["output"]).parent
        try:
            with frame(name, **arguments) as running:
                yield running
        except InputError as error:
            logger.error("%s: %s", name, error)
            sys.exit(1)
        except Exception as error:
            explanation = explain(error, [folder, Path(arguments["log"]).parent])
            if explanation is None:
                logger.exception("%s: this is a defect of mdllm, please report it", name)
                raise
            logger.error("%s: %s", name, explanation)
            sys.exit(1)

    return stage


@_ending_in_words
@contextmanager
def stage(
    name: str,
    *,
    output: Path,
    log: Path,
    settings: dict,
    inputs: dict[str, Path],
    device: str = "cpu",
    process: int | None = None,
    code: str | None = None,
    loads: Iterable[str] = (),
) -> Iterator[Stage]:
    """Run the body as the stage `name`.

    Args:
        output: path of the provenance record; checkpoints live in `.work/` beside its folder.
        log: log file; messages go to standard error as well.
        settings: the config slice that the stage reads, seed included.
        inputs: named input files; their SHA-256 is recorded.
        device: where the stage computes, for the record; a body may correct it with ``note(device=...)``.
        process: number of this process where several run the stage together: all add to the log, the others only what
            goes wrong; the first alone removes the work folder and writes the record. None: it runs alone.
        code: the module of mdllm whose digest, with all that it imports, is the code of this stage; None: the modules
            that the calling file imports. What the settings choose by name counts as well.
        loads: further modules that the body loads by name.
    """
    own = [code] if code else imported_by(_calling_file())
    modules = sorted({*own, *implementations(settings), *loads})
    _log_to(Path(log), process)
    started = time.time()
    checksums = {key: sha256(path) for key, path in sorted(inputs.items())}
    running = Stage(name, settings, checksums, code_digest(*modules), Path(output).parent.parent / ".work")
    with shown(Path(log).with_suffix(ENDING), name) if not process else contextlib.nullcontext():
        yield running
    if process:
        return
    for leftover in running.work_root.glob(f"{name}-*"):
        shutil.rmtree(leftover)
    record = {
        "stage": name,
        "settings": settings,
        "inputs_sha256": checksums,
        "versions": {"python": platform.python_version(), **_versions()},
        "code": running.code,
        "code_of": modules,
        "git_commit": _git("rev-parse", "HEAD"),
        "git_clean": _git_clean(),
        "device": device,
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="milliseconds"),
        "wall_time_s": round(time.time() - started, 3),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        **running.notes,
    }
    write_json(output, record)


class _LogFile(logging.FileHandler):
    """A log that a full disk cuts short: what it would have said goes to standard error as well."""

    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def _calling_file() -> Path:
    """The file that has called `stage`: the first outside of this one and of the context managers around it."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename in (__file__, contextlib.__file__):
        frame = frame.f_back
    return Path(frame.f_code.co_filename)


def _log_to(path: Path, process: int | None) -> None:
    sender = f"process {process}: " if process else ""
    logging.basicConfig(
        level=logging.ERROR if process else logging.WARNING,  # other libraries report every small step at INFO
        format=f"%(asctime)s %(levelname)s {sender}%(message)s",
        stream=sys.stderr,
        force=True,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    file = _LogFile(path, mode="w" if process is None else "a")
    file.setFormatter(logging.getLogger().handlers[0].formatter)
    logging.getLogger().addHandler(file)
    logging.captureWarnings(True)
    logging.getLogger("mdllm").setLevel(logging.ERROR if process else logging.INFO)


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _git(*arguments: str) -> str | None:
    """What git says of the checkout that this library lies in; None for an installed library or an archive."""
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists() or shutil.which("git") is None:
        return None
    result = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True)
    return result.stdout.strip() if result.returncode == 0 else None


def _git_clean() -> bool | None:
    """Whether the code of the checkout is that of its commit, with nothing changed or added; None: no checkout."""
    changes = _git("status", "--porcelain", "--", "src", "workflow")
    return None if changes is None else not changes
