"""Preemption: SIGTERM asks for a checkpoint at the next step and a clean exit; clusters send it before they kill."""

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)

EXIT_CODE = 128 + signal.SIGTERM


class Preemption:
    """Whether SIGTERM has arrived; the loop asks at each step."""

    def __init__(self):
        self.requested = False

    def _handle(self, number, stack):
        self.requested = True

    def leave(self, where: str) -> None:
        """End the process with `EXIT_CODE`, after the checkpoint has been written."""
        logger.warning("stopped by SIGTERM at %s; the same command continues from there", where)
        raise SystemExit(EXIT_CODE)


@contextmanager
def watch_for_preemption() -> Iterator[Preemption]:
    """Within the context SIGTERM only sets `requested`; afterwards it acts as before."""
    preemption = Preemption()
    previous = signal.signal(signal.SIGTERM, preemption._handle)
    try:
        yield preemption
    finally:
        signal.signal(signal.SIGTERM, previous)
