"""The address that the server listens at, and the loop that serves it."""

import errno
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from interactive.server import Server
from interactive.serving.protocol import MAX_MESSAGE
from util.errors import InputError

PORTS = 50  # tried one after the other
TAKEN = (errno.EADDRINUSE, errno.EACCES)


def bind(host: str, port: int) -> socket.socket:
    """Listen at an address, at the next free port if the port is taken; 0: any free one.

    Raises:
        InputError: the address is none of this machine's, or no port is free.
    """
    for number in range(port, min(port + PORTS, 2**16)):
        try:
            family = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0][0]
            listening = socket.create_server((host, number), family=family, backlog=128)
        except OSError as e:
            if e.errno in TAKEN:
                continue
            raise InputError(f"host {host}: no address of this machine ({e.strerror}); choose one") from e
        return listening
    raise InputError(f"port {port}: taken, and so are the next ones; choose another")


def serve(server: Server, listening: socket.socket) -> None:
    """Serve until the process is told to end; signals are raised again afterwards."""
    config = uvicorn.Config(
        server.app,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        loop="asyncio",
        ws="websockets-sansio",
        ws_max_size=4 * MAX_MESSAGE,  # longer ones than ``MAX_MESSAGE`` are answered, those end the connection
        ws_ping_interval=10,
        ws_ping_timeout=20,
        timeout_graceful_shutdown=2,
    )
    loop = uvicorn.Server(config)
    try:
        with _ended_by_hangup(loop):
            loop.run(sockets=[listening])
    finally:
        server.stop()


@contextmanager
def _ended_by_hangup(loop: uvicorn.Server) -> Iterator[None]:
    """End the loop in order when the terminal is closed, as it ends itself on the other signals."""
    number = getattr(signal, "SIGHUP", None)
    former = None if number is None else signal.getsignal(number)
    if former in (None, signal.SIG_IGN):
        yield
        return
    heard = []

    def end(*_: object) -> None:
        heard.append(number)
        loop.should_exit = True

    signal.signal(number, end)
    try:
        yield
    finally:
        signal.signal(number, former)
    if heard:
        signal.raise_signal(number)
