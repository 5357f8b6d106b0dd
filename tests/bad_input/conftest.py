"""Commands that run in this process, on a network that is loaded once, and that must not wait for ever."""

import functools
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from PIL import Image

import eval_generic
from model.weights import SMALL_WEIGHTS
from output.masks import write_mask
from tests.videos import picture

SECONDS = 120  # a command that is busy for longer hangs


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """End a test that waits for ever, as at a pipe that nobody writes to."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"still busy after {SECONDS} s")

    former = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, former)


@pytest.fixture(autouse=True)
def _idle_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine would add a note to the one line."""
    monkeypatch.setattr("evaluation.run.note_if_busy", lambda: None)


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with ``frames`` of three PNG files, and the mask ``first.png`` of two objects."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "frames").mkdir()
    for index in range(3):
        Image.fromarray(picture(index)).save(tmp_path / "frames" / f"{index:05d}.png")
    ids = np.zeros((48, 64), np.uint8)
    ids[5:20, 5:30], ids[25:40, 35:60] = 1, 2
    write_mask(tmp_path / "first.png", ids)
    return tmp_path


@pytest.fixture
def run_generic(run_main: Callable, loaded_once: None, clip: Path) -> Callable[..., tuple]:
    """Run ``eval_generic.py`` on the clip; options that are given again replace those before."""
    network = ["--model", SMALL_WEIGHTS, "--size", 32, "--precision", "float32", "--device", "cpu"]
    files = ["--video", clip / "frames", "--mask", clip / "first.png", "--output", clip / "out"]
    return functools.partial(run_main, eval_generic.main, *network, *files)
