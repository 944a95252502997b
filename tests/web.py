"""A web server on this machine that sends parts of files, says their version, and can be cut off."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOWHERE = "http://127.0.0.1:9"  # nothing listens there: a computer without a network


class Web:
    """Serves `folder` at `address`.

    Attributes:
        asked: the Range of every request, or None; answered: the status of every answer.
        cut_after: bytes of a body after which the connection breaks; None: never.
        ranges: whether parts are sent; otherwise the whole file, whatever was asked for.
    """

    def __init__(self, folder: Path):
        self.folder, self.address = folder, ""
        self.asked: list[str | None] = []
        self.answered: list[int] = []
        self.cut_after: int | None = None
        self.ranges = True

    def put(self, path: str, content: bytes) -> str:
        """Put a file there; returns its address."""
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_bytes(content)
        return f"{self.address}/{path}"


@contextmanager
def serving(folder: Path) -> Iterator[Web]:
    web = Web(folder)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            file = folder / self.path.lstrip("/")
            web.asked.append(self.headers["Range"])
            if not file.is_file():
                self.send_error(404)
                return
            content = file.read_bytes()
            version = f'"{hashlib.md5(content).hexdigest()}"'
            first = 0
            if web.ranges and self.headers["Range"] and self.headers["If-Range"] == version:
                first = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            web.answered.append(206 if first else 200)
            self.send_response(web.answered[-1])
            self.send_header("ETag", version)
            self.send_header("Content-Length", str(len(content) - first))
            self.end_headers()
            self.wfile.write(content[first:][: web.cut_after])
            self.close_connection = True

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        web.address = f"http://127.0.0.1:{listening.server_port}"
        yield web
        listening.shutdown()
