"""Signals end a command in one line and leave no temporary file, whenever they come."""

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import TESTS, files_in
from util.signals import first_signal_calls

ROOT = TESTS.parent
COMMANDS = [
    path for pattern in ("*.py", "scripts/*.py") for path in ROOT.glob(pattern) if "if __name__" in path.read_text()
]
WRITE_FOR_EVER = """
import sys, time
from pathlib import Path
from util.files import write_then_rename
from util.script import script_main

@script_main
def main():
    with write_then_rename(Path(sys.argv[1]) / "mask.png") as temporary:
        temporary.write_text("half")
        print("ready", flush=True)
        time.sleep(float(sys.argv[2]))

main()
"""


def start(folder: Path, seconds: float, ignored: int | None = None) -> subprocess.Popen:
    """Start a command that writes a file for some seconds; one signal may be ignored, as ``nohup`` does."""
    command = [sys.executable, "-c", WRITE_FOR_EVER, str(folder), str(seconds)]
    ignore = None if ignored is None else lambda: signal.signal(ignored, signal.SIG_IGN)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, cwd=ROOT, text=True, preexec_fn=ignore, **pipes)
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_in_one_line_without_temporary_files(tmp_path: Path, number: int) -> None:
    with start(tmp_path, 60) as process:
        process.send_signal(number)
        _, err = process.communicate()
    assert (process.returncode, err) == (128 + number, "-c: interrupted\n")
    assert files_in(tmp_path) == []


def test_signal_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    with start(tmp_path, 0.5, ignored=signal.SIGHUP) as process:
        process.send_signal(signal.SIGHUP)
        _, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert files_in(tmp_path) == ["mask.png"]


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.stem)
def test_every_command_prepares_for_ctrl_c_before_all_other_imports(path: Path) -> None:
    first = next(node for node in ast.parse(path.read_text()).body if isinstance(node, (ast.Import, ast.ImportFrom)))
    assert ast.unparse(first) == "import util.signals"


def test_ctrl_c_during_the_imports_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, ROOT / "eval_generic.py"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGINT
    assert done.stderr == f"{ROOT / 'eval_generic.py'}: interrupted\n"


def send_signals(number: int, done: list[str]) -> None:
    with first_signal_calls(lambda: done.append("stopping")):
        for _ in range(number):
            signal.raise_signal(signal.SIGINT)
        done.append("ended in order")


def test_the_first_signal_is_passed_on_at_the_end_and_the_second_at_once() -> None:
    done: list[str] = []
    send_signals(0, done)
    assert done == ["ended in order"]
    with pytest.raises(KeyboardInterrupt):
        send_signals(1, done)
    assert done == ["ended in order", "stopping", "ended in order"]
    with pytest.raises(KeyboardInterrupt):
        send_signals(2, done)
    assert done[3:] == ["stopping"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
