"""A page of this machine that shows pictures as they are made: MJPEG over HTTP."""

import secrets
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

QUALITY = 80  # percent, for the JPEGs
WAIT = 0.5  # seconds after which a waiting watcher looks whether the page was closed
BOUNDARY = 2 * "-" + "picture"
PAGE = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Live overlay</title>
<style>body{margin:0;background:#111;display:grid;place-items:center;height:100vh}
img{max-width:100vw;max-height:100vh}</style></head>
<body><img src="stream" alt="The video with its objects in colours"></body></html>
"""


class LivePage:
    """Show pictures on a page; a context manager that closes it.

    The page is served to this machine only, and its address holds a secret, so that neither other people of the machine
    nor the pages of others find it.

    Attributes:
        address: where a browser finds it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._picture, self._number, self._is_closed = b"", 0, False
        secret = secrets.token_urlsafe(16)

        class Handler(BaseHTTPRequestHandler):
            """Answer a browser."""

            def do_GET(handler) -> None:  # noqa: N802, N805 (the library's name; ``self`` is the page)
                if handler.path == f"/{secret}/":
                    _send_head(handler, "text/html; charset=utf-8")
                    handler.wfile.write(PAGE)
                elif handler.path == f"/{secret}/stream":
                    _send_head(handler, "multipart/x-mixed-replace; boundary=picture")
                    self._send_pictures(handler)
                else:
                    handler.send_error(HTTPStatus.NOT_FOUND)

            def log_message(handler, *_) -> None:  # noqa: N805
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}/{secret}/"

    def __enter__(self) -> "LivePage":
        threading.Thread(target=self._server.serve_forever, name="live page", daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def show(self, image: np.ndarray) -> None:
        """Show a picture ``[H,W,3]`` uint8 RGB in the place of the last one; watchers that are slow miss some."""
        _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        with self._changed:
            self._picture, self._number = jpeg.tobytes(), self._number + 1
            self._changed.notify_all()

    def _send_pictures(self, handler: BaseHTTPRequestHandler) -> None:
        """Send a watcher each picture, until it leaves or the page is closed."""
        shown = 0
        try:
            while (number := self._wait_beyond(shown)) is not None:
                shown, picture = number, self._picture
                head = f"{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                handler.wfile.write(head.encode() + picture + b"\r\n")
            handler.wfile.write(f"{BOUNDARY}--\r\n".encode())
        except OSError:  # the watcher left
            handler.close_connection = True

    def _wait_beyond(self, shown: int) -> int | None:
        """Wait for a picture behind the ``shown``-th: its number, or None once the page is closed."""
        with self._changed:
            while self._number == shown and not self._is_closed:
                self._changed.wait(WAIT)
            return None if self._number == shown else self._number


def _send_head(handler: BaseHTTPRequestHandler, content_type: str) -> None:
    handler.send_response(HTTPStatus.OK)
    handler.send_header("Content-Type", content_type)
    handler.send_header("Cache-Control", "no-store")
    handler.send_header("Connection", "close")
    handler.end_headers()
