"""Small data sets in the layouts of the published ones, with as many sequences as those where that is asked."""

import io
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from downloading.sources import DATA_SOURCES
from util.palette import PALETTE

PALETTE_OF_OURS = PALETTE[::-1]


@cache
def encode_frame(size: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size[::-1], (90, 90, 90)).save(buffer, "jpeg")
    return buffer.getvalue()


@cache
def encode_ids(size: tuple[int, int]) -> bytes:
    mask = np.zeros(size, np.uint8)
    mask[: size[0] // 2], mask[:, : size[1] // 3] = 3, 200
    image, buffer = Image.fromarray(mask), io.BytesIO()
    image.putpalette(PALETTE_OF_OURS)
    image.save(buffer, "png")
    return buffer.getvalue()


def write_frame(path: Path, size: tuple[int, int] = (8, 12)) -> None:
    """A grey frame of ``(height, width)``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_frame(size))


def write_ids(path: Path, size: tuple[int, int] = (8, 12)) -> None:
    """A mask of ids 0, 3 and 200 with a palette of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_ids(size))


def write_videos(root: Path, names: list[str], frames: int = 2, *, masks: int = 2, below: str = "", **options) -> None:
    """Videos ``JPEGImages/<video>``, ``Annotations/<video>``."""
    for name in names:
        for frame in range(frames):
            write_frame(root / "JPEGImages" / below / name / f"{frame:05d}.jpg", **options)
        for frame in range(masks):
            write_ids(root / "Annotations" / below / name / f"{frame:05d}.png", **options)


def write_list(path: Path, names: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(names))


def numbered(count: int, prefix: str = "v") -> list[str]:
    return [f"{prefix}{index:03d}" for index in range(count)]


def davis_2016(root: Path, count: int = 2) -> None:
    write_videos(root, numbered(count), below="480p")
    names = [f"/JPEGImages/480p/{name}/00000.jpg /Annotations/480p/{name}/00000.png" for name in numbered(count)]
    write_list(root / "ImageSets/480p/val.txt", names)


def davis_trainval(root: Path, count: int = 2) -> None:
    train, val = numbered(2 * count), numbered(count, "w")
    write_videos(root, [*train, *val], below="480p")
    write_list(root / "ImageSets/2017/train.txt", train)
    write_list(root / "ImageSets/2017/val.txt", val)


def davis_test_dev(root: Path, count: int = 2) -> None:
    write_videos(root, numbered(count), masks=1, below="480p")
    write_list(root / "ImageSets/2017/test-dev.txt", numbered(count))


def scribbles(root: Path) -> None:
    write_list(root / "Scribbles/v000/001.json", ["{}"])


def static(root: Path) -> None:
    for name in ("fss/class", "DUTS-TR", "DUTS-TE", "ecssd", "BIG_small", "HRSOD_small"):
        write_frame(root / name / "1.jpg")
        write_ids(root / name / "1.png")


def valid(root: Path, count: int = 2) -> None:
    write_videos(root, numbered(count), masks=1)
    objects = {"objects": {"1": {"frames": ["00000", "00001"]}}}
    write_list(root / "meta.json", [str({"videos": {name: objects for name in numbered(count)}}).replace("'", '"')])


def all_frames(root: Path, count: int = 2) -> None:
    write_videos(root, numbered(count), frames=3, masks=0)


BUILDERS = {
    "static": static,
    "davis2016": davis_2016,
    "davis2017_trainval": davis_trainval,
    "davis2017_scribbles": lambda folder: scribbles(folder.parent),
    "davis2017_testdev": davis_test_dev,
    "youtube2018_valid": valid,
    "youtube2018_all_frames": all_frames,
}
PUBLISHED_COUNTS = {
    "davis2016": 20,
    "davis2017_trainval": 30,
    "davis2017_testdev": 30,
    "youtube2018_valid": 474,
    "youtube2018_all_frames": 474,
}


def build(root: Path, *names: str, is_full: bool = False) -> None:
    """Put what the sources become in its place below ``root``, with two or with all sequences."""
    for name in names:
        count = [PUBLISHED_COUNTS[name]] if is_full and name in PUBLISHED_COUNTS else []
        BUILDERS[name](root / DATA_SOURCES[name].target, *count)
