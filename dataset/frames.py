"""Sources of frames: a folder of images or a video file. Both are read one frame at a time."""

import logging
import os
from collections.abc import Container, Iterator
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from dataset.deep_images import find_depth
from dataset.frame_names import find_frames
from dataset.images import IMAGE_SUFFIXES, find_highest_level, list_images, read_frame_size, read_rgb
from dataset.video_file import VideoFile
from util.errors import InputError
from util.files import make_folder, write_then_rename
from util.limits import check_path
from util.pipeline import map_ahead

log = logging.getLogger(__name__)

DECODING_THREADS = 4  # a JPEG of 854 x 480 takes one of them 6 ms


class FrameFolder:
    """Frames that are images of one folder, named by their base names, in natural order."""

    frame_rate = Fraction(24)

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self._images = list_images(folder)
        if not self._images:
            raise InputError(f"{folder}: no frames; expected images ({', '.join(sorted(IMAGE_SUFFIXES))})")
        num_hidden = sum(path.suffix.lower() in IMAGE_SUFFIXES for path in folder.glob(".[!_]*"))  # macOS writes "._"
        if num_hidden:
            log.warning("%s: %d image(s) whose names begin with a dot are left out", folder, num_hidden)

    @cached_property
    def names(self) -> list[str]:
        """Base names in order."""
        return list(self._images)

    @cached_property
    def size(self) -> tuple[int, int]:
        """``(height, width)`` of all frames, from the files' headers.

        Raises:
            InputError: a frame is unreadable or has another size.
        """
        first, *others = self._images.values()
        size = read_frame_size(first)
        for path in others:
            if read_frame_size(path) != size:
                found = "x".join(map(str, read_frame_size(path)[::-1]))
                raise InputError(
                    f"{path}: {found} pixels, but {first.name} has {size[1]}x{size[0]}; "
                    "frames of one video must have one size"
                )
        return size

    @cached_property
    def _depth(self) -> int:
        """Bits that 16-bit levels really use: cameras of 12 bits would otherwise give frames that are nearly black."""
        first, *others = self._images.values()
        highest = find_highest_level(first)
        if highest is None:
            return 16
        highest = max(highest, *(level or 0 for level in map_ahead(find_highest_level, others, DECODING_THREADS)), 0)
        depth = find_depth(highest)
        if depth < 16:
            log.warning("%s: 16-bit frames with levels up to %d are read as %d-bit ones", self.path, highest, depth)
        return depth

    def read(self, start: int = 0, needed: Container[str] | None = None) -> Iterator[tuple[str, np.ndarray | None]]:
        """Yield name and ``[H,W,3]`` uint8 RGB image of each frame from the ``start``-th on.

        Args:
            needed: names of the frames to decode; the others come with None as their image. None: decode all.

        Raises:
            InputError: naming the frame that is unreadable or truncated.
        """
        return self._read(self.names[start:], needed)

    def read_backwards(
        self, start: int, needed: Container[str] | None = None
    ) -> Iterator[tuple[str, np.ndarray | None]]:
        """Yield the frames from the ``start``-th back to the first, as ``read`` does."""
        return self._read(self.names[start::-1], needed)

    def _read(self, names: list[str], needed: Container[str] | None) -> Iterator[tuple[str, np.ndarray | None]]:
        depth = self._depth

        def read_if_needed(name: str) -> tuple[str, np.ndarray | None]:
            return name, read_rgb(self._images[name], depth) if needed is None or name in needed else None

        yield from map_ahead(read_if_needed, names, DECODING_THREADS)


def open_frames(path: Path, *, strict: bool = False) -> FrameFolder | VideoFile:
    """A folder of images or a video file.

    Args:
        strict: whether a video file that seems to lack frames is refused; else a note says so.

    Raises:
        InputError: there is no such path, or no frame in it.
    """
    check_path(path, "give a video or a folder of frames")
    return FrameFolder(path) if path.is_dir() else VideoFile(path, strict=strict)


def read_first_frame(frames: FrameFolder | VideoFile) -> np.ndarray:
    """Read the first frame: ``[H,W,3]`` uint8 RGB.

    Raises:
        InputError: it cannot be decoded.
    """
    if isinstance(frames, VideoFile):
        return frames.read_first_frame()
    return next(frames.read(needed=frames.names[:1]))[1]


def read_frame(frames: FrameFolder | VideoFile, frame: str) -> np.ndarray:
    """Read a frame by its name or number: ``[H,W,3]`` uint8 RGB.

    Raises:
        InputError: there is no such frame, or it cannot be decoded.
    """
    name = name_frame(frames, frame)
    for _, image in frames.read(frames.names.index(name), {name}):
        return image
    raise InputError(f"{frames.path}: frame {name} cannot be decoded; convert it anew")


def name_frame(frames: FrameFolder | VideoFile, text: str) -> str:
    """Name the frame that a text means, as ``find_frames`` does.

    Raises:
        InputError: there is no such frame.
    """
    found = find_frames(frames.names, [text])[text]
    if found is None:
        first, last = frames.names[0], frames.names[-1]
        raise InputError(f"{frames.path}: has no frame {text}, but {first} to {last}; give another")
    return found


def write_first_frame(frames: FrameFolder | VideoFile, path: Path, frame: str | None = None) -> None:
    """Write a frame, upright as it is read, to draw a mask on: as PNG, whole or not at all.

    Args:
        frame: its name or number; None: the first.

    Raises:
        InputError: there is no such frame, it cannot be decoded, or the path lies among the frames.
    """
    if Path(os.path.realpath(path)).is_relative_to(os.path.realpath(frames.path)):
        raise InputError(f"{path}: would become part of the video {frames.path}; choose another place")
    write_frame(read_first_frame(frames) if frame is None else read_frame(frames, frame), path)


def write_frame(image: np.ndarray, path: Path) -> None:
    """Write a frame ``[H,W,3]`` uint8 RGB as PNG, whole or not at all."""
    make_folder(path.parent)
    with write_then_rename(path) as temporary:
        Image.fromarray(image).save(temporary, "PNG")
