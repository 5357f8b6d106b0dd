"""evaluate_masks.py on masks and folders that cannot be scored: one line each, and the others are not lost."""

import gc
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import evaluate_masks
from output.masks import write_mask
from tests.conftest import TESTS, files_in, remove
from tests.scored_masks import two_objects, write_data


@pytest.fixture
def run(run_main: Callable) -> Callable[..., tuple[int, str, str]]:
    return partial(run_main, evaluate_masks.main)


def write(path: str, mask: np.ndarray) -> Callable[[Path], None]:
    return lambda root: write_mask(root / path, mask)


def write_text(path: str) -> Callable[[Path], int]:
    return lambda root: (root / path).write_text("no image")


def keep_two(root: Path) -> None:
    for name in ("00002", "00003", "00004", "00005"):
        (root / f"annotations/clip/{name}.png").unlink()


def miss_some(root: Path) -> None:
    for name in ("00000", "00002", "00004", "00005"):
        (root / f"predictions/clip/{name}.png").unlink()


OTHER_IDS = two_objects(1, 1, 3)[0]
WHITE = two_objects(1, 255, 255)[0]
BAD_VIDEOS = [
    (
        write("predictions/clip/00003.png", OTHER_IDS),
        r"predictions/clip/00003\.png: holds id 3, .* mask has 1, 2; correct it",
    ),
    (
        write("predictions/clip/00002.png", WHITE),
        r"predictions/clip/00002\.png: holds id 255, .* mask has 1, 2; correct it",
    ),
    (remove("annotations/clip"), r"annotations(/clip: no such folder|: has none of the videos)"),
    (miss_some, r"predictions/clip: lacks 2 of 4 masks, first 00002; add them"),
    (keep_two, r"annotations/clip: 2 mask\(s\), but the first and the last are not scored"),
    (write("predictions/clip/00001.png", WHITE.T), r"predictions/clip/00001\.png: 40x60 pixels, .* truth has 60x40;"),
    (write("annotations/clip/00000.png", 0 * WHITE), r"annotations/clip/00000\.png: no object .*single_object"),
    (write("annotations/clip/00000.png", WHITE), r"annotations/clip/00000\.png: no object .*single_object"),
    (write_text("predictions/clip/00002.png"), r"predictions/clip/00002\.png: unreadable mask"),
    (write_text("annotations/clip/00000.png"), r"annotations/clip/00000\.png: unreadable mask"),
    (write_text("annotations/clip/00002.bmp"), r"annotations/clip/00002\.png: shares its base name with 00002\.bmp"),
    (write_text("predictions/clip/00002.bmp"), r"predictions/clip/00002\.png: shares its base name with 00002\.bmp"),
]


@pytest.mark.parametrize(("spoil", "message"), BAD_VIDEOS)
@pytest.mark.parametrize("others", [[], ["ape", "dog"]])
def test_bad_video_gets_one_line_and_does_not_lose_the_others(
    run, tmp_path: Path, spoil: Callable, message: str, others: list[str]
) -> None:
    arguments = write_data(tmp_path, "clip", *others)
    spoil(tmp_path)
    status, out, err = run(*arguments)
    assert re.search(rf"^[^\n]*error: [^\n]*{message}[^\n]*$", err, re.M), err
    assert all("error: " in line for line in err.splitlines())
    output = tmp_path / "predictions/scores.json"
    if others:
        assert status == 1
        assert "2 of 3 videos scored" in out
        assert list(json.loads(output.read_text())["sequences"]) == others
    else:
        assert (status, out) == (2, "")
        assert not output.exists()


def test_error_has_a_line_of_its_own_beside_the_progress_bar(tmp_path: Path) -> None:
    """The script as a user runs it, from another folder."""
    arguments = write_data(tmp_path, "a", "b", "c")
    shutil.rmtree(tmp_path / "annotations/b")
    command = [sys.executable, TESTS.parent / "evaluate_masks.py", *arguments]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 1
    assert re.search(r"^error: .*b: no such folder; expected masks named by frame$", result.stderr, re.M)
    assert "3 of 3" in result.stderr
    assert "2 of 3 videos scored" in result.stdout


def test_no_good_video_is_an_error(run, tmp_path: Path) -> None:
    arguments = write_data(tmp_path, "a", "b")
    shutil.rmtree(tmp_path / "annotations/a")
    write_mask(tmp_path / "annotations/b/00000.png", WHITE)
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert re.fullmatch(r"error: .*a: .*\nerror: .*b/00000.*\nevaluate_masks\.py: error: none of 2 videos .*\n", err)
    assert not (tmp_path / "predictions/scores.json").exists()


def test_a_failure_leaves_no_thread_to_the_garbage_collector(run, tmp_path: Path) -> None:
    """The collector may run in a thread that starts, where waiting for another one has no end."""
    arguments = write_data(tmp_path, "clip")
    shutil.rmtree(tmp_path / "annotations/clip")
    before = threading.enumerate()
    gc.disable()
    try:
        assert run(*arguments)[0] == 2
        assert threading.enumerate() == before
    finally:
        gc.enable()


def link_to_the_annotations(root: Path) -> list:
    (root / "link").symlink_to(root / "annotations")
    return ["--predictions", root / "link"]


def empty_folder(root: Path) -> list:
    (root / "empty/clip").mkdir(parents=True)
    return ["--predictions", root / "empty"]


def no_truth(root: Path) -> list:
    shutil.rmtree(root / "annotations")
    (root / "annotations").mkdir()
    (root / "predictions/other").mkdir()
    write_mask(root / "predictions/other/0.png", WHITE)
    return []


def file_as_output(root: Path) -> list:
    (root / "file").write_text("")
    return ["--output", root / "file"]


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda root: ["--predictions", root / "annotations"], r"annotations: .* are the same folder"),
        (link_to_the_annotations, r"link: .* are the same folder"),
        (lambda root: ["--predictions", root / "nowhere"], r"nowhere: no such folder"),
        (lambda root: ["--annotations", root / "nowhere"], r"nowhere: no such folder"),
        (empty_folder, r"empty/clip: lacks 4 of 4 masks"),
        (file_as_output, r"file: "),
        (no_truth, r"annotations: has none of the videos of .*predictions, such as clip; get them"),
    ],
)
def test_unusable_folders_get_one_line(run, tmp_path: Path, prepare: Callable, message: str) -> None:
    arguments = [*write_data(tmp_path, "clip"), *prepare(tmp_path)]
    before = files_in(tmp_path)
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert re.fullmatch(rf"evaluate_masks\.py: error: [^\n]*{message}[^\n]*\n", err), err
    assert files_in(tmp_path) == before
