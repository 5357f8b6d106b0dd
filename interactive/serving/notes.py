"""Warnings of the project's libraries, for the pages as well."""

import logging
from collections.abc import Callable

from interactive.serving.status import Event

ROOMS = ("dataset", "interactive", "model", "output", "tracking", "util")
WORKER = "interactive.serving.worker"


class NoteHandler(logging.Handler):
    """Turn warnings and errors into events.

    Args:
        emit: takes the events, in whatever thread.
    """

    def __init__(self, emit: Callable[[Event], None]) -> None:
        super().__init__(logging.WARNING)
        self._send = emit

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record, if it is the project's; what the worker notes, it tells the pages itself."""
        if record.name.partition(".")[0] in ROOMS and record.name != WORKER:
            level = "error" if record.levelno >= logging.ERROR else "warning"
            self._send({"event": "note", "level": level, "text": record.getMessage()})
