"""Folders of masks to score, of probabilities to merge and of videos to resize, with something wrong in them."""

import functools
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import evaluate_masks
from output.masks import write_mask
from output.result import FrameResult
from output.video import VideoOutput
from scripts import merge_probabilities, resize_videos
from tests.bad_input.builders import Spoil, cut, fill, given, link_to, make_bomb, replaced
from tests.bad_input.rows import Row, check_row, table
from tests.conftest import remove
from tests.videos import picture
from util.palette import PALETTE

SIZE = (24, 40)
TRUTH, FOUND = "annotations/clip/00001.png", "predictions/clip/00001.png"
NPZ = "run2/clip_probabilities/00001.npz"
BAD_NPZ = r"clip_probabilities/00001\.npz: "
FRAME, MASK = "own/JPEGImages/clip/00001.jpg", "own/Annotations/clip/00001.png"


def emptied(*paths: str) -> Spoil:
    """Leave the folders without their files."""

    def spoil(root: Path) -> None:
        for path in paths:
            remove(path)(root)
            (root / path).mkdir()

    return spoil


def npz(**arrays: object) -> Spoil:
    """Save other arrays in place of a frame's."""
    good = {"probabilities": np.ones((3, *SIZE), np.float16), "labels": [1, 2]}
    return lambda root: np.savez_compressed(root / NPZ, **(good | arrays))


def mask(path: str, ids: np.ndarray) -> Spoil:
    return lambda root: write_mask(root / path, ids)


def linked(path: str, *options: object) -> Spoil:
    """Make a link that leads to itself."""

    def spoil(root: Path) -> list:
        (root / path).symlink_to(root / path)
        return [root / option if isinstance(option, Path) else option for option in options]

    return spoil


IDS = np.zeros(SIZE, np.uint8)
IDS[2:9, 3:20], IDS[12:20, 10:30] = 1, 2


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """Four masks of two objects, found and annotated."""
    for folder in ("annotations/clip", "predictions/clip"):
        (tmp_path / folder).mkdir(parents=True)
        for index in range(4):
            write_mask(tmp_path / folder / f"{index:05d}.png", IDS)
    return tmp_path


