"""What a running stage shows of itself: a small file beside its log, renewed every few seconds, removed at its end.

`mdllm status` reads it, on any computer that sees the folder. How far a stage is comes from the progress bar (tqdm)
that it shows just then. A stage that was killed leaves its file, whose process is gone, or whose age says so.
"""

import os
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tqdm import tqdm

from mdllm.core.records import read_json, write_json

ENDING = ".running.json"
_EVERY_S = 3.0
_ENDED = ("Z", "X")  # killed, and not yet taken note of by the process that started it
_LOST = timedelta(minutes=5)  # on another computer, whose clock may differ


@dataclass(frozen=True)
class Progress:
    """A stage as it was a moment ago.

    Attributes:
        started, updated: ISO 8601, UTC.
        job: number of the SLURM job.
        what, done, total, unit, seconds_left: of its progress bar, where it shows one.
    """

    stage: str
    started: str
    updated: str
    host: str
    process: int
    job: str | None = None
    what: str | None = None
    done: float | None = None
    total: float | None = None
    unit: str | None = None
    seconds_left: float | None = None

    @classmethod
    def read(cls, path: Path) -> "Progress | None":
        """What a file says; None where the stage has ended meanwhile."""
        try:
            return cls(**read_json(path))
        except FileNotFoundError:
            return None

    @property
    def age(self) -> timedelta:
        """Since it was renewed."""
        return datetime.now(UTC) - datetime.fromisoformat(self.updated)

    @property
    def elapsed(self) -> timedelta:
        """From its start to when it was renewed."""
        return datetime.fromisoformat(self.updated) - datetime.fromisoformat(self.started)

    @property
    def alive(self) -> bool:
        """Whether the stage still runs, as far as can be seen from here."""
        if self.host != platform.node() or not Path("/proc/self").exists():
            return self.age < _LOST
        try:
            state = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return False
        return state not in _ENDED

    @property
    def share(self) -> float | None:
        """Part of its progress bar that is done."""
        return self.done / self.total if self.total else None


@contextmanager
def shown(path: Path, stage: str) -> Iterator[None]:
    """Within the context, `path` says how far the stage is."""
    started, over = _now(), threading.Event()
    path.parent.mkdir(parents=True, exist_ok=True)

    def renew() -> None:
        about = {"stage": stage, "started": started, "updated": _now(), "host": platform.node(), "process": os.getpid()}
        bar = {} if over.is_set() else _bar()
        write_json(path, asdict(Progress(**about, job=os.environ.get("SLURM_JOB_ID"), **bar)))

    def keep_renewing() -> None:
        while not over.wait(_EVERY_S):
            try:
                renew()
            except OSError:  # a full disk, or one that is gone, which the stage itself will say
                return

    renew()
    thread = threading.Thread(target=keep_renewing, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        path.unlink(missing_ok=True)


def _bar() -> dict:
    """Where the progress bar is that was begun last."""
    bars = [bar for bar in list(getattr(tqdm, "_instances", ())) if bar.total]
    if not bars:
        return {}
    bar = max(bars, key=lambda bar: bar.start_t if hasattr(bar, "start_t") else 0)
    state = bar.format_dict
    made = state["n"] - state["initial"]
    left = (state["total"] - state["n"]) * state["elapsed"] / made if made > 0 else None
    return {
        "what": (state["prefix"] or "").removesuffix(": ") or None,
        "done": float(state["n"]),
        "total": float(state["total"]),
        "unit": state["unit"],
        "seconds_left": left,
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
