"""Progress of long jobs: a bar on a terminal, a line every ten per cent elsewhere, nothing where notes are off."""

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import progressbar

from util.pipeline import map_ahead

log = logging.getLogger(__name__)

T, R = TypeVar("T"), TypeVar("R")


class _StandardError:
    """Standard error as it is now: the bar's library would write to what it was when the library was imported."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr.isatty()


class Progress:
    """Show on standard error how far a job is; a context manager.

    Embedding programs see nothing, unless they let INFO records of this module through.

    Args:
        title: of the job.
        total: items or bytes to be done; None if nobody knows.
        start: items done before.
        in_bytes: whether the numbers are bytes.
    """

    def __init__(self, title: str, total: int | None, *, start: int = 0, in_bytes: bool = False) -> None:
        self._value, self._total, self._tenth = start, total, 0
        self._is_terminal = sys.stderr.isatty()
        self._bar = progressbar.NullBar()
        if log.isEnabledFor(logging.INFO):
            self._bar = progressbar.ProgressBar(
                min_value=start,
                max_value=progressbar.UnknownLength if total is None else total,
                max_error=False,  # damaged files may hold more than they announce
                fd=_StandardError(),
                line_breaks=not self._is_terminal,
                widgets=_widgets(title, total is not None, in_bytes=in_bytes),
            )

    def update(self, value: int) -> None:
        """Show that ``value`` items are done."""
        self._value = value
        if self._is_terminal:
            self._bar.update(value)
        elif self._total and (tenth := 10 * value // self._total) > self._tenth:
            self._tenth = tenth
            self._bar.update(value, force=True)

    def increment(self) -> None:
        """Show that one more item is done."""
        self.update(self._value + 1)

    def finish(self, *, is_whole: bool = True) -> None:
        """End the bar; it stays where it is if the job was given up."""
        if not self._total:
            self._bar.value = self._value  # the last line tells it
        if self._is_terminal or not is_whole or self._tenth < 10:
            self._bar.finish(dirty=not is_whole)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, error_type: type | None, *_) -> None:
        self.finish(is_whole=error_type is None)


def _widgets(title: str, has_total: bool, *, in_bytes: bool) -> list[object]:
    """Title, bar, numbers, and the time left."""
    bar = progressbar.Bar() if has_total else progressbar.AnimatedMarker()
    left = progressbar.AdaptiveETA() if has_total else progressbar.Timer()
    if in_bytes:
        return [f"{title} ", bar, progressbar.DataSize(), " ", progressbar.AdaptiveTransferSpeed(), " ", left]
    return [f"{title} ", bar, " ", progressbar.SimpleProgress(), " ", left]


def byte_bar(title: str, num_bytes: int | None) -> Progress:
    """A bar to be updated with the bytes done so far; None: nobody knows how many there are."""
    return Progress(title, num_bytes or None, in_bytes=True)


def with_progress(
    items: Iterable[T], title: str, total: int | None, counts: Callable[[T], bool] = lambda item: True
) -> Iterator[T]:
    """Yield the items under a progress bar, which counts those that are done with.

    Args:
        total: number of items that count; None: nobody knows.
        counts: tells whether an item counts.
    """
    with Progress(title, total) as progress:
        for item in items:
            yield item
            if counts(item):
                progress.increment()


def map_in_threads(function: Callable[[T], R], items: Sequence[T], title: str = "") -> Iterator[R]:
    """Results in order, under a progress bar; on an error or Ctrl-C what has not begun is dropped."""
    return with_progress(map_ahead(function, items, os.cpu_count() or 1), title, len(items))
