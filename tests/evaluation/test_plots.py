"""Pictures of scores: the frames that are worst, and what is drawn of them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import evaluate_masks
from evaluation.measuring import FrameScores
from evaluation.plots import CAPTION, DARK, GAP, TILE, find_worst
from output.overlay import COLOURS, OPACITY
from tests.bad_input.rows import Row, check_row, table
from tests.conftest import files_in
from tests.scored_masks import two_objects, write_data, write_video


def scores_of(*values: list[float]) -> FrameScores:
    """J and F alike of each object."""
    arrays = {label: np.repeat(np.array(list_)[:, None], 2, 1) for label, list_ in enumerate(values, 1)}
    return FrameScores([f"{index:05d}" for index in range(len(values[0]))], arrays)


def test_the_worst_frames_come_first() -> None:
    nan = np.nan
    assert find_worst(scores_of([0.5, 0.1, 0.9, 0.3])) == [1, 3, 0, 2]
    assert find_worst(scores_of([0.5, 0.1, 0.9, 0.3], [0.5, 0.9, 0.0, 0.3])) == [3, 2, 0, 1]
    assert find_worst(scores_of([nan, 0.1, 0.9, nan], [nan, nan, 0.1, 0.3])) == [1, 3, 2]  # the first scores nobody
    assert find_worst(scores_of([0.5, 0.1, 0.9, 0.3]), number=1) == [1]


def test_the_worst_frames_are_not_all_of_one_moment() -> None:
    values = np.ones(120)
    values[50:62], values[5], values[100] = 0.1, 0.5, 0.4
    values[55] = 0.0
    worst = find_worst(scores_of(values.tolist()))
    assert worst[0] == 55
    assert {5, 100} <= {*worst}
    assert np.diff(sorted(worst)).min() > 10


def test_plots_beside_the_scores(run_main: Callable, tmp_path: Path) -> None:
    """Two scored frames of four have lost an object; without frames masks are drawn on a dark ground."""
    arguments = write_data(tmp_path, "cat")
    status, _, err = run_main(evaluate_masks.main, *arguments, "--plot")
    assert (status, err) == (0, "")
    plots = tmp_path / "predictions/plots"
    assert files_in(plots) == ["cat_curves.png", "cat_worst.png"]
    with Image.open(plots / "cat_worst.png") as image:
        pixels = np.array(image)
    tile_height = round(40 * TILE / 60)
    assert pixels.shape == (4 * (tile_height + CAPTION + GAP), 2 * TILE + 3 * GAP, 3)

    def found(row: int, column: int) -> np.ndarray:
        """The pixel of object 2 near its corner, away from its number, in a tile."""
        top, left = row * (tile_height + CAPTION + GAP) + CAPTION, GAP + column * (TILE + GAP)
        return pixels[top + 24 * tile_height // 40, left + 24 * TILE // 60]

    tinted = np.round((1 - OPACITY) * DARK + OPACITY * np.array(COLOURS[1]))
    for row in range(4):
        np.testing.assert_allclose(found(row, 0), tinted, atol=1)  # the ground truth
        np.testing.assert_allclose(found(row, 1), (DARK,) * 3 if row < 2 else tinted, atol=1)  # lost ones first
    status, out, _ = run_main(evaluate_masks.main, *arguments)  # the folder of plots is no video
    assert status == 0
    assert "1 of 1 videos scored" in out


def test_masks_are_drawn_on_the_frames(run_main: Callable, tmp_path: Path) -> None:
    """Frames of another size than the masks are fitted; those of a single object as well."""
    arguments = write_data(tmp_path, "cat")
    write_video(tmp_path / "white", two_objects())  # frames beside others
    (tmp_path / "frames/cat").mkdir(parents=True)
    for index in range(6):
        Image.new("RGB", (120, 80), (200, 100, 50)).save(tmp_path / f"frames/cat/{index:05d}.png")
    options = ["--plot", "--frames", tmp_path / "frames", "--single_object"]
    assert run_main(evaluate_masks.main, *arguments, *options)[0] == 0
    with Image.open(tmp_path / "predictions/plots/cat_worst.png") as image:
        assert image.getpixel((GAP + 2, CAPTION + 2)) == (200, 100, 50)


@table(
    Row("frames without plots", lambda root: ["--frames", root], r"--frames goes with --plot"),
    Row("no frames", lambda root: ["--plot", "--frames", root / "absent"], r"absent: no such file or folder; give a"),
    Row("frames of no video", lambda root: ["--plot", "--frames", root], r"no frames; expected images"),
)
def test_bad_frames(row: Row, run_main: Callable, tmp_path: Path) -> None:
    arguments = [*write_data(tmp_path, "cat"), "--output", tmp_path / "out"]
    check_row(row, tmp_path, partial(run_main, evaluate_masks.main, *arguments))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["eval_davis", "eval_davis_2016"])
def test_plots_go_with_scores(run_main: Callable, tmp_path: Path, command: str) -> None:
    main = __import__(command).main
    status, _, err = run_main(main, "--output", tmp_path / "out", "--plot")
    assert status == 2
    assert err.endswith("error: --plot goes with --score\n")
