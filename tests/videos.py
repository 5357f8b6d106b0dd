"""Small videos to test with: frames that cannot be mistaken for one another, masks of boxes, and video files."""

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from output.masks import write_mask

SIZE = (48, 64)


def picture(index: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A smooth frame, of which no two are alike and which no rotation or flip maps onto itself."""
    y, x = np.mgrid[: size[0], : size[1]]
    return np.stack([x * 3, y * 4, np.full_like(x, 20 * index)], -1).astype(np.uint8)


def write_frames(folder: Path, names: list[str]) -> Path:
    folder.mkdir(parents=True)
    for index, name in enumerate(names):
        Image.fromarray(picture(index)).save(folder / name)
    return folder


def write_video(path: Path, images: Sequence[np.ndarray], rate: int = 10) -> Path:
    """Write images ``[H,W,3]`` of one even size as H.264; as mp4, the index in front of the data."""
    options = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=Fraction(rate))
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "10"}
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def write_rotated(path: Path, source: Path, matrix: tuple[float, float, float, float]) -> Path:
    """Copy an mp4 with a display matrix (its upper left corner, by rows) in the track header, as cameras write it."""
    a, b, c, d = (round(number * (1 << 16)) for number in matrix)
    data = bytearray(source.read_bytes())
    place = data.index(b"tkhd") + 4 + 4 + 20 + 16  # name, version and flags, times and track, layer to volume
    assert struct.unpack_from(">9i", data, place) == (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    struct.pack_into(">9i", data, place, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def boxes(*labels: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A box of 4 x (label modulo 10) pixels for each id."""
    mask = np.zeros(size, np.uint8)
    for index, label in enumerate(labels):
        mask[8 * index : 8 * index + 4, 2 : 2 + label % 10] = label
    return mask


def write_masks(folder: Path, masks: dict[str, np.ndarray]) -> Path:
    folder.mkdir(parents=True)
    for name, mask in masks.items():
        write_mask(folder / f"{name}.png", mask)
    return folder
