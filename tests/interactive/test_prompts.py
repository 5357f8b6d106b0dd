"""Boxes and points become a first mask."""

import argparse
from pathlib import Path

import numpy as np
import pytest

from dataset.frames import open_frames
from interactive.interaction import GrabCutMaker
from interactive.prompt_options import add_prompt_options, read_prompts, write_prompted_mask
from interactive.prompts import Prompt, first_mask
from tests.conftest import read_ids
from tests.videos import write_frames
from util.errors import InputError

BOX_1, BOX_2 = (8, 8, 34, 24), (48, 33, 34, 24)


@pytest.fixture
def picture() -> tuple[np.ndarray, np.ndarray]:
    """A red and a blue square on green ground, and their ids."""
    ids = np.zeros((60, 90), np.uint8)
    ids[10:30, 10:40], ids[35:55, 50:80] = 1, 2
    colours = np.array([[20, 180, 30], [200, 30, 20], [30, 20, 190]], np.uint8)
    return colours[ids] + np.random.default_rng(0).integers(0, 12, (60, 90, 3), np.uint8), ids


def parse(*options: str) -> dict[int, Prompt]:
    parser = argparse.ArgumentParser()
    add_prompt_options(parser.add_argument_group("input"))
    return read_prompts(parser.parse_args(options).marks)


@pytest.mark.parametrize(
    "prompts",
    [
        [Prompt(BOX_1), Prompt(BOX_2)],
        [Prompt(points=[(20, 20)]), Prompt(points=[(60, 45), (70, 10, 0)])],
        [Prompt(BOX_1, [(35, 15), (45, 20, 0)]), Prompt(points=[(60, 45, 1)])],
        {2: Prompt(BOX_2), 1: Prompt((-20, -5, 62, 37))},  # cut to the frame
    ],
)
def test_objects_are_found_by_their_marks(prompts: object, picture: tuple) -> None:
    image, truth = picture
    ids = first_mask(image, prompts, GrabCutMaker())
    assert (ids.shape, ids.dtype) == (truth.shape, np.uint8)
    assert (ids == truth).mean() > 0.97
    if isinstance(prompts, list) and prompts[0].box is not None:
        assert not (ids[:8] == 1).any()
        assert not (ids[:, :8] == 1).any()


def test_a_maker_corrects_what_grabcut_found(picture: tuple) -> None:
    image, truth = picture
    seen = []

    def maker(image: np.ndarray, previous: np.ndarray, strokes: np.ndarray, num_objects: int) -> object:
        seen.append(previous.copy())
        return GrabCutMaker()(image, previous, strokes, num_objects)

    first_mask(image, [Prompt(points=[(20, 20)])], maker)
    assert (seen[0] == (truth == 1)).mean() > 0.97


def test_smaller_objects_lie_above_and_large_frames_are_reduced(picture: tuple) -> None:
    image, truth = (np.repeat(np.repeat(array, 16, 0), 16, 1) for array in picture)  # 960 x 1440
    whole = tuple(16 * side for side in (4, 4, 80, 54))
    ids = first_mask(image, {300: Prompt(whole), 7: Prompt(tuple(16 * side for side in BOX_2))}, GrabCutMaker())
    assert ids.dtype == np.uint16
    assert ((ids == 7) == (truth == 2)).mean() > 0.98


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--box 1 2 3 4", {1: Prompt([1, 2, 3, 4])}),
        ("--points 5,6 7.5,8,0 --box 1 2 3 4", {1: Prompt(None, ((5, 6), (7.5, 8, 0))), 2: Prompt([1, 2, 3, 4])}),
        (
            "--object 4 --box 1 2 3 4 --points 2,3,1 --points 9,9,0 --object 2 --points 5,6",
            {4: Prompt([1, 2, 3, 4], ((2, 3, 1), (9, 9, 0))), 2: Prompt(None, ((5, 6),))},
        ),
    ],
)
def test_options_say_what_belongs_together(options: str, expected: dict[int, Prompt]) -> None:
    assert parse(*options.split()) == expected


@pytest.mark.parametrize(
    ("prompts", "words"),
    [
        ([], "no box and no point"),
        ({0: Prompt(BOX_1)}, "object 0: no id"),
        ([Prompt()], "object 1: neither a box nor a point"),
        ([Prompt(points=[(5, 5, 0)])], "neither a box nor a point on it"),
        ([Prompt((90, 0, 10, 10))], "object 1: its box 90 0 10 10 .* has no area inside the frame of 90x60"),
        ([Prompt((10, 10, 0, 10))], "has no area"),
        ([Prompt((10, float("nan"), 9, 10))], "is not four numbers"),
        ([Prompt((10, 10, 9))], "is not four numbers"),
        ([Prompt(points=[(90, 5)])], "its point 90,5 lies outside the frame of 90x60"),
        ([Prompt(points=[(9, 5, 2)])], "a point of 3 numbers"),
        ([Prompt(BOX_1, [(60, 45)])], "its point 60,45 lies outside its box"),
        ([Prompt(points=[(5, 5), (5, 5, 0)])], "the point 5,5 is both on it and beside it"),
    ],
)
def test_marks_that_cannot_be_meant(prompts: object, words: str, picture: tuple) -> None:
    with pytest.raises(InputError, match=words):
        first_mask(picture[0], prompts, GrabCutMaker())


def test_a_corrected_mask_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interactive.prompts.load_maker", GrabCutMaker)
    frames, path = open_frames(write_frames(tmp_path / "clip", ["0.png"])), tmp_path / "out/clip_first_mask.png"
    write_prompted_mask([("--box", [5, 5, 20, 20])], frames, path, overwrite=False)
    ids, changed = read_ids(path), path.stat().st_mtime_ns
    write_prompted_mask([("--box", [5, 5, 20, 20])], frames, path, overwrite=False)
    assert path.stat().st_mtime_ns == changed
    other = [("--box", [30, 20, 20, 20])]
    with pytest.raises(InputError, match=r"clip_first_mask\.png: another mask than that of these marks"):
        write_prompted_mask(other, frames, path, overwrite=False)
    assert np.array_equal(read_ids(path), ids)
    write_prompted_mask(other, frames, path, overwrite=True)
    assert not np.array_equal(read_ids(path), ids)
