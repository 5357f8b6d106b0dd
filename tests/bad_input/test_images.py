"""Frames and masks that are no images, damaged, hostile or of a form of their own."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from tests.bad_input.builders import (
    cut,
    fill,
    given,
    link_to,
    make_bomb,
    make_png,
    open_socket,
    replaced,
    save_as,
)
from tests.bad_input.rows import Row, check_row, table

FRAME, MASK = "frames/00001.png", "first.png"
BAD_FRAME = r"00001\.png: unreadable frame \(.+\); save or download it again"
BAD_MASK = r"first\.png: unreadable mask \(.+\); save or download it again"
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n%%EndComments\nshowpage\n%%EOF\n"
PSD = b"8BPS\0\1\0\0\0\0\0\0\0\3\0\0\0\x30\0\0\0\x40\0\x08\0\3" + bytes(14)
IDS = np.zeros((48, 64), np.uint16)
IDS[5:20, 5:30], IDS[25:40, 35:60] = 1, 2


def channels(*levels: np.ndarray | int) -> np.ndarray:
    return np.dstack([np.broadcast_to(np.uint16(level), IDS.shape) for level in levels])


def other_frames(change: Callable[[Image.Image], Image.Image]) -> Callable[[Path], None]:
    """Change the second frame."""

    def spoil(root: Path) -> None:
        with Image.open(root / FRAME) as image:
            change(image).save(root / FRAME)

    return spoil


def deep_frames(root: Path) -> None:
    """Frames of 16 bits with 12-bit levels."""
    for path in sorted((root / "frames").iterdir()):
        levels = np.linspace(0, 4095, 48 * 64).reshape(48, 64)
        path.write_bytes(make_png(np.dstack([levels, levels[::-1], levels]), 16, 2))


def mixed(*kinds: str) -> Callable[[Path], list]:
    """Masks of the first frames, each stored in another way: indexed, in its colours, 1-bit or 16-bit."""

    def spoil(root: Path) -> list:
        (root / "masks").mkdir()
        for index, kind in enumerate(kinds):
            image = Image.fromarray(IDS.astype(np.uint8))
            image.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0])
            others = {"RGB": image.convert("RGB"), "1": Image.fromarray(IDS > 0), "16": Image.fromarray(IDS)}
            others.get(kind, image).save(root / f"masks/{index:05d}.png")
        return ["--mask", root / "masks"]

    return spoil


def turned_mask(root: Path) -> None:
    """A mask that EXIF turns, for frames that are not turned."""
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(root / MASK) as image:
        image.save(root / MASK, exif=exif)


def hidden(root: Path) -> None:
    (root / "frames/00002.png").rename(root / "frames/.00002.png")
    (root / "frames/._00001.png").touch()


def pipe(root: Path) -> list:
    os.mkfifo(root / "pipe")
    return ["--video", root / "pipe"]


def circle(root: Path) -> list:
    (root / "circle").symlink_to("circle")
    return ["--video", root / "circle"]


def no_folder(root: Path) -> list:
    return ["--video", root / "first.png" / "frames"]


@table(
    Row("frame cut in the middle", cut(FRAME, 0.5), BAD_FRAME),
    Row("frame cut in its header", cut(FRAME, 0.01), BAD_FRAME),
    Row("frame that is empty", fill(FRAME, b""), BAD_FRAME),
    Row("frame that is text", fill(FRAME, b"text"), BAD_FRAME),
    Row("frame that is EPS inside", fill(FRAME, EPS), BAD_FRAME),
    Row("frame that is PSD inside", fill(FRAME, PSD), BAD_FRAME),
    Row("frame that is AVIF inside", save_as(FRAME, "AVIF"), BAD_FRAME),
    Row("frame that is a pipe", replaced(FRAME, os.mkfifo), r"00001\.png: a pipe and no regular file"),
    Row("frame that is a socket", replaced(FRAME, open_socket), r"00001\.png: a socket and no regular file"),
    Row("frame that is a device", replaced(FRAME, link_to("/dev/zero")), r"00001\.png: a device and no regular file"),
    Row("frame that is a folder", replaced(FRAME, Path.mkdir), r"00001\.png: unreadable frame \(.*directory"),
    Row(
        "frame that links nowhere", replaced(FRAME, link_to("gone")), r"00001\.png: a link that leads nowhere, to gone"
    ),
    Row("frame that links to itself", replaced(FRAME, link_to("00001.png")), r"00001\.png: a link .* in a circle"),
    Row("frame of gigabytes", fill(FRAME, make_bomb(60000, 60000)), r"00001\.png: .*more than the 100 million"),
    Row(
        "frame of 110 million pixels",
        fill(FRAME, make_bomb(11000, 10000)),
        r"00001\.png: 11000x10000 pixels, more than",
    ),
    Row("frame of another size", other_frames(lambda image: image.resize((32, 24))), r"00001\.png: 32x24 pixels, but"),
    Row("frame of another shape", other_frames(lambda image: image.rotate(90, expand=True)), r"00001\.png: 48x64 pix"),
    Row("frames of 12 bits", deep_frames, r"frames: 16-bit frames with levels up to 4095 are read as 12-bit", status=0),
    Row("frame of a hidden name", hidden, r"frames: 1 image\(s\) whose names begin with a dot are left out", status=0),
    Row("video that is a pipe", pipe, r"pipe: a pipe and no regular file; give a video or a folder of frames"),
    Row("video that is a device", given("--video", "/dev/zero"), r"/dev/zero: a device and no regular file"),
    Row("video that is not there", given("--video", Path("none")), r"none: no such file or folder; give a video"),
    Row("folder of frames that links to itself", circle, r"circle: a link that leads in a circle"),
    Row("video below a file", no_folder, r"first\.png/frames: no such file or folder; give a video"),
    Row("video without a name", given("--video", ""), r"argument --video: is empty"),
    Row("mask without a name", given("--mask", ""), r"argument --mask: is empty"),
    Row("output without a name", given("--output", " "), r"argument --output: is empty"),
)
def test_frames(row: Row, clip: Path, run_generic: Callable) -> None:
    check_row(row, clip, run_generic)


@table(
    Row("mask cut in the middle", cut(MASK, 0.5), BAD_MASK),
    Row("mask that is empty", fill(MASK, b""), BAD_MASK),
    Row("mask that is EPS inside", fill(MASK, EPS), BAD_MASK),
    Row("mask that is AVIF inside", save_as(MASK, "AVIF"), BAD_MASK),
    Row("mask that is a pipe", replaced(MASK, os.mkfifo), r"first\.png: a pipe and no regular file"),
    Row("mask that is a socket", replaced(MASK, open_socket), r"first\.png: a socket and no regular file"),
    Row("mask that is a device", replaced(MASK, link_to("/dev/zero")), r"first\.png: a device and no regular file"),
    Row("mask that links nowhere", replaced(MASK, link_to("gone")), r"first\.png: a link that leads nowhere, to gone"),
    Row("mask that links to itself", replaced(MASK, link_to(MASK)), r"first\.png: a link that leads in a circle"),
    Row("mask of gigabytes", fill(MASK, make_bomb(100000, 100000)), r"first\.png: .*(pixels|exceeds limit)"),
    Row("indexed masks, then colours", mixed("P", "RGB"), "2 of 3 frames have masks", status=0),
    Row("colours, then indexed masks of other ids", mixed("RGB", "P"), r"00001\.png: its index 1 means another object"),
    Row("colours, then 16-bit ids", mixed("RGB", "16"), r"00001\.png: ids without colours after masks in colours"),
    Row("1-bit mask, then colours", mixed("1", "RGB"), r"00001\.png: colours after a mask of ids, grey or white only"),
    Row("mask that is turned", turned_mask, r"first\.png: mask of 48x64 pixels .* width and height exchanged"),
    Row(
        "mask of 16-bit colours alike in 8 bits",
        fill(MASK, make_png(channels(IDS, 0, 0), 16, 2)),
        r"first\.png: 16-bit colours that are alike in 8 bits; save indexed masks",
    ),
)
def test_masks(row: Row, clip: Path, run_generic: Callable) -> None:
    check_row(row, clip, run_generic)
