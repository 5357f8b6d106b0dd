"""Data sets whose lists, names and folders are damaged or hostile, and one bad video among several."""

import functools
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import eval_davis
import eval_generic
import eval_youtube
from model.weights import SMALL_WEIGHTS
from output.masks import write_mask
from tests.bad_input.builders import Spoil, cut, fill, given, link_to, make_bomb, make_png, replaced, save_as
from tests.bad_input.rows import Row, check_row, table
from tests.commands.conftest import write_video

META, LIST = "YouTube/valid/meta.json", "DAVIS/trainval/ImageSets/2017/val.txt"
NETWORK = ["--model", SMALL_WEIGHTS, "--precision", "float32", "--device", "cpu", "--output", "out"]
BAD_NAMES = ("../../esc", "..", ".", "", "/etc", "a/b", "a/", r"..\a", "C:a", "a\0b", "a\nb", "a\x1b[2J")
CIRCLE = r"c: a link that leads in a circle; remove it"
NO_NAME, NO_META = (
    r"is no name of a video, since it",
    r"meta\.json: not a meta\.json of YouTube-VOS \(.+\); get it again",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, without data."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def youtube(run_main: Callable, loaded_once: None, folder: Path) -> Callable[..., tuple[int, str, str]]:
    """Run ``eval_youtube.py`` on a video of three frames."""
    root = folder / "YouTube"
    write_video(root / "all_frames/valid_all_frames/JPEGImages/a", root / "valid/Annotations/a", 3)
    (folder / META).write_text(json.dumps(meta(["00000", "00002"])))
    return functools.partial(run_main, eval_youtube.main, *NETWORK, "--yv_path", "YouTube")


@pytest.fixture
def davis(run_main: Callable, loaded_once: None, folder: Path) -> Callable[..., tuple[int, str, str]]:
    """Run ``eval_davis.py`` on two videos of three frames."""
    root = folder / "DAVIS/trainval"
    for name in ("one", "two"):
        write_video(root / "JPEGImages/480p" / name, root / "Annotations/480p" / name, 3, 3)
    (folder / LIST).parent.mkdir(parents=True)
    (folder / LIST).write_text("one\ntwo\n")
    return functools.partial(run_main, eval_davis.main, *NETWORK, "--davis_path", "DAVIS")


@pytest.fixture
def several(run_main: Callable, loaded_once: None, folder: Path) -> Callable[..., tuple[int, str, str]]:
    """Run ``eval_generic.py`` on two videos of three frames."""
    for name in ("one", "two"):
        write_video(folder / "data/JPEGImages" / name, folder / "data/Annotations" / name, 3)
    return functools.partial(run_main, eval_generic.main, *NETWORK, "--size", 32, "--data_path", "data")


def meta(frames: object, name: str = "a") -> dict:
    return {"videos": {name: {"objects": {"1": {"frames": frames}}}}}


def meta_of(frames: object, name: str = "a") -> Spoil:
    return fill(META, json.dumps(meta(frames, name)).encode())


def escaping(root: Path) -> None:
    """A name that leads elsewhere, with frames and masks where it leads, and a file that would be replaced."""
    for place in ("YouTube/all_frames/valid_all_frames/JPEGImages", "YouTube/valid/Annotations"):
        (root / place).joinpath("a").rename(root / place / "../../esc")
    meta_of(["00000"], "../../esc")(root)


def circle(name: str) -> Spoil:
    def spoil(root: Path) -> None:
        (root / name).symlink_to(name)

    return spoil


@table(
    *(Row(f"meta.json names {name!r}", meta_of(["00000"], name), NO_NAME) for name in BAD_NAMES),
    Row("meta.json names a folder elsewhere", escaping, r"'\.\./\.\./esc' is no name of a video"),
    Row("meta.json is empty", fill(META, b""), NO_META),
    Row("meta.json is cut", cut(META, 0.7), NO_META),
    Row("meta.json is binary", fill(META, bytes(range(256))), NO_META),
    Row("meta.json is a list", fill(META, b"[]"), NO_META),
    Row("meta.json is a thousand levels deep", fill(META, b"[" * 100_000), NO_META),
    Row("meta.json has objects a thousand deep", fill(META, b'{"videos":' * 100_000), NO_META),
    Row("meta.json has a number of 5000 digits", fill(META, b'{"videos": ' + b"9" * 5000 + b"}"), NO_META),
    Row(
        "meta.json has infinite frames",
        fill(META, b'{"videos": {"a": {"objects": {"1": {"frames": [1e999]}}}}}'),
        NO_META,
    ),
    *(
        Row(f"meta.json has the frames {frames}", meta_of(frames), NO_META)
        for frames in ([0], [None], [["00000"]], [True], 5)
    ),
    Row("meta.json has a frame of a long name", meta_of(["0" * 1000]), NO_META),
    Row("meta.json has unprintable frames", meta_of(["0\n"]), NO_META),
    Row("meta.json has frames that are not there", meta_of(["00000", "00009"]), r"frame 00009 is asked for but absent"),
    Row(
        "meta.json has a long name of a video",
        meta_of(["00000"], "v" * 300),
        r"'v+' is no name .* too long; correct it",
    ),
    Row("meta.json is a pipe", replaced(META, os.mkfifo), r"meta\.json: a pipe and no regular file; get it from"),
    Row("meta.json is a device", replaced(META, link_to("/dev/zero")), r"meta\.json: a device and no regular file"),
    Row("meta.json links to itself", replaced(META, link_to("meta.json")), r"meta\.json: unreadable \(Too many levels"),
    Row(
        "data set links to itself",
        lambda root: circle("c")(root) or ["--yv_path", "c"],
        CIRCLE,
    ),
    Row("data set without a name", given("--yv_path", ""), r"argument --yv_path: is empty"),
)
def test_youtube(row: Row, folder: Path, youtube: Callable) -> None:
    check_row(row, folder, youtube)


@table(
    *(
        Row(f"list names {name!r}", fill(LIST, f"one\n{name}\n".encode()), NO_NAME)
        for name in ("..", "../esc", "/etc", r"..\a")
    ),
    Row("list names a letter of control", fill(LIST, b"one\na\x1b[2J\n"), NO_NAME),
    Row("list is empty", fill(LIST, b"\n"), r"val\.txt: an empty list; expected a video per line"),
    Row("list is binary", fill(LIST, bytes(range(128, 256))), r"val\.txt: not a list but other data; get it again"),
    Row("list is a pipe", replaced(LIST, os.mkfifo), r"val\.txt: a pipe and no regular file; get it from the data set"),
    Row("list links nowhere", replaced(LIST, link_to("gone")), r"DAVIS: no list of the videos of DAVIS 2017 val"),
    Row("list is a folder", replaced(LIST, Path.mkdir), r"val\.txt: no readable list \(Is a directory\)"),
    Row(
        "list names a video that is not there", fill(LIST, b"one\nghost\n"), r"ghost: no such file or folder", status=1
    ),
    Row("list names NUL", fill(LIST, b"a\0b\n"), NO_NAME),
)
def test_davis(row: Row, folder: Path, davis: Callable) -> None:
    check_row(row, folder, davis)


FRAME, MASK = "data/JPEGImages/one/00001.jpg", "data/Annotations/one/00000.png"
BAD_FRAME, BAD_MASK = r"one/00001\.jpg: unreadable frame \(.+\)", r"one/00000\.png: unreadable mask \(.+\)"


def larger_frame(root: Path) -> None:
    (root / FRAME).unlink()
    (root / FRAME).with_suffix(".png").write_bytes(make_png(np.zeros((50, 64, 3), np.uint8), 8, 2))


def mask_of_no_frame(root: Path) -> None:
    write_mask(root / "data/Annotations/one/00007.png", np.ones((48, 64), np.uint8))


@table(
    Row("frame cut in the middle", cut(FRAME, 0.5), BAD_FRAME, status=1),
    Row("frame that is empty", fill(FRAME, b""), BAD_FRAME, status=1),
    Row("frame that is AVIF inside", save_as(FRAME, "AVIF"), BAD_FRAME, status=1),
    Row("frame of gigabytes", fill(FRAME, make_bomb(60000, 60000)), r"one/00001\.jpg: ", status=1),
    Row("frame that is a pipe", replaced(FRAME, os.mkfifo), r"one/00001\.jpg: a pipe and no regular file", status=1),
    Row("frame of another size", larger_frame, r"one/00001\.png: 64x50 pixels, but 00000\.jpg has 64x48", status=1),
    Row("mask cut in the middle", cut(MASK, 0.5), BAD_MASK, status=1),
    Row("mask that is AVIF inside", save_as(MASK, "AVIF"), BAD_MASK, status=1),
    Row("mask that is a pipe", replaced(MASK, os.mkfifo), r"one/00000\.png: a pipe and no regular file", status=1),
    Row(
        "mask that links to itself", replaced(MASK, link_to("00000.png")), r"one/00000\.png: a link .* circle", status=1
    ),
    Row("mask of gigabytes", fill(MASK, make_bomb(99999, 99999)), r"one/00000\.png: ", status=1),
    Row("mask of no frame", mask_of_no_frame, r"one/00007\.png: no such frame in .*one, which has 00000 to", status=1),
    Row("data links to itself", lambda root: circle("c")(root) or ["--data_path", "c"], CIRCLE),
    Row("output links to itself", lambda root: circle("c")(root) or ["--output", "c"], CIRCLE),
    Row("data without a name", given("--data_path", ""), r"argument --data_path: is empty"),
)
def test_one_bad_video_among_several(row: Row, folder: Path, several: Callable) -> None:
    """The other video's masks are written nevertheless."""
    check_row(row, folder, several)
    found = sorted(path.name for path in folder.glob("out/two/*.png"))
    assert found == (["00000.png", "00001.png", "00002.png"] if row.status == 1 else [])
