"""A video file of a common container format, read one frame at a time."""

import logging
import math
import os
from collections.abc import Container, Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import av
import numpy as np

from dataset.packets import list_packets
from util.errors import InputError
from util.limits import MAX_PIXELS, check_num_pixels
from util.media import file_url

log = logging.getLogger(__name__)

# FFmpeg's names of the formats that are opened: containers, then streams without one. None reads further files.
CONTAINERS = (
    "mov",
    "mp4",
    "matroska",
    "webm",
    "avi",
    "mpegts",
    "mpeg",
    "flv",
    "asf",
    "ogg",
    "mxf",
    "dv",
    "gif",
    "apng",
)
STREAMS = ("h264", "hevc", "av1", "obu", "ivf", "m4v", "mpegvideo", "mjpeg", "yuv4mpegpipe")
OPENED = {"format_whitelist": ",".join([*CONTAINERS, *STREAMS]), "protocol_whitelist": "file"}
CHECKED = {"err_detect": "explode", "max_pixels": str(MAX_PIXELS)}  # damage is an error rather than concealed
DAMAGED = (av.FFmpegError, OSError, ValueError, IndexError)  # PyAV's errors for damaged files
TURN_TOLERANCE = 5  # degrees
BLOCK_BYTES = 2**28  # frames decoded together on the way back: 43 of 1920 x 1080


