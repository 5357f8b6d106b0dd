"""A small server on the loopback that stands for Google Drive, GitHub and their quotas, gaps and cut connections."""

import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

QUOTA_PAGE = (
    '<html><p class="uc-error-subcaption">Too many users have viewed or downloaded this file recently.</p></html>'
)
CONFIRMATION = (  # one line, as Drive's
    '<!DOCTYPE html><html><form id="download-form" action="https://drive.usercontent.google.com/download">'
    '<input type="hidden" name="id" value="{id}"><input type="hidden" name="confirm" value="t"></form></html>'
)
BLOCK = 1 << 16  # bytes that are sent at once


class DownloadServer:
    """Serves ``files`` by Drive id or path.

    Attributes:
        files: contents by Google Drive id, or by path on another host.
        pages: web pages with status 200 instead of files, by Drive id.
        statuses: status codes of the next answers, in order; empty: serve what is asked for.
        cuts: bytes after which the next connections are cut, in order.
        requests: paths asked for.
        ranges: first byte of each request for a file, None for all of it.
        has_ranges: whether it can serve a file from the middle on.
        pause: seconds between blocks.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.pages: dict[str, str] = {}
        self.statuses: list[int] = []
        self.cuts: list[int] = []
        self.requests: list[str] = []
        self.ranges: list[int | None] = []
        self.has_ranges = True
        self.pause = 0.0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"world": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def address(self, original: str) -> str:
        """Return the address at which this server serves what lies at the original one."""
        parts = urlsplit(original)
        return f"http://127.0.0.1:{self._server.server_port}{parts.path}?{parts.query}"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    world: DownloadServer

    def do_GET(self) -> None:
        parts, world = urlsplit(self.path), self.world
        world.requests.append(parts.path)
        name = parse_qs(parts.query).get("id", [parts.path])[0]
        if world.statuses and (status := world.statuses.pop(0)) != 200:
            self._send(status, b"<html>sorry</html>", {"Content-Type": "text/html"})
        elif name in world.pages:
            self._send(200, world.pages[name].encode(), {"Content-Type": "text/html; charset=utf-8"})
        elif name not in world.files:
            self._send(404, b"<html>not found</html>", {"Content-Type": "text/html"})
        elif parts.path == "/uc":
            self._send(200, CONFIRMATION.format(id=name).encode(), {"Content-Type": "text/html; charset=utf-8"})
        else:
            self._send_file(world.files[name])

    def _send_file(self, content: bytes) -> None:
        world, start = self.world, None
        if (asked := self.headers.get("Range")) and world.has_ranges:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        world.ranges.append(start)
        headers = {"Content-Type": "application/octet-stream", "Content-Disposition": 'attachment; filename="f"'}
        if start is not None:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._send(
            200 if start is None else 206, content[start or 0 :], headers, world.cuts.pop(0) if world.cuts else None
        )

    def _send(self, status: int, content: bytes, headers: dict[str, str], cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with suppress(ConnectionError):  # who asked may have been killed
            for start in range(0, len(content[:cut]), BLOCK):
                self.wfile.write(content[:cut][start : start + BLOCK])
                if self.world.pause:
                    time.sleep(self.world.pause)

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


def release(*names: str, **digests: str) -> bytes:
    """Make the answer of GitHub's API about a release with these files."""
    assets = [
        {"name": name, "browser_download_url": f"https://github.com/files/{name}", "digest": digests.get(name)}
        for name in names
    ]
    return json.dumps({"assets": assets}).encode()
