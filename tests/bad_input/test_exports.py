"""Exports that cannot be written, and options of them that nobody can mean."""

from collections.abc import Callable
from pathlib import Path

import pytest

from output import mp4
from tests.bad_input.builders import Spoil, fill, given
from tests.bad_input.rows import Row, check_row, table
from tests.conftest import results_in


@pytest.fixture(autouse=True)
def _without_prores(monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg may lack the encoder."""
    monkeypatch.setattr("output.alpha.PRORES", mp4.PRORES._replace(encoder="none"))


def labelled(name: str, content: str) -> Spoil:
    """Give the file of an annotation tool as the mask."""
    return fill(name, content.encode(), "--mask", Path(name))


def folder_in_place(root: Path) -> list:
    (root / "out/frames_coco.json/x").mkdir(parents=True)
    return ["--export", "coco"]


def file_in_place(root: Path) -> list:
    (root / "out").mkdir()
    (root / "out/frames_alpha").write_text("x")
    return ["--export", "alpha"]


@table(
    Row("unknown export", given("--export", "gif"), r"argument --export: invalid choice: 'gif'"),
    Row("export without a kind", given("--export"), r"argument --export: expected at least one argument"),
    Row("no colour", given("--export", "green", "--green_colour", "greenish"), r"'greenish' is no colour; give rrggbb"),
    Row("colour without its export", given("--green_colour", "blue"), r"--green_colour goes with --export green"),
    Row("encoder that is missing", given("--export", "prores"), r"frames_prores\.mov: this PyAV cannot write ProRes"),
    Row("file in the place of a folder", file_in_place, r"frames_alpha: "),
    Row("folder in the place of a file", folder_in_place, r"frames_coco\.json: "),
)
def test_exports(row: Row, clip: Path, run_generic: Callable) -> None:
    check_row(row, clip, run_generic)


NOTHING = '{"images": [], "annotations": []}'
IMAGE = '{"id": 1, "file_name": "0.png", "height": 999999, "width": 999999}'
HUGE = '{"images": [' + IMAGE + '], "annotations": [{"image_id": 1, '
OUTLINE = "0 0.1 0.1 0.5 0.1 0.5 0.5"
POLYGON = '"segmentation": [[1, 1, 9, 1, 9, 9]]}]}'
RUNS = '"segmentation": {"size": [48, 64], "counts": "@@@@"}}]}'


@table(
    Row("JSON that is text", labelled("x.json", "text"), r"x\.json: no annotations that can be .*; export it again"),
    Row("JSON of something else", labelled("x.json", "{}"), r"x\.json: no annotations that can be read \(KeyError"),
    Row("JSON without objects", labelled("x.json", NOTHING), r"x\.json: no object in it; label at least one"),
    Row("image of a terapixel", labelled("x.json", HUGE + POLYGON), r"x\.json: 999999x999999 pixels, more than"),
    Row("run lengths that do not fit", labelled("x.json", HUGE + RUNS), r"x\.json: 0: run lengths do not add up"),
    Row("boxes of YOLO", labelled("x.txt", "0 0.5 0.5 0.1 0.1"), r"x\.txt: .*boxes, no outlines"),
    Row("outline of YOLO that is cut", labelled("x.txt", OUTLINE[:20]), r"x\.txt: no annotations that can be read"),
    Row("outline of YOLO", labelled("x.txt", OUTLINE), "", status=0),
)
def test_annotation_files(row: Row, clip: Path, run_generic: Callable) -> None:
    check_row(row, clip, run_generic)


def test_aliases_and_resuming(clip: Path, run_generic: Callable) -> None:
    kinds = ["--export", "coco", "alpha", "green", "overlay", "--overlay"]
    status, out, err = run_generic(*kinds)
    assert status == 0, err
    assert "overlay and coco and alpha and green beside them" in out
    names = results_in(clip / "out")
    assert {"frames_overlay.mp4", "frames_coco.json", "frames_alpha/1_00000.png", "frames_green.mp4"} < set(names)
    assert "all is there, skipped" in run_generic(*kinds, "--resume")[1]
    (clip / "out/frames_alpha/2_00001.png").unlink()
    assert "skipped" not in run_generic(*kinds, "--resume")[1]
    assert results_in(clip / "out") == names
    status, _, err = run_generic(*kinds, "--resume", "--green_colour", "0000ff")
    assert status == 2
    assert "green_colour None, not [0, 0, 255]" in err
