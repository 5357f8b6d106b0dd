"""Small frames and results for the tests of ``output``, and videos read back."""

from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from output.result import FrameResult


def gradient(size: tuple[int, int]) -> np.ndarray:
    """An image ``[H,W,3]`` whose pixels all differ."""
    y, x = np.mgrid[: size[0], : size[1]]
    return np.stack([y + 40, x + 60, 200 - x], -1).astype(np.uint8)


def frame_result(name: str, labels: tuple[int, ...], shown: tuple[int, ...], dtype: type = np.uint8) -> FrameResult:
    """A box for each shown label at a place of its own, with random probabilities."""
    height, width = 45, 61
    ids = np.zeros((height, width), dtype)
    for index, label in enumerate(labels):
        if label in shown:
            ids[4 + 13 * index : 14 + 13 * index, 5:50] = label
    rng = np.random.default_rng(int(name))
    probabilities = rng.random((1 + len(labels), height, width)).astype(np.float16)
    return FrameResult(name, gradient((height, width)), ids, labels, probabilities)


class StoredVideo(NamedTuple):
    """A video as it is read back."""

    codec: str
    pixel_format: str
    frame_rate: Fraction
    duration: float  # seconds that the frames last
    frames: np.ndarray  # [T,H,W,3]


def read_video(path: Path) -> StoredVideo:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(stream)])
        codec = stream.codec_context
        duration = float(stream.duration * stream.time_base)
        return StoredVideo(codec.name, codec.pix_fmt, stream.average_rate, duration, frames)
