"""Directions, input masks, and lists of videos and frames on the command line of eval_generic.py."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import eval_generic
from model.weights import SMALL_WEIGHTS
from output.masks import write_mask
from output.overlay import draw_overlay
from tests.conftest import files_in, read_ids, results_in, write_clip
from tests.deterministic import synthetic_video

NAMES = [f"{index:05d}" for index in range(4)]
MASKS = synthetic_video(4, 48, 64, 2)[1]


@pytest.fixture
def run(run_main: Callable) -> Callable[..., tuple[int, str, str]]:
    """Run the script's main in this process with the small network, at a small size."""
    options = ["--model", SMALL_WEIGHTS, "--size", 32, "--precision", "float32", "--device", "cpu"]
    return partial(run_main, eval_generic.main, *options)


def masks_in(folder: Path) -> dict[str, np.ndarray]:
    return {path.stem: read_ids(path) for path in sorted(folder.glob("*.png"))}


def test_one_mask_of_any_frame_with_everything_that_is_written(run: Callable, tmp_path: Path) -> None:
    """The overlay and the table go by frame, and the frame without a mask is shown bare."""
    frames, _ = write_clip(tmp_path)
    write_mask(tmp_path / "mask.png", MASKS[2])
    arguments = ["--video", frames, "--mask", tmp_path / "mask.png", "--mask_frame", 2, "--output", tmp_path / "out"]
    given = [*arguments, "--direction", "backward", "--overlay", "--save_probabilities", "--keep_annotations"]
    assert run(*given)[0] == 0
    masks = masks_in(tmp_path / "out" / "frames")
    assert list(masks) == NAMES[:3]
    assert np.array_equal(masks["00002"], MASKS[2])
    table = (tmp_path / "out" / "frames_probabilities.csv").read_text().splitlines()[1:]
    assert [line.split(",")[0] for line in table] == [name for name in NAMES[:3] for _ in range(2)]
    video = cv2.VideoCapture(str(tmp_path / "out" / "frames_overlay.mp4"))
    shown = [frame[..., ::-1] for is_there, frame in iter(video.read, (False, None)) if is_there]
    images = [np.array(Image.open(frames / f"{name}.jpg")) for name in NAMES]
    empty = np.zeros((48, 64), np.uint8)
    drawn = [draw_overlay(image, masks.get(name, empty), [1, 2]) for name, image in zip(NAMES, images)]
    distances = [[np.abs(one.astype(int) - other).mean() for other in drawn] for one in shown]
    assert np.argmin(distances, 1).tolist() == [0, 1, 2, 3]
    record = json.loads((tmp_path / "out" / "frames_run.json").read_text())
    assert (record["facts"]["options"]["direction"], record["facts"]["options"]["mask_frame"]) == ("backward", "2")
    assert "all is there, skipped" in run(*given, "--resume")[1]
    status, _, err = run(*arguments, "--direction", "both", "--resume")
    assert status == 0  # the last frame was not there
    status, _, err = run(*arguments, "--resume")
    assert (status, "direction both, not None" in err) == (2, True)


def test_both_ways_from_a_folder_of_masks(run: Callable, tmp_path: Path) -> None:
    frames, _ = write_clip(tmp_path)
    (tmp_path / "masks").mkdir()
    write_mask(tmp_path / "masks" / "00001.png", MASKS[1])
    write_mask(tmp_path / "masks" / "00003.png", MASKS[3])
    arguments = ["--video", frames, "--mask", tmp_path / "masks"]
    found = {}
    for direction in ("forward", "backward", "both"):
        output = tmp_path / direction
        assert run(*arguments, "--direction", direction, "--output", output)[0] == 0
        found[direction] = masks_in(output / "frames")
    assert [len(masks) for masks in found.values()] == [3, 4, 4]
    assert np.array_equal(found["both"]["00000"], found["backward"]["00000"])
    assert np.array_equal(found["both"]["00003"], found["forward"]["00003"])


def test_masks_that_are_input_and_frames_that_are_written(run: Callable, tmp_path: Path) -> None:
    """Where every frame is annotated, the first mask alone leads to what a run without the others gives."""
    frames, first = write_clip(tmp_path)
    for name in ("a", "b"):
        (tmp_path / "data/JPEGImages" / name).mkdir(parents=True)
        (tmp_path / "data/Annotations" / name).mkdir(parents=True)
        for index, frame in enumerate(NAMES):
            (tmp_path / f"data/JPEGImages/{name}/{frame}.jpg").write_bytes((frames / f"{frame}.jpg").read_bytes())
            if name == "a" or index != 1:
                write_mask(tmp_path / f"data/Annotations/{name}/{frame}.png", MASKS[index])
    assert run("--video", frames, "--mask", first, "--output", tmp_path / "alone")[0] == 0
    expected = masks_in(tmp_path / "alone" / "frames")

    arguments = ["--data_path", tmp_path / "data", "--output", tmp_path / "out"]
    status, _, err = run(*arguments, "--list", _write(tmp_path / "b.txt", "b"))
    assert status == 0
    assert "Annotations/b: 3 of 4 frames have masks, and all are input" in err
    assert {name.split("/")[0] for name in results_in(tmp_path / "out")} == {"b"}

    status, _, err = run(*arguments, "--masks", "first", "--write", "annotated", "--overwrite")
    assert (status, "all are input" in err) == (0, False)
    assert list(masks_in(tmp_path / "out" / "a")) == NAMES
    found = masks_in(tmp_path / "out" / "b")
    assert list(found) == [NAMES[0], *NAMES[2:]]
    assert all(np.array_equal(ids, expected[name]) for name, ids in found.items())

    wanted = _write(tmp_path / "frames.txt", "# 3 of both\n3\nb/00001")
    listed = [*arguments[:3], tmp_path / "listed", "--write", "list", "--write_list", wanted]
    assert run(*listed, "--masks", "first")[0] == 0
    assert results_in(tmp_path / "listed") == ["a/00003.png", "b/00001.png", "b/00003.png"]
    assert np.array_equal(read_ids(tmp_path / "listed" / "b" / "00001.png"), expected["00001"])


def test_any_frame_can_be_written_to_paint_on(run: Callable, tmp_path: Path) -> None:
    frames, _ = write_clip(tmp_path)
    status, out, _ = run("--video", frames, "--mask_frame", 2, "--first_frame", tmp_path / "paint.png")
    assert (status, "--mask_frame 2" in out) == (0, True)
    assert np.array_equal(np.array(Image.open(tmp_path / "paint.png")), np.array(Image.open(frames / "00002.jpg")))
    assert run("--video", frames, "--mask_frame", 9, "--first_frame", tmp_path / "none.png")[0] == 2
    assert "none.png" not in files_in(tmp_path)


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
