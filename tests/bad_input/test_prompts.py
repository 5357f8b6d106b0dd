"""Boxes and points that cannot be used."""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import eval_generic
from interactive.interaction import GrabCutMaker
from model.weights import SMALL_WEIGHTS
from output.masks import write_mask
from tests.bad_input.builders import fill, given
from tests.bad_input.rows import Row, check_row, table
from tests.conftest import files_in

BOX = ("--box", "5", "5", "25", "20")


@pytest.fixture
def run_prompted(run_main: Callable, loaded_once: None, clip: Path, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Run ``eval_generic.py`` on the clip without a mask."""
    monkeypatch.setattr("interactive.prompts.load_maker", GrabCutMaker)
    network = ["--model", SMALL_WEIGHTS, "--size", 32, "--precision", "float32", "--device", "cpu"]
    return functools.partial(
        run_main, eval_generic.main, *network, "--video", clip / "frames", "--output", clip / "out"
    )


def with_other_mask(root: Path) -> list:
    (root / "out").mkdir()
    write_mask(root / "out/frames_first_mask.png", np.ones((48, 64), np.uint8))
    return list(BOX)


def among_frames(root: Path) -> list:
    return [*BOX, "--output", root / "frames"]


@table(
    Row("box of three numbers", given("--box", "1", "2", "3"), r"argument --box: expected 4 arguments"),
    Row("box that is no number", given("--box", "1", "2", "3", "x"), r"argument --box: 'x' is not a number"),
    Row("box that is NaN", given("--box", "1", "2", "nan", "4"), r"argument --box: nan is not a finite number"),
    Row("box beside the frame", given("--box", "64", "0", "9", "9"), r"object 1: its box 64 0 9 9 .* of 64x48 pixels"),
    Row("box without area", given("--box", "5", "5", "9", "0"), r"object 1: its box 5 5 9 0 .* has no area"),
    Row("point of one number", given("--points", "5"), r"argument --points: '5' is no point; give X,Y"),
    Row("point of an unknown kind", given("--points", "5,5,2"), r"argument --points: '5,5,2' is no point"),
    Row("point beside the frame", given("--points", "5,48"), r"object 1: its point 5,48 lies outside the frame"),
    Row("points beside the object alone", given("--points", "5,5,0"), r"object 1: neither a box nor a point on it"),
    Row("point outside its box", given("--object", "1", *BOX, "--points", "50,40"), r"50,40 lies outside its box"),
    Row("object without marks", given(*BOX, "--object", "2"), r"--box before the first --object"),
    Row("object without marks, last", given("--object", "2"), r"object 2: neither a box nor a point"),
    Row("object that is no id", given("--object", "0", *BOX), r"argument --object: 0 is not from 1 to"),
    Row("two boxes of one object", given("--object", "3", *BOX, *BOX), r"--object 3: two times --box"),
    Row("box and mask", given(*BOX, "--mask", Path("first.png")), r"--box makes the first mask .* leave out --mask"),
    Row("mask alone, without marks", given("--mask_only"), r"--mask_only goes with --box or --points"),
    Row(
        "marks before the frame is seen", given(*BOX, "--first_frame", "1.png"), r"--first_frame and --box: .*leave one"
    ),
    Row("another mask is there", with_other_mask, r"frames_first_mask\.png: another mask than that of these marks"),
    Row("mask among the frames", among_frames, r"frames_first_mask\.png: would become part of the video"),
    Row("frame that is damaged", fill("frames/00000.png", b"text", *BOX), r"00000\.png: unreadable"),
)
def test_prompts(row: Row, clip: Path, run_prompted: Callable) -> None:
    check_row(row, clip, run_prompted)


@table(
    Row("no such weights", given(*BOX, "--model", Path("gone.pth")), r"gone\.pth: no such file"),
    Row("colour without its export", given(*BOX, "--green_colour", "red"), r"--green_colour goes with --export green"),
    Row(
        "compiled, in boxes", given(*BOX, "--compile", "--no-exact"), r"--compile and --no-exact: .*; leave one of them"
    ),
)
def test_bad_options_leave_no_first_mask(row: Row, clip: Path, run_prompted: Callable) -> None:
    check_row(row, clip, run_prompted)
    assert not (clip / "out").exists()


def test_box_and_points_segment_the_clip(clip: Path, run_prompted: Callable) -> None:
    marks = ["--object", 2, *BOX, "--points", "10,10", "40,40,0", "--object", 5, "--points", "50,30"]
    assert run_prompted(*marks, "--mask_only")[0] == 0
    assert files_in(clip / "out") == ["frames_first_mask.png"]
    status, out, err = run_prompted(*marks)
    assert status == 0, err
    assert "frames_first_mask.png is the first mask" in out
    assert {"frames_first_mask.png", "frames/00002.png"} <= set(files_in(clip / "out"))
    before = (clip / "out/frames/00002.png").stat().st_mtime_ns
    status, out, _ = run_prompted(*marks, "--resume")
    assert status == 0
    assert "all is there, skipped" in out
    assert (clip / "out/frames/00002.png").stat().st_mtime_ns == before


def test_another_frame_is_marked(clip: Path, run_prompted: Callable) -> None:
    status, _, err = run_prompted(*BOX, "--mask_frame", "1")
    assert status == 0, err
    assert files_in(clip / "out") == [
        *("frames/00001.png", "frames/00002.png", "frames_first_mask.png", "frames_run.json")
    ]
