"""Evaluation, scoring and merging, killed at random moments: what is left is whole, and the next run completes it."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import pytest

import eval_generic
import evaluate_masks
from scripts import merge_probabilities
from tests.conftest import TESTS, write_clip
from tests.reliability.whole import leftovers, read_whole_files
from util.files import LOCK

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
NUM_ROUNDS = 2  # kills by each signal


def moments(seed: int) -> Iterator[tuple[int, float]]:
    """Yield signals and moments from 0 to 1, at about the share of a run's time at which the signal comes."""
    source = random.Random(seed)
    for index in range(NUM_ROUNDS):
        for number in SIGNALS:
            yield number, (index + source.random()) / NUM_ROUNDS


def start(command: ModuleType, *arguments: object) -> subprocess.Popen:
    words = map(str, [sys.executable, "-m", command.__name__, *arguments])
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    return subprocess.Popen([*words], cwd=TESTS.parent, text=True, **pipes)


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


def check_kills(
    run_main: Callable, command: ModuleType, options: list, root: Path, seed: int, resume: tuple[str, ...] = ()
) -> dict[str, bytes]:
    """Kill a command again and again, each time into a folder of its own, and let the next run finish its work.

    Args:
        options: without a value for ``--output``, which comes last.
        resume: options of the next run.

    Returns:
        What a run that is not interrupted leaves.
    """
    process = start(command, *options, root / "whole")
    wait_for_work(process, root / "whole")
    begin = time.monotonic()
    process.communicate()
    duration, expected = time.monotonic() - begin, read_whole_files(root / "whole")
    for index, (number, moment) in enumerate(moments(seed)):
        output = root / str(index)
        process = start(command, *options, output)
        wait_for_work(process, output)
        kill(process, number, moment * duration)
        left = read_whole_files(output)
        assert {name: left[name] for name in left if not name.endswith("_run.json")}.items() <= expected.items()
        assert number == signal.SIGKILL or not leftovers(output)
        assert run_main(command.main, "--quiet", *options, output, *resume)[0] == 0
        assert read_whole_files(output) == expected
        assert not leftovers(output)
    return expected


def evaluation_of(root: Path, weights: Path, num_frames: int) -> list:
    frames, mask = write_clip(root, num_frames)
    options = ["--video", frames, "--mask", mask, "--model", weights, "--precision", "float32", "--device", "cpu"]
    return [*options, "--save_probabilities", "--size"]


@pytest.mark.long
def test_killed_evaluation_is_finished_by_the_next(run_main: Callable, weights: Path, tmp_path: Path) -> None:
    options = [*evaluation_of(tmp_path, weights, 24), 32, "--overlay", "--output"]
    expected = check_kills(run_main, eval_generic, options, tmp_path, 0, ("--resume",))
    assert len(expected) == 2 * 24 + 3


@pytest.mark.long
def test_killed_scoring_is_finished_by_the_next(run_main: Callable, tmp_path: Path) -> None:
    benchmarks = TESTS / "benchmarks"
    options = ["--predictions", benchmarks / "expected/davis2017_val", "--annotations"]
    options += [benchmarks / "DAVIS/2017/trainval/Annotations/480p", "--output"]
    assert sorted(check_kills(run_main, evaluate_masks, options, tmp_path, 1)) == ["scores.csv", "scores.json"]


@pytest.mark.long
def test_killed_merging_is_finished_by_the_next(run_main: Callable, weights: Path, tmp_path: Path) -> None:
    runs, options = [tmp_path / "a", tmp_path / "b"], evaluation_of(tmp_path, weights, 24)
    for run, size in zip(runs, (32, 48)):
        assert run_main(eval_generic.main, *options, size, "--output", run)[0] == 0
    options = ["--runs", *runs, "--output"]
    assert len(check_kills(run_main, merge_probabilities, options, tmp_path, 2)) == 24
