"""The common part of all scripts: help, version, silence, the way errors end, progress in log files."""

import logging
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
import torch

import eval_generic
import evaluate_masks
from tests.conftest import TESTS, results_in, write_clip
from util.errors import InputError
from util.progress import Progress, with_progress
from util.script import script_main

ROOT = TESTS.parent
SCRIPTS = [
    *((path.name,) for path in ROOT.glob("*.py") if "if __name__" in path.read_text()),
    *(("-m", f"scripts.{path.stem}") for path in (ROOT / "scripts").glob("[a-z]*.py")),
]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, cwd=ROOT)


@pytest.mark.long
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script[-1])
def test_help_groups_options_and_explains_each(script: tuple[str, ...]) -> None:
    result = run(*script, "--help")
    assert result.returncode == 0, result.stderr
    assert "--version" in result.stdout
    assert "--quiet" in result.stdout
    options = re.split(r"\n(?=  -)", result.stdout.partition("\noptions:\n")[2])
    assert [text for text in options if not re.search(r"\S {2,}\S|\n {6,}\S", text)] == []


def test_version_names_code_and_torch() -> None:
    result = run("eval_davis.py", "--version")
    assert result.returncode == 0
    assert re.fullmatch(
        rf"STCN [\d.]+( \(commit [0-9a-f]{{10}}\))?, torch {re.escape(torch.__version__)}\n", result.stdout
    )


def test_quiet_scripts_write_errors_only(
    run_main: Callable, weights: Path, tmp_path: Path, no_progress: logging.Logger
) -> None:
    no_progress.setLevel(logging.NOTSET)
    frames, mask = write_clip(tmp_path)
    arguments = ["--video", frames, "--mask", mask, "--output", tmp_path / "out", "--model", weights, "--size", 32]
    assert run_main(eval_generic.main, "--quiet", *arguments) == (0, "", "")
    assert len(results_in(tmp_path / "out")) == 4
    status, out, err = run_main(evaluate_masks.main, "--quiet", "--predictions", tmp_path, "--annotations", tmp_path)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    status, out, err = run_main(eval_generic.main, *arguments)  # not quiet any more
    assert status == 0
    assert "4 of 4" in err
    assert "masks are in" in out


@pytest.fixture
def _notes_on(no_progress: logging.Logger) -> None:
    no_progress.setLevel(logging.INFO)


@pytest.mark.usefixtures("_notes_on")
def test_progress_in_a_log_file_takes_a_line_every_ten_per_cent(capsys: pytest.CaptureFixture) -> None:
    assert list(with_progress(range(200), "clip", 200)) == list(range(200))
    lines = capsys.readouterr().err.splitlines()
    assert 10 <= len(lines) <= 12
    assert [int(re.search(r"(\d+) of 200", line)[1]) for line in lines[-3:]] == [160, 180, 200]
    assert all("clip" in line for line in lines)


@pytest.mark.usefixtures("_notes_on")
def test_progress_of_a_job_that_fails_stops_where_it_is(capsys: pytest.CaptureFixture) -> None:
    def fail() -> None:
        with Progress("clip", 4) as progress:
            progress.update(2)
            raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        fail()
    err = capsys.readouterr().err
    assert "2 of 4" in err
    assert "4 of 4" not in err


def test_embedding_programs_see_no_progress(capsys: pytest.CaptureFixture, no_progress: logging.Logger) -> None:
    no_progress.setLevel(logging.NOTSET)
    assert list(with_progress("abc", "clip", 3)) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore"), "out of memory (CUDA out of"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 8 bytes"), "out of memory (DefaultCPU"),
        (MemoryError("Unable to allocate 1 TiB"), "out of memory (Unable"),
        (MemoryError(), "out of memory; take"),
        (RuntimeError("could not create a primitive"), "out of memory (could not"),
        (RuntimeError("can't start new thread"), "out of memory (can't start"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "out of memory (cuDNN"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"), "out of memory (CUDA"),
        (cv2.error("std::bad_alloc"), "out of memory (std::bad_alloc"),
        (OSError(28, "No space left on device", "masks/1.png"), "masks/1.png: No space left on device"),
        (InputError("a: b; c"), "a: b; c"),
        (InputError("new\nline\x1b[31m\udc80: b; c"), r"new\nline\x1b[31m\udc80: b; c"),
    ],
)
def test_scripts_end_with_one_line(run_main: Callable, error: Exception, line: str) -> None:
    @script_main
    def main() -> None:
        raise error

    status, out, err = run_main(main)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert f"error: {line}" in err


def test_errors_of_ours_keep_their_traceback(run_main: Callable) -> None:
    @script_main
    def main() -> None:
        raise RuntimeError("size mismatch")

    with pytest.raises(RuntimeError, match="size mismatch"):
        main()


def test_notes_are_one_line_and_warnings_of_libraries_are_not_shown(run_main: Callable) -> None:
    @script_main
    def main() -> None:
        warnings.warn("of a library", stacklevel=1)
        logging.getLogger("x").warning("%s: odd", "a\nb")

    assert run_main(main) == (0, "", "note: a\\nb: odd\n")


def test_names_that_are_no_text_can_be_reported(tmp_path: Path) -> None:
    program = "import sys; from util.script import script_main; script_main(lambda: print('\\udcff', sys.argv[1]))()"
    command = [sys.executable, "-X", "utf8", "-c", program, b"name\xfe"]
    result = subprocess.run(command, capture_output=True, cwd=ROOT)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"\\udcff name\\udcfe\n", b"")
