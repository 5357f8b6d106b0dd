"""Damaged files of every format, by number: a case is the same at any time on any machine with the same libraries.

``FUZZ_SECONDS`` says how long all formats are damaged together; ``make fuzz`` takes ten minutes.
"""

import os
import random
import re
import resource
import shutil
import signal
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

import tracker
from tests.bad_input.rows import states
from tests.conftest import LOADERS
from tests.fuzz.damage import damage
from tests.fuzz.targets import TARGETS, Target
from tests.reliability.whole import check_folder

SECONDS = float(os.environ.get("FUZZ_SECONDS", 60)) / len(TARGETS)
LONGEST = 60  # seconds for a case
MOST_MEMORY = 1 << 20  # kilobytes that all cases of a format may add to the process
LINE = re.compile(r"(note|error|[\w.]+\.py: error): \S.*")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load each network once, and write no note about a busy machine."""
    for name, loader in LOADERS.items():
        monkeypatch.setattr(tracker, name, loader)
    monkeypatch.setattr("evaluation.run.note_if_busy", lambda: None)


@pytest.mark.long
@pytest.mark.parametrize("name", TARGETS)
def test_damaged_files_break_nothing(name: str, tmp_path: Path, run_main: Callable) -> None:
    target, end = TARGETS[name], time.monotonic() + SECONDS
    target.build(tmp_path)
    good = (tmp_path / target.path).read_bytes()
    status, _, err = run_main(target.main, *target.options(tmp_path))
    assert status == target.status, err
    before = _memory()
    for case in count():
        if case and time.monotonic() > end:
            break
        (tmp_path / target.path).write_bytes(damage(good, random.Random(f"{name} {case}")))
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        try:
            _check_case(target, tmp_path, run_main)
        except Exception as e:
            raise AssertionError(f"case {case} of {name}, {tmp_path / target.path}: {e}") from e
    assert _memory() - before < MOST_MEMORY
    print(f"{name}: {case} cases")


def _check_case(target: Target, root: Path, run_main: Callable) -> None:
    before = states(root, "out")
    signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(LONGEST)
    status, _, err = run_main(target.main, *target.options(root))
    signal.alarm(0)
    lines = err.splitlines()
    assert status in (0, 1, 2), err
    assert all(LINE.fullmatch(line) for line in lines), err
    assert sum("error: " in line for line in lines) >= bool(status), err
    assert sum(".py: error: " in line for line in lines) == (status == 2), err
    assert states(root, "out") == before, "something outside the output was changed"
    check_folder(root / "out")


def _give_up(*_: object) -> None:
    raise AssertionError(f"still busy after {LONGEST} s")


def _memory() -> int:
    """Give the most memory that the process ever had, in kilobytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_a_case_is_the_same_every_time() -> None:
    content = bytes(range(256)) * 8
    first, second = ([damage(content, random.Random(f"x {case}")) for case in range(50)] for _ in range(2))
    assert first == second
    assert len(set(first)) > 45
