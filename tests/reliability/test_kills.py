"""Evaluation and scoring, killed at random moments: what is left is whole, and the next run finishes it to the bit."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import eval_generic
import evaluate_masks
from tests.conftest import TESTS, write_clip
from tests.reliability.whole import leftovers, read_whole_files
from util.files import LOCK

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
NUM_ROUNDS = 3  # kills by each signal


def moments(seed: int) -> Iterator[tuple[int, float]]:
    """Yield signals and moments from 0 to 1, at about the share of a run's time at which the signal comes."""
    source = random.Random(seed)
    for index in range(NUM_ROUNDS):
        for number in SIGNALS:
            yield number, (index + source.random()) / NUM_ROUNDS


def start(script: str, *arguments: object) -> subprocess.Popen:
    command = [sys.executable, TESTS.parent / script, *arguments]
    return subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def wait_for_work(process: subprocess.Popen, output: Path) -> None:
    """Wait until the imports are done and the output is claimed."""
    while process.poll() is None and not (output / LOCK).exists():
        time.sleep(0.002)


def kill(process: subprocess.Popen, number: int, delay: float) -> None:
    """Send a signal after some seconds, and check what the process says to it."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(delay)
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode in (0, -number, 128 + number)
    assert "Traceback" not in err, err
    if process.returncode == 128 + number:
        assert err.splitlines()[-1].endswith(": interrupted")


@pytest.mark.long
def test_killed_evaluation_is_finished_by_the_next(run_main: Callable, weights: Path, tmp_path: Path) -> None:
    frames, mask = write_clip(tmp_path, 24)
    options = ["--video", frames, "--mask", mask, "--model", weights, "--size", 32, "--precision", "float32"]
    options += ["--device", "cpu", "--overlay", "--save_probabilities", "--output"]
    process = start("eval_generic.py", *options, tmp_path / "whole")
    wait_for_work(process, tmp_path / "whole")
    begin = time.monotonic()
    process.communicate()
    duration, expected = time.monotonic() - begin, read_whole_files(tmp_path / "whole")
    assert len(expected) == 2 * 24 + 3
    for index, (number, moment) in enumerate(moments(0)):
        output = tmp_path / str(index)
        process = start("eval_generic.py", *options, output)
        wait_for_work(process, output)
        kill(process, number, moment * duration)
        left = read_whole_files(output)
        assert left.items() - {("frames_run.json", left.get("frames_run.json"))} <= expected.items()
        assert number == signal.SIGKILL or not leftovers(output)
        assert run_main(eval_generic.main, "--quiet", *options, output, "--resume")[0] == 0
        assert read_whole_files(output) == expected
        assert not leftovers(output)


@pytest.mark.long
def test_killed_scoring_is_finished_by_the_next(run_main: Callable, tmp_path: Path) -> None:
    benchmarks = TESTS / "benchmarks"
    options = ["--predictions", benchmarks / "expected/davis2017_val", "--annotations"]
    options += [benchmarks / "DAVIS/2017/trainval/Annotations/480p", "--output"]
    process = start("evaluate_masks.py", *options, tmp_path / "whole")
    wait_for_work(process, tmp_path / "whole")
    begin = time.monotonic()
    process.communicate()
    duration, expected = time.monotonic() - begin, read_whole_files(tmp_path / "whole")
    assert sorted(expected) == ["scores.csv", "scores.json"]
    for index, (number, moment) in enumerate(moments(1)):
        output = tmp_path / str(index)
        process = start("evaluate_masks.py", *options, output)
        wait_for_work(process, output)
        kill(process, number, moment * duration)
        assert read_whole_files(output).items() <= expected.items()
        assert run_main(evaluate_masks.main, *options, output)[0] == 0
        assert read_whole_files(output) == expected
        assert not leftovers(output)
