"""Values of command-line options, checked where they are read."""

import argparse
import errno
import math
import os
from collections.abc import Callable
from pathlib import Path

from util.limits import MAX_PIXELS

LARGEST = 10**9  # the bound of whole numbers: more than anybody needs, and no overflow in any library
MAX_SIDE = math.isqrt(MAX_PIXELS)


def whole_number(low: int = -LARGEST, high: int = LARGEST) -> Callable[[str], int]:
    """Make a parser of an option's value: an integer from ``low`` to ``high``."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError as e:  # also for thousands of digits
            raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number") from e
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text[:40]} is not from {low} to {high}")
        return value

    return parse


positive_int = whole_number(1)
not_negative_int = whole_number(0)
frames_at_once = whole_number(1, 1024)  # more would be held in memory at once, for no gain
pixels = whole_number(1, MAX_SIDE)


def finite(text: str) -> float:
    """Parse an option's value: a number, neither NaN nor infinite."""
    try:
        value = float(text)
    except ValueError as e:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a number") from e
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text[:40]} is not a finite number")
    return value


def not_negative(text: str) -> float:
    """Parse an option's value: a number from 0 on."""
    value = finite(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{value} is negative")
    return value


def side(text: str) -> int | None:
    """Parse an option's value: pixels of the short side; -1 becomes None, the native size."""
    if text == "-1":
        return None
    value = whole_number()(text)
    if not 32 <= value <= MAX_SIDE:
        raise argparse.ArgumentTypeError(f"must be from 32 to {MAX_SIDE}, or -1 for the native size")
    return value


def given_path(text: str) -> Path:
    """Parse an option's value: the path of a file or folder, which need not be there."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty; give a path")
    try:
        os.stat(text)
    except OSError as e:
        if e.errno == errno.ELOOP:
            raise argparse.ArgumentTypeError(f"{text}: a link that leads in a circle; remove it") from e
    return Path(text)


PARSERS = {int: whole_number(), float: finite, Path: given_path}  # instead of the plain types