@table(
    Row("truth that is a pipe", replaced(TRUTH, os.mkfifo), r"annotations/clip/00001\.png: a pipe and no regular file"),
    Row("mask that is a device", replaced(FOUND, link_to("/dev/zero")), r"predictions/clip/00001\.png: a device and"),
    Row("mask that links to itself", replaced(FOUND, link_to("00001.png")), r"00001\.png: a link that leads in a circ"),
    Row("mask of gigabytes", fill(FOUND, make_bomb(60000, 60000)), r"predictions/clip/00001\.png: "),
    Row("mask cut in the middle", cut(FOUND, 0.5), r"predictions/clip/00001\.png: unreadable mask"),
    Row("truth that is empty", fill(TRUTH, b""), r"annotations/clip/00001\.png: unreadable mask"),
    Row("mask of another size", mask(FOUND, IDS.T.copy()), r"predictions/clip/00001\.png: 24x40 pixels, .* 40x24"),
    Row("masks that are missing", remove("predictions/clip/00001.png"), r"predictions/clip: lacks 1 of 2 masks"),
    Row("truth without masks", remove("annotations/clip"), r"annotations: has none of the videos of .*predictions"),
    Row("the same folder twice", given("--predictions", Path("annotations")), r"annotations: .* are the same folder"),
    Row("nothing there", given("--predictions", Path("none")), r"none: no such folder"),
    Row("predictions without a name", given("--predictions", ""), r"argument --predictions: is empty"),
    Row("link to itself", linked("loop", "--annotations", Path("loop")), r"loop: a link that leads in a circle"),
    Row("output that is a file", given("--output", Path(FOUND)), r"00001\.png: cannot be a folder to write to"),
)
def test_masks_to_score(row: Row, masks: Path, run_main: Callable) -> None:
    folders = ["--predictions", masks / "predictions", "--annotations", masks / "annotations"]
    check_row(row, masks, functools.partial(run_main, evaluate_masks.main, *folders, "--output", masks / "out"))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two runs over a video of two frames."""
    probabilities = np.ones((3, *SIZE), np.float16) / 3
    for run in ("run1", "run2"):
        with VideoOutput(tmp_path / run / "clip", PALETTE, Fraction(24), ("masks", "probabilities")) as output:
            for index in range(2):
                output.write(FrameResult(f"{index:05d}", np.zeros((*SIZE, 3), np.uint8), IDS, (1, 2), probabilities))
    return tmp_path


@table(
    Row("scalar for probabilities", npz(probabilities=np.float16(1)), rf"{BAD_NPZ}.*float16 in 0 dimensions"),
    Row("probabilities of two dimensions", npz(probabilities=np.ones(SIZE, np.float16)), rf"{BAD_NPZ}.*in 2 dimens"),
    Row("probabilities of NaN", npz(probabilities=np.full((3, *SIZE), np.nan)), rf"{BAD_NPZ}.*no finite numbers"),
    Row("probabilities of truth values", npz(probabilities=np.ones((3, *SIZE), bool)), rf"{BAD_NPZ}.*bool in 3 dim"),
    Row("probabilities of another size", npz(probabilities=np.ones((3, 5, 5), np.float16)), rf"{BAD_NPZ}other objects"),
    Row("labels of two dimensions", npz(labels=[[1, 2]]), rf"{BAD_NPZ}.*labels are int64 in 2 dimensions"),
    Row("labels that are text", npz(labels=["a", "b"]), rf"{BAD_NPZ}.*labels are <U1"),
    Row("labels that are objects", npz(labels=np.array([1, None])), rf"{BAD_NPZ}.*labels are object"),
    Row("label that is negative", npz(labels=[-1, 2]), rf"{BAD_NPZ}its labels are no different ids from 1 to 65535"),
    Row("label beyond 16 bits", npz(labels=[1, 70000]), rf"{BAD_NPZ}its labels are no different ids from 1 to 65535"),
    Row("label of the background", npz(labels=[0, 2]), rf"{BAD_NPZ}its labels are no different ids from 1 to 65535"),
    Row("label that is missing", npz(labels=[1]), rf"{BAD_NPZ}1 objects, but 3 rows; run it again"),
    Row("file that is cut", cut(NPZ, 0.5), rf"{BAD_NPZ}unreadable probabilities"),
    Row("file that is empty", fill(NPZ, b""), rf"{BAD_NPZ}unreadable probabilities"),
    Row("file that is a pipe", replaced(NPZ, os.mkfifo), rf"{BAD_NPZ}a pipe and no regular file; run it again"),
    Row("file that is a folder", replaced(NPZ, Path.mkdir), rf"{BAD_NPZ}unreadable probabilities"),
    Row("file that is missing", remove(NPZ), rf"{BAD_NPZ}missing, but another run has it"),
    Row(
        "no file in any run",
        emptied("run1/clip_probabilities", "run2/clip_probabilities"),
        r"run1/clip_probabilities: no \.npz in it, nor in the other runs",
    ),
    Row("table that is missing", remove("run2/clip_probabilities.csv"), r"run2: no such folder, or no probabilities"),
    Row("mask of the first run of another size", mask("run1/clip/00001.png", IDS[:5]), r"00001\.png: not the mask of"),
    Row("mask of the first run that is cut", cut("run1/clip/00001.png", 0.5), r"run1/clip/00001\.png: unreadable mask"),
    Row("one run", given("--runs", Path("run1")), r"--runs needs two or more different folders"),
    Row("the same run twice", given("--runs", Path("run1"), Path("run2/../run1")), r"--runs needs two or more diff"),
    Row(
        "run that links to itself", linked("loop", "--runs", Path("run1"), Path("loop")), r"loop: a link that leads in"
    ),
    Row(
        "output inside of a run", given("--output", Path("run2/deep/er")), r"--output must not be one of the runs, nor"
    ),
    Row("output without a name", given("--output", ""), r"argument --output: is empty"),
)
def test_probabilities_to_merge(row: Row, runs: Path, run_main: Callable) -> None:
    folders = ["--runs", runs / "run1", runs / "run2", "--output", runs / "out"]
    check_row(row, runs, functools.partial(run_main, merge_probabilities.main, *folders))


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """A video of two frames with masks, to train on."""
    for kind in ("JPEGImages", "Annotations"):
        (tmp_path / "own" / kind / "clip").mkdir(parents=True)
    for index in range(2):
        Image.fromarray(picture(index)).save(tmp_path / f"own/JPEGImages/clip/{index:05d}.jpg")
        write_mask(tmp_path / f"own/Annotations/clip/{index:05d}.png", IDS)
    return tmp_path


@table(
    Row("frame that is a pipe", replaced(FRAME, os.mkfifo), r"00001\.jpg: a pipe and no regular file.*: left out", 1),
    Row("frame that is cut", cut(FRAME, 0.3), r"00001\.jpg: unreadable frame .*: left out", 1),
    Row("frame of gigabytes", fill(FRAME, make_bomb(60000, 60000)), r"00001\.jpg: .*: left out", 1),
    Row("mask that is empty", fill(MASK, b""), r"00001\.png: unreadable mask .*: left out", 1),
    Row("no masks", remove("own/Annotations"), r"own/Annotations: no videos; expected"),
    Row("nothing there", given("--data_path", Path("none")), r"none/JPEGImages: no videos; expected"),
    Row("data without a name", given("--data_path", ""), r"argument --data_path: is empty"),
    Row("output that is there", given("--output", Path("own")), r"own: is there already, and nothing is overwritten"),
    Row("output below a file", given("--output", Path(FRAME) / "x"), r"cannot be a folder to write to"),
    Row("no size", given("--size", "0"), r"argument --size: 0 is not from 1 to 10000"),
    Row("size without bounds", given("--size", "100000000"), r"argument --size: 100000000 is not from 1 to 10000"),
    Row("size of no number", given("--size", "nan"), r"argument --size: 'nan' is not a whole number"),
)
def test_videos_to_resize(row: Row, videos: Path, run_main: Callable) -> None:
    folders = ["--data_path", videos / "own", "--output", videos / "out"]
    check_row(row, videos, functools.partial(run_main, resize_videos.main, *folders))
