"""Streams on the command line of eval_generic.py: the masks of the file, and whole results whatever ends them."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eval_generic
from dataset.frames import open_frames
from model.weights import SMALL_WEIGHTS
from output.masks import write_mask
from tests.conftest import TESTS, files_in, read_ids, results_in
from tests.stream_servers import Sender, clip, piped, web_stream

NETWORK = ["--model", SMALL_WEIGHTS, "--size", 32, "--precision", "float32", "--device", "cpu"]
COMMAND = [sys.executable, str(TESTS.parent / "eval_generic.py"), *map(str, NETWORK)]


@pytest.fixture
def run(run_main: Callable, tmp_path: Path, loaded_once: None) -> Callable[..., tuple[int, str, str]]:
    ids = np.zeros((48, 64), np.uint8)
    ids[5:20, 5:30], ids[25:40, 35:60] = 1, 2
    write_mask(tmp_path / "first.png", ids)
    return partial(run_main, eval_generic.main, *NETWORK, "--output", tmp_path / "out")


def test_masks_are_those_of_the_file(run, tmp_path: Path) -> None:
    path, mask = clip(tmp_path, ".ts"), tmp_path / "first.png"
    assert run("--video", path, "--mask", mask, "--output", tmp_path / "file")[0] == 0
    with web_stream(Sender(path)) as address:
        status, out, _ = run("--video", f"{address}?key=secret", "--mask", mask, "--overlay", "--show")
    assert status == 0
    assert re.search(r"live overlay is at http://127\.0\.0\.1:\d+/[\w-]{20,}/\n", out)
    assert "clip.ts: 12 frames, " in out
    names = [f"clip/{index:05d}.png" for index in range(12)]
    assert results_in(tmp_path / "out") == [*names, "clip_overlay.mp4"]
    for name in names:
        assert np.array_equal(read_ids(tmp_path / "out" / name), read_ids(tmp_path / "file" / name))
    assert len(open_frames(tmp_path / "out/clip_overlay.mp4").names) == 12
    assert "secret" not in (tmp_path / "out/clip_run.json").read_text() + out


def test_a_second_run_never_mixes_with_the_first(run, tmp_path: Path) -> None:
    path, mask = clip(tmp_path, ".ts", 3), tmp_path / "first.png"
    with web_stream(Sender(path)) as address:
        assert run("--video", address, "--mask", mask)[0] == 0
        before = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in files_in(tmp_path / "out")}
        status, _, err = run("--video", address, "--mask", mask)
        assert (status, "a result of another video of this name" in err) == (2, True)
        assert before == {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in before}
        assert run("--video", address, "--mask", mask, "--overwrite", "--realtime")[0] == 0


def test_a_lost_stream_leaves_whole_results(run, tmp_path: Path) -> None:
    path, mask = clip(tmp_path, ".ts", 20), tmp_path / "first.png"
    with web_stream(Sender(path, share=0.6)) as address:
        status, out, err = run(
            "--video", address, "--mask", mask, "--overlay", "--save_probabilities", "--export", "csv"
        )
    assert status == 1
    assert re.search(r"^error: http://.*/clip\.ts: lost \(Input/output error\); open it again$", err, re.M)
    number = int(re.search(r"clip\.ts: (\d+) frames", out)[1])
    assert 0 < number < 20
    assert len(open_frames(tmp_path / "out/clip_overlay.mp4").names) == number
    assert len((tmp_path / "out/clip_objects.csv").read_text().splitlines()) > number
    for folder, suffix in (("clip", "png"), ("clip_probabilities", "npz")):
        found = sorted(path.name for path in (tmp_path / "out" / folder).iterdir())
        assert found == [f"{index:05d}.{suffix}" for index in range(number)]


def test_the_first_frame_and_its_mask_from_a_box(run, tmp_path: Path) -> None:
    path = clip(tmp_path, ".ts", 3)
    with web_stream(Sender(path)) as address:
        assert run("--video", address, "--first_frame", tmp_path / "first_frame.png")[0] == 0
        status, out, _ = run("--video", address, "--box", 10, 10, 30, 20)
    with Image.open(tmp_path / "first_frame.png") as image:
        _, expected = next(open_frames(path).read())
        assert np.array_equal(np.array(image), expected)
    assert status == 0
    assert "clip_first_mask.png is the first mask; if it needs" in out
    assert len(list((tmp_path / "out/clip").iterdir())) == 3


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_pipe_with_whole_results(run, tmp_path: Path, number: signal.Signals) -> None:
    """The source is silent by then, and would be for long."""
    path, out = clip(tmp_path, number=30), tmp_path / "out"
    options = ["--video", "-", "--mask", tmp_path / "first.png", "--output", out, "--overlay", "--timeout", "99"]
    with piped(Sender(path, share=0.7, then_silent=99)) as end:
        process = subprocess.Popen([*COMMAND, *map(str, options)], stdin=end, stderr=subprocess.PIPE, text=True)
        while len(list(out.glob("stdin/*.png"))) < 3:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert err.splitlines()[-1].endswith("eval_generic.py: interrupted")
    assert "Traceback" not in err
    masks = sorted(path.name for path in (out / "stdin").iterdir())
    assert masks == [f"{index:05d}.png" for index in range(len(masks))]
    assert len(open_frames(out / "stdin_overlay.mp4").names) == len(masks)
    assert files_in(out) == sorted([*(f"stdin/{name}" for name in masks), "stdin_overlay.mp4", "stdin_run.json"])
