"""Values of command-line options, checked where they are read."""

import argparse
from pathlib import Path


def positive_int(text: str) -> int:
    """Parse an option's value: an integer above 0."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not positive")
    return value


def not_negative_int(text: str) -> int:
    """Parse an option's value: an integer from 0 on."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{value} is negative")
    return value


def not_negative(text: str) -> float:
    """Parse an option's value: a number from 0 on."""
    value = float(text)
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"{value} is negative")
    return value


def side(text: str) -> int | None:
    """Parse an option's value: pixels of the short side; -1 becomes None, the native size."""
    value = int(text)
    if value < 32 and value != -1:
        raise argparse.ArgumentTypeError("must be at least 32, or -1 for the native size")
    return None if value == -1 else value


def given_path(text: str) -> Path:
    """Parse an option's value: the path of a file or folder, which need not exist."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty")
    return Path(text)