class VideoFile:
    """Frames of a video file, named by five-digit frame number from 00000.

    Args:
        strict: whether a file that seems to lack frames is refused; else a note says so.

    Raises:
        InputError: the file is damaged, of no format that is read, or without frames.
    """

    def __init__(self, path: Path, *, strict: bool = False) -> None:
        self.path = path
        self._has_noted_turn = False
        with self._open() as container:
            stream = container.streams.video[0]
            self.frame_rate = Fraction(stream.average_rate or 24)
            self._num_announced = stream.frames  # 0 if the format does not say
            try:
                self._packets = list_packets(container, path)
            except DAMAGED as e:
                raise InputError(f"{path}: unreadable ({describe_cause(e)}); copy it again") from e
        if not self._packets.num_frames:
            raise InputError(f"{path}: no frames; give another video")
        for doubt in self._packets.doubts:
            if strict:
                raise InputError(f"{path}: {doubt}; copy it again")
            log.warning("%s: %s; copy it again if there should be more", path, doubt)

    @cached_property
    def names(self) -> list[str]:
        """The numbers ``00000``, ``00001``, .."""
        return [f"{index:05d}" for index in range(self._packets.num_frames)]

    @cached_property
    def size(self) -> tuple[int, int]:
        """``(height, width)`` as shown, after rotation."""
        return self.read_first_frame().shape[:2]

    def read_first_frame(self) -> np.ndarray:
        """Read the first frame: ``[H,W,3]`` uint8 RGB.

        Raises:
            InputError: it cannot be decoded.
        """
        for _, image in self.read(needed=self.names[:1]):
            return image
        raise InputError(f"{self.path}: no frame could be decoded; convert it anew")

    def read(self, start: int = 0, needed: Container[str] | None = None) -> Iterator[tuple[str, np.ndarray | None]]:
        """Yield name and ``[H,W,3]`` uint8 RGB image of each frame from the ``start``-th on.

        Args:
            needed: names of the frames to convert to images; the others come with None. None: convert all.

        Raises:
            InputError: naming the frame at which decoding fails, or which is damaged.
        """
        index = num_packets = 0
        with self._open() as container:
            try:
                for packet in container.demux(video=0):
                    if packet.size and num_packets == self._packets.num_packets:
                        continue
                    self._check_packet(packet, num_packets, index)
                    num_packets += packet.size > 0
                    for frame in packet.decode():
                        self._check_frame(frame, index)
                        name = f"{index:05d}"
                        is_needed = needed is None or name in needed
                        image = self._convert(frame, index) if is_needed or index == 0 else None
                        if index >= start:
                            yield name, image if is_needed else None
                        index += 1
            except DAMAGED as e:
                raise InputError(
                    f"{self.path}: unreadable at frame {index:05d} ({describe_cause(e)}); convert it anew"
                ) from e
        self._check_end(num_packets, index)
        if index < self._packets.num_frames:
            log.warning("%s: only %d of %d frames could be decoded", self.path, index, self._packets.num_frames)

    def read_around(self, index: int, before: int = 0) -> Iterator[tuple[int, np.ndarray]]:
        """Yield number and ``[H,W,3]`` uint8 RGB image of the frames from a frame on, if possible without earlier ones.

        Decoding begins at the key frame before it; if that does not lead to the frame, at the start of the file.

        Args:
            index: number of the frame.
            before: how many frames before it are yielded as well, as far as they are decoded anyway.

        Raises:
            InputError: naming the frame near which decoding fails, or which is damaged.
        """
        self.size  # noqa: B018 (all frames are compared with the first one's)
        times, found = self._packets.times, []
        if None not in times and len(set(times)) == len(times) and not self._packets.joints:
            frames = self._read_from_key_frame(index, index - before)
            with suppress(InputError):  # reading from the start finds it, if it is not due to the place
                for number, image in frames:
                    found.append((number, image))
                    if number >= index:
                        break
        if found and found[-1][0] == index:
            yield from found
            yield from frames
        else:
            yield from ((int(name), image) for name, image in self.read(max(index - before, 0)))

    def read_backwards(
        self, start: int, needed: Container[str] | None = None
    ) -> Iterator[tuple[str, np.ndarray | None]]:
        """Yield the frames from the ``start``-th back to the first, as ``read`` does.

        They are decoded in blocks, each from the key frame before it; a block is held in memory.
        """
        num_at_once = max(1, BLOCK_BYTES // (3 * math.prod(self.size)))
        while start >= 0:
            block: list[np.ndarray] = []  # images of frames that follow each other, up to the start-th
            first = start
            for number, image in self.read_around(start, before=num_at_once - 1):
                if number > start:
                    break
                if number != first + len(block):
                    block, first = [], number
                block.append(image)
            if first + len(block) != start + 1:
                raise InputError(f"{self.path}: frame {start:05d} cannot be decoded; convert it anew")
            while block:
                name, image = f"{start:05d}", block.pop()
                yield name, image if needed is None or name in needed else None
                start -= 1

    def _read_from_key_frame(self, index: int, start: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the frames from ``start`` on, as far as the key frame before ``index`` allows.

        Some formats are entered behind that key frame, or elsewhere: frames may then be missing, or none may come.
        """
        times = sorted(self._packets.times)
        numbers = {time: number for number, time in enumerate(times)}
        first, last = None, index - 1
        with self._open() as container:
            stream = container.streams.video[0]
            try:
                container.seek(round(times[index] / stream.time_base), stream=stream, backward=True)
                for packet in container.demux(stream):
                    number = _number(packet, numbers)
                    if packet.size and number is None and not packet.is_discard:  # cut off, or without its key frame
                        continue
                    if first is None and not packet.is_keyframe:
                        return
                    first = number if first is None else first
                    self._check_packet(packet, 0, last + 1)
                    for frame in packet.decode():
                        number = _number(frame, numbers)
                        if number is None or number < (first or 0):  # shown before the key frame, it needs earlier ones
                            continue
                        self._check_frame(frame, number)
                        last = number
                        if number >= start:
                            yield number, self._convert(frame, number)
            except DAMAGED as e:
                raise InputError(
                    f"{self.path}: unreadable near frame {index:05d} ({describe_cause(e)}); convert it anew"
                ) from e
        self._check_end(self._packets.num_packets, last + 1)

    def _open(self) -> "av.container.InputContainer":
        if not os.path.getsize(self.path):
            raise InputError(f"{self.path}: an empty file; copy it again")
        try:
            container = av.open(file_url(self.path), container_options=OPENED, metadata_errors="ignore")
        except av.ArgumentError as e:  # also FFmpeg's answer to a format that is not on the list
            cause = "damaged, or of a format that is not read"
            raise InputError(f"{self.path}: unreadable video ({cause}); convert it to mp4 or copy it again") from e
        except DAMAGED as e:
            raise InputError(f"{self.path}: unreadable video ({describe_cause(e)}); convert or copy it again") from e
        try:
            self._prepare(container)
        except InputError:
            container.close()
            raise
        return container

    def _prepare(self, container: "av.container.InputContainer") -> None:
        """Set up the decoder of the first video stream."""
        if not container.streams.video:
            raise InputError(f"{self.path}: holds no video stream; give another file")
        stream = container.streams.video[0]
        if stream.codec_context is None:
            raise InputError(f"{self.path}: its video has no known codec; convert or copy it again")
        check_num_pixels(self.path, stream.codec_context.width, stream.codec_context.height)
        stream.codec_context.options = CHECKED
        stream.thread_type = "SLICE"  # frame threads swallow errors at the end

    def _check_packet(self, packet: "av.Packet", number: int, index: int) -> None:
        """Refuse a packet that is marked as damaged, but for those where parts of a stream were joined."""
        if packet.is_corrupt and number not in self._packets.joints:
            raise InputError(f"{self.path}: damaged after frame {index:05d}; copy it again")

    def _check_frame(self, frame: "av.VideoFrame", index: int) -> None:
        """Refuse a frame that the decoder finds damaged."""
        if frame.is_corrupt:
            raise InputError(f"{self.path}: damaged at frame {index:05d}; copy it again")

    def _check_end(self, num_packets: int, index: int) -> None:
        """Refuse a file with fewer packets than it announces."""
        if num_packets < self._num_announced:
            raise InputError(f"{self.path}: ends at frame {index:05d} of {self._packets.num_frames}; copy it again")

    def _convert(self, frame: "av.VideoFrame", index: int) -> np.ndarray:
        """Convert a frame to RGB, upright; refuse one of another size than the first."""
        if _is_oblique(frame) and not self._has_noted_turn:
            turn = frame.rotation
            log.warning("%s: is to be shown turned by %d degrees; its frames are read unturned", self.path, turn)
            self._has_noted_turn = True
        image = to_upright_rgb(frame)
        size = image.shape[:2]
        self._first_size = size if index == 0 else self._first_size
        if size != self._first_size:
            found, first = ("x".join(map(str, s[::-1])) for s in (size, self._first_size))
            raise InputError(f"{self.path}: {found} pixels from frame {index:05d} on, {first} before; cut it there")
        return image


def to_upright_rgb(frame: "av.VideoFrame") -> np.ndarray:
    """Convert a frame to ``[H,W,3]`` uint8 RGB, and apply the quarter turns that cameras note beside the pixels."""
    image = frame.to_ndarray(format="rgb24")
    return image if _is_oblique(frame) else np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90)))


def _is_oblique(frame: "av.VideoFrame") -> bool:
    """Tell whether a frame is to be shown turned by something between quarter turns."""
    return abs(frame.rotation - 90 * round(frame.rotation / 90)) > TURN_TOLERANCE


def _number(part: "av.Packet | av.VideoFrame", numbers: Mapping[float, int]) -> int | None:
    """Find a frame's number by its time."""
    return None if part.pts is None or part.time_base is None else numbers.get(float(part.pts * part.time_base))


def describe_cause(error: Exception) -> str:
    """Give the plain words of one of PyAV's errors."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
