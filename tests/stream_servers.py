"""Streams on the loopback: files sent in real time or at once, over HTTP and RTSP, and through pipes."""

import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from tests.videos import picture, write_video

TS_PACKET = 188  # bytes
SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=clip\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
SDP += "m=video 0 RTP/AVP 33\r\na=control:track0\r\n"


def images(number: int = 12) -> list[np.ndarray]:
    return [picture(index) for index in range(number)]


def clip(folder: Path, suffix: str = ".mkv", number: int = 12) -> Path:
    """Write a clip at 10 frames per second."""
    return write_video(folder / f"clip{suffix}", images(number))


class Sender:
    """Bytes to send: a share of a file, in parts over a time; then the connection is closed, or stays silent."""

    def __init__(self, path: Path, *, share: float = 1.0, seconds: float = 0.0, then_silent: float = 0.0) -> None:
        self.content = path.read_bytes()
        self.num_sent, self.seconds, self.then_silent = int(share * len(self.content)), seconds, then_silent

    def send(self, write: Callable[[bytes], object]) -> None:
        parts = 20 if self.seconds else 1
        bounds = [index * self.num_sent // parts for index in range(parts + 1)]
        with suppress(OSError, ValueError):  # the reader left
            for start, end in zip(bounds, bounds[1:]):
                write(self.content[start:end])
                time.sleep(self.seconds / parts)
            time.sleep(self.then_silent)


@contextmanager
def piped(sender: Sender) -> Iterator[int]:
    """Give the end of a pipe to read from."""
    end, start = os.pipe()

    def send() -> None:
        with os.fdopen(start, "wb", buffering=0) as file:
            sender.send(file.write)

    threading.Thread(target=send, daemon=True).start()
    yield end
    os.close(end)


@contextmanager
def served(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """Serve HTTP on the loopback: the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(OSError):
                answer(self)
            self.close_connection = True

        def log_message(self, *_) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@contextmanager
def web_stream(sender: Sender, *, states_length: bool = True) -> Iterator[str]:
    """Send a file over HTTP."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        if states_length:
            handler.send_header("Content-Length", str(len(sender.content)))
        handler.end_headers()
        sender.send(handler.wfile.write)

    with served(answer) as address:
        yield f"{address}/live/clip.ts"


@contextmanager
def rtsp_stream(sender: Sender) -> Iterator[str]:
    """Send a transport stream over RTSP, within its connection."""
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_serve_rtsp, args=(server, sender), daemon=True).start()
    yield f"rtsp://user:secret@127.0.0.1:{server.getsockname()[1]}/live"
    server.close()


def _serve_rtsp(server: socket.socket, sender: Sender) -> None:
    with suppress(OSError):
        connection, _ = server.accept()
        with connection, connection.makefile("rwb") as file:
            while (request := file.readline()).strip():
                lines = iter(file.readline, b"\r\n")
                number = next(line for line in lines if line.lower().startswith(b"cseq"))
                list(lines)
                method = request.split()[0]
                file.write(b"RTSP/1.0 200 OK\r\n" + number + _answer(method))
                file.flush()
                if method == b"PLAY":
                    _send_rtp(file, sender)
                    return


def _answer(method: bytes) -> bytes:
    if method == b"DESCRIBE":
        return f"Content-Type: application/sdp\r\nContent-Length: {len(SDP)}\r\n\r\n{SDP}".encode()
    if method == b"SETUP":
        return b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n\r\n"
    return b"Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\nSession: 1\r\n\r\n"


def _send_rtp(file: object, sender: Sender) -> None:
    """Send packets of RTP, each behind its length."""
    number, waiting = 0, b""

    def write(data: bytes) -> None:
        nonlocal number, waiting
        waiting += data
        while len(waiting) >= TS_PACKET:
            size = min(7, len(waiting) // TS_PACKET) * TS_PACKET  # whole ones, up to 1500 bytes
            payload, waiting = waiting[:size], waiting[size:]
            packet = struct.pack(">BBHII", 0x80, 33, number % 2**16, 9000 * number, 1) + payload
            file.write(b"$\0" + struct.pack(">H", len(packet)) + packet)
            number += 1
        file.flush()

    sender.send(write)
