"""Chromium for tests of pages: offline, without a display, WebGL in software."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
PATIENCE_MS = 120_000


@contextmanager
def chromium() -> Iterator:
    """A running browser; skips where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright (requirements.txt)")
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip("needs Chromium; Debian: apt-get install --no-install-recommends chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_OPTIONS))
        yield browser
        browser.close()


class Opened:
    """A page opened from the file system, with what it complained of and what it asked for.

    Attributes:
        complaints: warnings and errors of the console, and exceptions.
        requests: addresses other than the file's own and data inside it.
    """

    def __init__(self, browser, path, width: int = 1400, scheme: str = "light"):
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.complaints, self.requests = [], []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._see)
        self.page.goto(path.as_uri())

    def _hear(self, message) -> None:
        if message.type in ("warning", "error"):
            self.complaints.append(message.text)

    def _see(self, request) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.requests.append(request.url)

    def drawn(self) -> "Opened":
        """When every chart of the shown variant is drawn, and the structures of its chosen frame."""
        self.page.evaluate("mdllmPage.drawing")
        return self
