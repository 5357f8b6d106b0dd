"""Directions, masks and frames that do not go together, or that are not there."""

from collections.abc import Callable
from pathlib import Path

import pytest

import eval_generic
from model.weights import SMALL_WEIGHTS
from output.masks import write_mask
from tests.bad_input.builders import Spoil, fill, given
from tests.bad_input.rows import Row, check_row, table
from tests.conftest import read_ids

MASKS = Path("masks")
LISTED = ("--write", "list", "--write_list", Path("list.txt"))


def masks_of(*names: str, options: tuple = ()) -> Spoil:
    """Give a folder with the mask of each named frame."""

    def spoil(root: Path) -> list:
        (root / MASKS).mkdir()
        for name in names:
            write_mask(root / MASKS / f"{name}.png", read_ids(root / "first.png"))
        return ["--mask", root / MASKS, *options]

    return spoil


@table(
    Row("mask of no frame", given("--mask_frame", "7"), r"frames: has no frame 7, but 00000 to 00002"),
    Row("mask of a frame without a name", given("--mask_frame", ""), r"frames: has no frame , but 00000 to"),
    Row("folder as one mask", masks_of("00001", options=("--mask_frame", "1")), r"--mask_frame .*, but --mask .*masks"),
    Row("unknown direction", given("--direction", "up"), r"argument --direction: invalid choice: 'up'"),
    Row("unknown masks", given("--masks", "last"), r"argument --masks: invalid choice: 'last'"),
    Row("list of one video", fill("list.txt", b"a", "--list", Path("list.txt")), r"--list goes with --data_path; --v"),
    Row("no list to write", given("--write", "list"), r"--write list and --write_list FILE go together"),
    Row("list, but all", fill("list.txt", b"1", *LISTED[2:]), r"--write list and --write_list FILE go together"),
    Row("green of some", given("--write", "annotated", "--export", "green"), r"--export green .*, but --write annot"),
    Row("overlay of some", given("--write", "annotated", "--overlay"), r"--overlay .*, but --write annotated"),
    Row("list that is missing", given(*LISTED), r"list\.txt: no readable list \(No such file"),
    Row("list that is empty", fill("list.txt", b"\n# 1\n", *LISTED), r"list\.txt: an empty list"),
    Row("list of other data", fill("list.txt", b"\xff\xfe\x00", *LISTED), r"list\.txt: not a list but other data"),
    Row("list of no frame", fill("list.txt", b"1\n77", *LISTED), r"frames: frame 77 is asked for but absent"),
    Row("list of no video", fill("list.txt", b"1\nno/2", *LISTED), r"list\.txt: names no, which is none of the 1"),
    Row(
        "nothing reached",
        fill("list.txt", b"2", *LISTED, "--direction", "backward"),
        r"frames: no frame up to the last annotated one is asked for",
    ),
    Row("most masks given", masks_of("00000", "00001"), r".*masks: 2 of 3 frames have masks, and all are input", 0),
    Row("only the first of them", masks_of("00000", "00001", options=("--masks", "first")), "", 0),
)
def test_choices(row: Row, clip: Path, run_generic: Callable) -> None:
    check_row(row, clip, run_generic)


@pytest.fixture
def data(clip: Path) -> Path:
    """The clip in the layout of many videos, twice."""
    for name in ("a", "b"):
        (clip / "data/Annotations" / name).mkdir(parents=True)
        (clip / "data/Annotations" / name / "00000.png").write_bytes((clip / "first.png").read_bytes())
        (clip / "data/JPEGImages" / name).mkdir(parents=True)
        for path in (clip / "frames").iterdir():
            (clip / "data/JPEGImages" / name / path.name).write_bytes(path.read_bytes())
    return clip


@table(
    Row("frame of a mask", given("--mask_frame", "1"), r"--mask_frame goes with --video"),
    Row("unknown video", fill("list.txt", b"a\nc\n", "--list", Path("list.txt")), r"list\.txt: names c, which is none"),
    Row("video elsewhere", fill("list.txt", b"../a", "--list", Path("list.txt")), r"list\.txt: '\.\./a' is no name"),
    Row("no frame of one", fill("list.txt", b"a/0\n", *LISTED), r"list\.txt: names no frame of b; add one"),
)
def test_choices_of_many_videos(row: Row, data: Path, run_main: Callable, loaded_once: None) -> None:
    network = ["--model", SMALL_WEIGHTS, "--size", 32, "--precision", "float32", "--device", "cpu"]
    files = ["--data_path", data / "data", "--output", data / "out"]
    check_row(row, data, lambda *options: run_main(eval_generic.main, *network, *files, *options))
