"""A process that measures one thing after the other, and is replaced when one of them fails or takes too long."""

import gc
import io
import logging
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from multiprocessing import get_context
from multiprocessing.connection import Connection

import torch

from util.device import make_current, restart_peak_memory


class Notes(logging.Handler):
    """Collect the notes of libraries."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a note."""
        self.messages.append(record.getMessage())


def serve(connection: Connection, device: torch.device) -> None:
    """Call the functions that come, and send what each returns, or its error, until the connection closes."""
    make_current(device)
    while True:
        try:
            function, arguments = connection.recv()
        except EOFError:
            return
        connection.send(call_noted(function, arguments, device))


def call_noted(function: Callable[..., dict], arguments: tuple, device: torch.device) -> tuple[dict | None, str | None]:
    """Call a function: what it returned, with the notes that it logged, or why it failed."""
    gc.collect()
    restart_peak_memory(device)
    notes = Notes()
    logging.getLogger().addHandler(notes)
    try:
        with redirect_stdout(io.StringIO()):
            figures = function(*arguments)
    except Exception as e:
        traceback.print_exc()
        return None, f"{type(e).__name__}: {str(e).strip().splitlines()[0] if str(e).strip() else ''}"
    finally:
        logging.getLogger().removeHandler(notes)
    return {**figures, **({"notes": "; ".join(notes.messages)} if notes.messages else {})}, None


class Worker:
    """Call functions in another process, in which libraries and the device are ready from the second one on.

    As a context manager it ends the process.
    """

    def __init__(self, device: torch.device) -> None:
        self._device, self._process = device, None

    def call(self, function: Callable[..., dict], arguments: tuple, seconds: float) -> tuple[dict | None, str | None]:
        """Call a function, for a time.

        Returns:
            the figures that it returned, or None; why it failed, or None.
        """
        if self._process is None:
            self._start()
        self._connection.send((function, arguments))
        try:
            is_done = self._connection.poll(max(0, seconds))
            result, error = self._connection.recv() if is_done else (None, f"stopped after {seconds:.0f} s")
        except EOFError:
            result, error = None, "the process ended, perhaps for lack of memory"
        if error is not None:  # a GPU's error may spoil all that follows in the same process
            self.end()
        return result, error

    def _start(self) -> None:
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, self._device))
        self._process.start()
        theirs.close()

    def end(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_) -> None:
        self.end()
