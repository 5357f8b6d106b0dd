"""Rows of the tables, and their check."""

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.reliability.whole import check_folder

BEGINNINGS = {0: "note: ", 1: "error: ", 2: r"[\w.]+\.py: error: "}  # beginning of the one line, by exit status


class Row(NamedTuple):
    """A bad input and what the command says to it."""

    name: str
    spoil: Callable[[Path], list | None]  # spoils the files below a folder; returns options that are added or repeated
    words: str  # regular expression of what the one line names: place, cause, remedy; empty: there is no line
    status: int = 2
    is_long: bool = False


def table(*rows: Row) -> pytest.MarkDecorator:
    """Run a test for each row, as its argument ``row``."""
    marks = {True: [pytest.mark.long], False: []}
    return pytest.mark.parametrize("row", [pytest.param(row, id=row.name, marks=marks[row.is_long]) for row in rows])


def check_row(row: Row, root: Path, run: Callable[..., tuple[int, str, str]], output: str = "out") -> None:
    """Spoil what lies below a folder, run the command on it, and check what it says and leaves.

    Args:
        run: runs the command with the options that it is given: exit status, standard output, standard error.
        output: the folder below ``root`` that alone may change.
    """
    options = row.spoil(root) or []
    before = states(root, output)
    status, _, err = run(*options)
    others = ("usage:", "  ", *(["note:"] if status else []))  # these may stand above the one line
    lines = [line for line in err.splitlines() if line and not line.startswith(others)]
    assert status == row.status, err
    assert "Traceback" not in err
    assert len(lines) == bool(row.words), err
    assert not lines or re.match(rf"{BEGINNINGS[row.status]}.*{row.words}", lines[0]), err
    assert states(root, output) == before, "something outside the output was changed"
    check_folder(root / output)


def states(root: Path, output: str) -> dict[str, tuple[int, int, int]]:
    """Kind, size and time of everything outside the output."""
    states = {}
    for folder, folders, files in os.walk(root):
        if Path(folder) == root and output in folders:
            folders.remove(output)
        for name in (*folders, *files):
            state = os.lstat(os.path.join(folder, name))
            is_folder = stat.S_ISDIR(state.st_mode)
            path = os.path.relpath(os.path.join(folder, name), root)
            states[path] = (state.st_mode, *((0, 0) if is_folder else (state.st_size, state.st_mtime_ns)))
    return states
