"""An orderly end on signals, so that temporary files go: what would kill a command raises in its main thread.

Commands import this module before all others: from then on, Ctrl-C ends in one line instead of a traceback.
"""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import NoReturn

STOPPING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Stopped(KeyboardInterrupt):
    """The process was told to end by another signal than Ctrl-C's."""

    def __init__(self, number: int) -> None:
        self.number = number


@contextmanager
def signals_raise() -> Iterator[None]:
    """Raise ``Stopped`` on SIGTERM and SIGHUP inside the block, as Ctrl-C raises KeyboardInterrupt.

    A signal that is ignored, as ``nohup`` makes it, stays ignored. Outside the main thread nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in STOPPING}
    handlers = {number: handler for number, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}
    for number in handlers:
        signal.signal(number, _raise)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextmanager
def first_signal_calls(stop: Callable[[], None]) -> Iterator[None]:
    """Let the first Ctrl-C, SIGTERM or SIGHUP inside the block call a function, and raise what it raises at the end.

    The block then has the time to end what it does; a second signal raises at once. Outside the main thread nothing
    changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, *STOPPING)}
    former = {number: handler for number, handler in former.items() if callable(handler)}
    received: list[tuple[int, object]] = []

    def restore() -> None:
        for number, handler in former.items():
            signal.signal(number, handler)

    def receive(number: int, frame: object) -> None:
        restore()
        received.append((number, frame))
        stop()

    for number in former:
        signal.signal(number, receive)
    try:
        yield
    finally:
        restore()
    for number, frame in received:
        former[number](number, frame)


def exit_after(interrupt: KeyboardInterrupt) -> NoReturn:
    """End the process with one line and the status that shells give to such a death."""
    _say_interrupted()
    sys.exit(128 + (interrupt.number if isinstance(interrupt, Stopped) else signal.SIGINT))


def _raise(number: int, *_) -> NoReturn:
    raise Stopped(number)


def _say_interrupted() -> None:
    print(f"{sys.argv[0]}: interrupted", file=sys.stderr)


def _end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Write what nobody caught: a line for Ctrl-C, as it comes while modules are imported, a traceback for errors."""
    if issubclass(kind, KeyboardInterrupt):
        _say_interrupted()
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _end
