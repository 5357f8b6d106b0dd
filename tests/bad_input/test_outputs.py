"""Outputs that cannot be written to, or that hold something else already."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from tests.bad_input.builders import Spoil, fill, given, link_to, open_socket
from tests.bad_input.rows import Row, check_row, table
from util.files import LOCK

NO_FOLDER = r"out: cannot be a folder to write to \(.+\); choose another"
IN_THE_WAY = r"Is a directory; fix this and resume"
STRANGER = (
    r"a result of another video of this name, or of an unknown run; choose another folder, or have it overwritten"
)
OTHER_RECORD = {"facts": {"video": {"path": "/other.mp4"}}, "files": {"frames/00000.png": 4}, "stale": []}


def made(path: str, make: Callable[[Path], object]) -> Spoil:
    """Put something into or in the place of the output."""

    def spoil(root: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        make(root / path)

    return spoil


def mask_of_a_run(name: str) -> Spoil:
    return lambda root: fill(f"out/frames/{name}", (root / "first.png").read_bytes())(root)


def another_video(record: object, *options: object) -> Spoil:
    """Results of another video, with its record."""

    def spoil(root: Path) -> list:
        mask_of_a_run("00000.png")(root)
        fill("out/frames_run.json", json.dumps(record).encode())(root)
        return list(options)

    return spoil


def outside(root: Path) -> list:
    """A forged record that names a file elsewhere."""
    stale = ["../first.png", str(root / "first.png"), "../frames/00000.png"]
    return another_video({**OTHER_RECORD, "stale": stale}, "--overwrite")(root)


@table(
    Row("output that is a file", fill("out", b""), NO_FOLDER),
    Row("output that is a pipe", made("out", os.mkfifo), NO_FOLDER),
    Row("output that is a socket", made("out", open_socket), NO_FOLDER),
    Row("output that is a device", given("--output", "/dev/null"), r"/dev/null: cannot be a folder to write to"),
    Row("output that links nowhere", made("out", link_to("gone")), NO_FOLDER),
    Row("output that links to itself", made("out", link_to("out")), r"out: .+; "),
    Row("output below a file", fill("file", b"", "--output", Path("file/out")), r"file/out: cannot be a folder"),
    Row("output with a name too long", given("--output", Path("n" * 300)), r"n: (cannot|File name too long)"),
    Row("output where nothing can be made", given("--output", "/proc/out"), r"/proc/out: cannot be a folder"),
    Row("folder of masks that is a file", fill("out/frames", b""), r"out/frames: File exists; fix this and resume"),
    Row("mask that is a folder", made("out/frames/00001.png", Path.mkdir), rf"frames/00001\.png: {IN_THE_WAY}"),
    Row("overlay that is a folder", made("out/frames_overlay.mp4", Path.mkdir), rf"overlay\.mp4: {IN_THE_WAY}"),
    Row("table that is a folder", made("out/frames_probabilities.csv", Path.mkdir), rf"ies\.csv: {IN_THE_WAY}"),
    Row("record that is a folder", made("out/frames_run.json", Path.mkdir), rf"frames_run\.json: {IN_THE_WAY}"),
    Row("record that is a pipe", made("out/frames_run.json", os.mkfifo), "", status=0),
    Row("record that is binary", fill("out/frames_run.json", bytes(range(256))), "not a record", status=0),
    Row("lock that is a folder", made(f"out/{LOCK}", Path.mkdir), r"out: (cannot be written to|another run)"),
    Row("lock that is a pipe", made(f"out/{LOCK}", os.mkfifo), "", status=0),
    Row("masks of other frames", mask_of_a_run("00009.png"), rf"frames/00009\.png: {STRANGER}"),
    Row("masks of another video", another_video(OTHER_RECORD), rf"frames/00000\.png: {STRANGER}"),
    Row("masks of another video to overwrite", another_video(OTHER_RECORD, "--overwrite"), "", status=0),
    Row("masks of another video to resume", another_video(OTHER_RECORD, "--resume"), rf"frames/00000\.png: {STRANGER}"),
    Row("record of a hundred thousand levels", fill("out/frames_run.json", b"[" * 100_000), "not a record", status=0),
    Row("record without facts", another_video({"facts": 1, "files": [], "stale": 2}), "not a record", status=0),
    Row("record with odd facts", another_video({**OTHER_RECORD, "facts": {"video": {}}}), STRANGER),
    Row("record with odd sizes", another_video({**OTHER_RECORD, "files": {"frames/00000.png": []}}), STRANGER),
    Row("record that names files elsewhere", outside, "", status=0),
)
def test_outputs(row: Row, clip: Path, run_generic: Callable) -> None:
    check_row(row, clip, lambda *options: run_generic("--overlay", "--save_probabilities", *options))
