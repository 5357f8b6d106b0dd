"""Progress bars of long jobs: bytes that pass, and items that threads work on."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import progressbar

from util.pipeline import map_ahead

T, R = TypeVar("T"), TypeVar("R")


def byte_bar(title: str, num_bytes: int | None) -> progressbar.ProgressBar:
    """A bar to be updated with the bytes done so far; None: nobody knows how many there are."""
    return progressbar.ProgressBar(
        max_value=num_bytes or progressbar.UnknownLength,
        max_error=False,
        widgets=[
            f"{title} ",
            progressbar.Bar() if num_bytes else progressbar.AnimatedMarker(),
            progressbar.DataSize(),
            " ",
            progressbar.AdaptiveTransferSpeed(),
            " ",
            progressbar.AdaptiveETA() if num_bytes else progressbar.Timer(),
        ],
    )


def map_in_threads(function: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """Results in order, under a progress bar; on an error or Ctrl-C what has not begun is dropped."""
    return progressbar.progressbar(map_ahead(function, items, os.cpu_count() or 1), max_value=len(items))
