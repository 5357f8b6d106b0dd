"""Trees of MOSE, LVOS, Long-time Video, SA-V, VOST and BURST that are incomplete or damaged, and options that clash."""

import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import eval_dataset
from model.weights import SMALL_WEIGHTS
from output.masks import write_mask
from tests.bad_input.builders import Spoil, cut, fill, given
from tests.bad_input.rows import Row, check_row, table
from tests.conftest import remove
from tests.later_data_sets import TREES

NETWORK = ["--model", SMALL_WEIGHTS, "--device", "cpu", "--size", 32, "--output", "out", "--path", "data"]
BURST_FILE = "data/annotations/val/all_classes.json"
SAV = "data/sav_val/{}/sav_000001"
OBJECT = SAV.format("Annotations_6fps") + "/001"


@pytest.fixture
def run(
    run_main: Callable, loaded_once: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.chdir(tmp_path)
    return functools.partial(run_main, eval_dataset.main, *NETWORK)


def damaged(change: Callable[[dict], object]) -> Spoil:
    """Change the file of BURST."""

    def spoil(root: Path) -> None:
        content = json.loads((root / BURST_FILE).read_text())
        change(content["sequences"][0])
        (root / BURST_FILE).write_text(json.dumps(content))

    return spoil


def keep_every_fourth(root: Path) -> None:
    for index in range(17):
        if index % 4:
            (root / SAV.format("JPEGImages_24fps") / f"{index:05d}.jpg").unlink()


def first_masks_only(root: Path) -> None:
    shutil.rmtree(root / "data")
    TREES["burst"].build(root / "data", is_whole=False)


def rename_frames(sequence: dict) -> None:
    sequence["annotated_image_paths"] = [f"x{name}" for name in sequence["annotated_image_paths"]]


def of_other_size(root: Path) -> None:
    write_mask(root / OBJECT / "00008.png", np.ones((48, 65), np.uint8))


NOT_BURST = r"all_classes\.json: not a file of BURST \(.+\); get it again"
UNREADABLE = r"side, frame0001, track 7: unreadable mask \(.+\); get the file again"
ROWS = (
    ("mose", Row("unknown data set", given("--dataset", "coco"), r"argument --dataset: invalid choice: 'coco'")),
    ("mose", Row("split of another", given("--split", "val"), r"--split val: --dataset mose has valid, train")),
    ("mose", Row("objects by themselves", given("--separately"), r"--separately goes with --dataset sav")),
    ("mose", Row("plots without scores", given("--plot"), r"--plot goes with --score")),
    ("mose", Row("no such folder", given("--path", "absent"), r"absent/train/JPEGImages: no such folder; complete")),
    ("mose", Row("no masks", remove("data/train/Annotations"), r"Annotations: no such folder; complete the data set")),
    (
        "mose",
        Row("no video", remove("data/train/Annotations/a1"), r"Annotations: no masks; expected a folder"),
    ),
    ("mose", Row("no frames", remove("data/train/JPEGImages/a1"), r"JPEGImages/a1: no such file or folder; give a")),
    ("mose", Row("damaged mask", cut("data/train/Annotations/a1/00003.png", 0.5), r"00003\.png: unreadable mask")),
    ("lvos", Row("no mask", lambda root: empty(root, "data/valid/Annotations/b2"), r"b2: no mask in it; give the")),
    ("long_video", Row("the other length", given("--split", "x2"), r"--split x2: --dataset long_video has x1, x3")),
    ("vost", Row("no list", remove("data/ImageSets"), r"ImageSets/val\.txt: no readable list .*; get it from the")),
    ("vost", Row("hostile list", fill("data/ImageSets/val.txt", b"../../etc\n"), r"'\.\./\.\./etc' is no name of a")),
    ("vost", Row("void without a number", given("--ignore_id", "void"), r"--ignore_id: 'void' is not a whole number")),
    ("sav", Row("every fourth frame", keep_every_fourth, r"JPEGImages_24fps: holds every 4th frame only; extract all")),
    (
        "sav",
        Row("output over the masks", given("--output", "data/sav_val/Annotations_6fps"), r"would write into"),
    ),
    (
        "sav",
        Row("object of another size", of_other_size, r"001/00008\.png: 65x48 pixels, but another object has"),
    ),
    (
        "sav",
        Row("no objects", lambda root: empty(root, SAV.format("Annotations_6fps")), r"no masks; expected a folder"),
    ),
    ("sav", Row("video that is not there", fill("data/sav_val/sav_val.txt", b"x\n"), r"24fps/x: no such folder; comp")),
    ("burst", Row("no annotations", remove("data/annotations"), r"annotations/val: none of all_classes\.json, ")),
    ("burst", Row("cut file", cut(BURST_FILE, 0.5), r"all_classes\.json: no JSON \(.+\); get it again")),
    ("burst", Row("other JSON", fill(BURST_FILE, b"[1, 2]"), NOT_BURST)),
    ("burst", Row("no sequences", fill(BURST_FILE, b'{"sequences": []}'), r"json: lists no sequence; get it again")),
    ("burst", Row("no width", damaged(lambda item: item.pop("width")), NOT_BURST)),
    ("burst", Row("a huge size", damaged(lambda item: item.update(width=10**9)), NOT_BURST)),
    ("burst", Row("frames without masks", damaged(lambda item: item["segmentations"].pop()), NOT_BURST)),
    (
        "burst",
        Row("track without number", damaged(lambda item: item["segmentations"][0].update(a={})), NOT_BURST),
    ),
    ("burst", Row("no mask", damaged(lambda item: item["segmentations"][0]["7"].clear()), UNREADABLE)),
    ("burst", Row("damaged mask", damaged(lambda item: item["segmentations"][0]["7"].update(rle="o")), UNREADABLE)),
    ("burst", Row("mask of another size", damaged(lambda item: item.update(width=63)), UNREADABLE)),
    ("burst", Row("hostile name", damaged(lambda item: item.update(seq_name="../../x")), r"is no name of a video")),
    ("burst", Row("names of no frames", damaged(rename_frames), r"xframe0001: no such frame in data/frames/val/Argo")),
    ("burst", Row("no frames", remove("data/frames"), r"ArgoVerse/side: no such file or folder; give a video")),
    ("burst", Row("no truth", first_masks_only, r"data: no ground truth of ArgoVerse/side of val; leave out --score")),
)


def empty(root: Path, folder: str) -> None:
    shutil.rmtree(root / folder)
    (root / folder).mkdir()


@pytest.mark.parametrize(("name", "row"), [pytest.param(*item, id=f"{item[0]}: {item[1].name}") for item in ROWS])
def test_trees(name: str, row: Row, run: Callable, tmp_path: Path) -> None:
    TREES[name].build(tmp_path / "data", is_whole=True)
    score = [] if "plots" in row.name else ["--score"]
    check_row(row, tmp_path, functools.partial(run, "--dataset", name, "--split", TREES[name].split, *score))
    assert not (tmp_path / "out").exists()


@table(Row("nothing but the data set", lambda root: None, r"the following arguments are required: --output, --path"))
def test_required_options(row: Row, run_main: Callable, tmp_path: Path) -> None:
    check_row(row, tmp_path, functools.partial(run_main, eval_dataset.main, "--dataset", "mose"))
