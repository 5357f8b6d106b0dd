"""Where frames come from: a folder of images or a video file. Both are read one frame at a time."""

import logging
import os
from collections.abc import Container, Iterator
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import av
import numpy as np
from PIL import Image

from dataset.deep_images import find_depth
from dataset.images import IMAGE_SUFFIXES, find_highest_level, list_images, read_frame_size, read_rgb
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
        depth = self._depth

        def read_if_needed(name: str) -> tuple[str, np.ndarray | None]:
            return name, read_rgb(self._images[name], depth) if needed is None or name in needed else None

        yield from map_ahead(read_if_needed, self.names[start:], DECODING_THREADS)


class VideoFile:
    """Frames of a video file of any format that FFmpeg reads, named by five-digit frame number from 00000."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._open() as container:
            stream = container.streams.video[0]
            self.frame_rate = Fraction(stream.average_rate or 24)
            self._num_announced = stream.frames  # 0 if the format does not say
            self._num_frames = self._count_frames(container)
        if not self._num_frames:
            raise InputError(f"{path}: no frames; give another video")

    @cached_property
    def names(self) -> list[str]:
        """The numbers ``00000``, ``00001``, .."""
        return [f"{index:05d}" for index in range(self._num_frames)]

    @cached_property
    def size(self) -> tuple[int, int]:
        """``(height, width)`` as shown, after rotation."""
        return read_first_frame(self).shape[:2]

    def read(self, start: int = 0, needed: Container[str] | None = None) -> Iterator[tuple[str, np.ndarray | None]]:
        """Yield name and ``[H,W,3]`` uint8 RGB image of each frame from the ``start``-th on.

        Args:
            needed: names of the frames to convert to images; the others come with None. None: convert all.

        Raises:
            InputError: naming the frame at which decoding fails.
        """
        index = num_packets = 0
        with self._open() as container:
            container.streams.video[0].thread_type = "SLICE"  # frame threads swallow errors at the end
            try:
                for packet in container.demux(video=0):
                    num_packets += packet.size > 0
                    if packet.is_corrupt:
                        raise InputError(f"{self.path}: damaged after frame {index:05d}; copy it again")
                    for frame in packet.decode():
                        name = f"{index:05d}"
                        is_needed = needed is None or name in needed
                        image = self._upright(frame) if is_needed or index == 0 else None
                        if image is not None:
                            self._check_size(image.shape[:2], index)
                        if index >= start:
                            yield name, image if is_needed else None
                        index += 1
            except av.FFmpegError as e:
                raise InputError(f"{self.path}: unreadable at frame {index:05d} ({e.strerror}); convert it anew") from e
        if num_packets < self._num_announced:
            raise InputError(f"{self.path}: ends at frame {index:05d} of {self._num_frames}; copy it again")
        if index < self._num_frames:
            log.warning("%s: only %d of %d frames could be decoded", self.path, index, self._num_frames)

    def _check_size(self, size: tuple[int, int], index: int) -> None:
        self._first_size = size if index == 0 else self._first_size
        if size != self._first_size:
            found, first = ("x".join(map(str, s[::-1])) for s in (size, self._first_size))
            raise InputError(f"{self.path}: {found} pixels from frame {index:05d} on, {first} before; cut it there")

    def _open(self) -> "av.container.InputContainer":
        try:
            container = av.open(str(self.path))
        except (av.FFmpegError, OSError) as e:
            raise InputError(f"{self.path}: unreadable video ({e.strerror}); convert or copy it again") from e
        if not container.streams.video:
            container.close()
            raise InputError(f"{self.path}: holds no video stream; give another file")
        return container

    def _count_frames(self, container: "av.container.InputContainer") -> int:
        """Count packets that give a frame: an edit list hides some, a cut leaves some before the first key frame."""
        count, first_time = 0, None
        try:
            for packet in container.demux(video=0):
                first_time = packet.pts if first_time is None else first_time
                is_before_first = None not in (packet.pts, first_time) and packet.pts < first_time
                count += packet.size > 0 and not packet.is_discard and not is_before_first
        except av.FFmpegError as e:
            raise InputError(f"{self.path}: unreadable after frame {count:05d} ({e.strerror}); copy it again") from e
        return count

    @staticmethod
    def _upright(frame: "av.VideoFrame") -> np.ndarray:
        """Apply the rotation that cameras note beside the pixels."""
        image = frame.to_ndarray(format="rgb24")
        return np.ascontiguousarray(np.rot90(image, frame.rotation // 90))


def open_frames(path: Path) -> FrameFolder | VideoFile:
    """A folder of images or a video file.

    Raises:
        InputError: there is no such path, or no frame in it.
    """
    check_path(path, "give a video or a folder of frames")
    return FrameFolder(path) if path.is_dir() else VideoFile(path)


def read_first_frame(frames: FrameFolder | VideoFile) -> np.ndarray:
    """Read the first frame: ``[H,W,3]`` uint8 RGB.

    Raises:
        InputError: it cannot be decoded.
    """
    for _, image in frames.read(needed=frames.names[:1]):
        return image
    raise InputError(f"{frames.path}: no frame could be decoded; convert it anew")


def write_first_frame(frames: FrameFolder | VideoFile, path: Path) -> None:
    """Write the first frame, upright as it is read, to draw a mask on: as PNG, whole or not at all.

    Raises:
        InputError: the frame cannot be decoded, or the path lies among the frames.
    """
    if Path(os.path.realpath(path)).is_relative_to(os.path.realpath(frames.path)):
        raise InputError(f"{path}: would become part of the video {frames.path}; choose another place")
    image = Image.fromarray(read_first_frame(frames))
    make_folder(path.parent)
    with write_then_rename(path) as temporary:
        image.save(temporary, "PNG")
