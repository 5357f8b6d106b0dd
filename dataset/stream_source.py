"""Open a camera, an address of the network or standard input, and decode its frames one after the other.

Nothing but what was asked for is opened: formats and protocols are those of a list, playlists are not among them.
"""

import errno
import logging
import os
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import NamedTuple
from urllib.parse import urlsplit

import av
import numpy as np

from dataset.video_file import CHECKED, DAMAGED, OPENED, describe_cause, to_upright_rgb
from util.errors import InputError
from util.limits import check_num_pixels
from util.media import describe_address

log = logging.getLogger(__name__)

STANDARD_INPUT = "-"
WEB, RTSP = ("http", "https"), ("rtsp", "rtsps")
WEB_OPTIONS = {"format_whitelist": f"{OPENED['format_whitelist']},mpjpeg"}
WEB_OPTIONS["protocol_whitelist"] = "http,https,httpproxy,tcp,tls"
RTSP_OPTIONS = {"format_whitelist": "rtsp", "protocol_whitelist": "rtp,tcp,tls,udp", "rtsp_flags": "prefer_tcp"}
PIPE_OPTIONS = OPENED | {"protocol_whitelist": ""}
DEVICES = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}  # FFmpeg's names, by system
USUAL_RATES = (Fraction(1), Fraction(240))  # in frames per second; others are no rates but units of time
USUAL_RATE = Fraction(25)


class RawFormat(NamedTuple):
    """The form of raw frames, three bytes for each pixel, red first."""

    width: int
    height: int
    frame_rate: Fraction  # in frames per second


class Source(NamedTuple):
    """An opened stream."""

    frame_rate: Fraction  # in frames per second
    images: Iterator[np.ndarray | None]  # [H,W,3] uint8 RGB, upright; None: a damaged frame


def is_stream(video: str) -> bool:
    """Tell whether a video is named by an address, ``-`` for standard input or the number of a camera.

    A number that is also the name of a file or folder means the file or folder.
    """
    return video == STANDARD_INPUT or "://" in video or (video.isdecimal() and not os.path.lexists(video))


@contextmanager
def open_source(address: str, raw: RawFormat | None, timeout: float) -> Iterator[Source]:
    """Open a stream.

    Args:
        address: as ``is_stream`` tells it.
        raw: the form of raw frames on standard input; None: it has a container.
        timeout: seconds of silence after which the stream is given up.

    Raises:
        InputError: it cannot be opened; from ``images``: it is lost.
    """
    if raw is not None:
        check_num_pixels(describe_address(address), raw.width, raw.height)
        yield Source(raw.frame_rate, _read_raw(_Pipe(timeout), raw))
        return
    with _open_container(address, timeout) as container:
        stream = container.streams.video[0]
        rates = (rate for rate in (stream.average_rate, stream.guessed_rate) if rate)
        rate = next((Fraction(rate) for rate in rates if USUAL_RATES[0] <= rate <= USUAL_RATES[1]), USUAL_RATE)
        yield Source(rate, _decode(container, address, timeout))


def camera_input(number: int) -> tuple[str, str]:
    """Give a camera's name and format, as FFmpeg opens it on this system.

    Raises:
        InputError: there is no way to cameras, or no such camera.
    """
    device = DEVICES.get(sys.platform)
    if device == "v4l2":
        return f"/dev/video{number}", device
    if device == "avfoundation":
        return f"{number}:none", device
    if device is None or not hasattr(av, "enumerate_input_devices"):
        raise InputError(
            f"camera {number}: this system or this PyAV opens no cameras; pipe its video to standard input"
        )
    names = [found.name for found in av.enumerate_input_devices(device) if "video" in found.media_types]
    if number >= len(names):
        raise InputError(f"camera {number}: there are {len(names)}, counted from 0; connect it, or choose another")
    return f"video={names[number]}", device


class _Pipe:
    """Standard input for PyAV; a read waits no longer than ``timeout`` seconds.

    The descriptor is read, not Python's buffer, whose lock a waiting thread would hold when the program ends.
    """

    def __init__(self, timeout: float) -> None:
        if sys.stdin is None or sys.stdin.isatty():
            raise InputError("standard input: nothing is piped into it; pipe a video, such as with `< clip.mkv`")
        self._descriptor, self.timeout = os.dup(sys.stdin.fileno()), timeout  # its own, whoever closes the other

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)

    def read(self, size: int) -> bytes:
        """Read at most ``size`` bytes; none at the end."""
        if sys.platform != "win32" and not select.select([self._descriptor], [], [], self.timeout)[0]:
            raise TimeoutError
        return os.read(self._descriptor, size)


def _read_raw(pipe: _Pipe, raw: RawFormat) -> Iterator[np.ndarray | None]:
    size, data = 3 * raw.width * raw.height, bytearray()
    while True:
        try:
            read = pipe.read(size - len(data))
        except TimeoutError as e:
            raise _silent(STANDARD_INPUT, pipe.timeout) from e
        data += read
        if len(data) == size:
            yield np.frombuffer(data, np.uint8).reshape(raw.height, raw.width, 3)
            data = bytearray()
        elif not read:
            yield from [None] if data else []
            return


def _open_container(address: str, timeout: float) -> "av.container.InputContainer":
    """Open a stream and set up the decoder of its first video."""
    label, start = describe_address(address), time.monotonic()
    file, options = _choose_input(address, label, timeout)
    try:
        container = av.open(file, timeout=timeout, metadata_errors="ignore", **options)
    except DAMAGED as e:
        if time.monotonic() - start >= timeout:
            raise _silent(address, timeout) from e
        raise InputError(f"{label}: cannot be opened ({describe_cause(e)}); {_remedy(address)}") from e
    if not container.streams.video or container.streams.video[0].codec_context is None:
        container.close()
        raise InputError(f"{label}: holds no video that can be read; give another stream")
    context = container.streams.video[0].codec_context
    check_num_pixels(label, context.width, context.height)
    context.options = CHECKED
    container.streams.video[0].thread_type = "SLICE"  # threads of frames would hold frames back
    return container


def _choose_input(address: str, label: str, timeout: float) -> tuple[object, dict]:
    """Choose the first argument of ``av.open`` and its options."""
    if address == STANDARD_INPUT:
        return _Pipe(timeout), {"container_options": PIPE_OPTIONS}
    if address.isdecimal():
        file, device = camera_input(int(address))
        return file, {"format": device}
    scheme = urlsplit(address).scheme
    if scheme not in WEB + RTSP:
        raise InputError(f"{label}: addresses of this kind are not opened; give {', '.join(RTSP + WEB)}, or a path")
    return address, {"container_options": RTSP_OPTIONS if scheme in RTSP else WEB_OPTIONS}


def _remedy(address: str) -> str:
    if address == STANDARD_INPUT:
        return "pipe Matroska, MPEG-TS or another container that can be read from its start, or say the raw format"
    if address.isdecimal():
        return "connect it, or let other programs leave it"
    return "look whether it plays elsewhere; of a playlist, give the address of the video itself"


def _decode(container: "av.container.InputContainer", address: str, timeout: float) -> Iterator[np.ndarray | None]:
    """Decode the frames of the first video; at the end or at a loss, also those that the decoder holds back."""
    stream, label = container.streams.video[0], describe_address(address)
    packets = container.demux(stream)
    while True:
        asked = time.monotonic()
        try:
            packet = next(packets, None)
        except DAMAGED as e:
            is_silent = time.monotonic() - asked >= timeout
            yield from _decode_packet(stream, None)
            if is_silent:
                raise _silent(address, timeout) from e
            if address.startswith(WEB) and container.size <= 0 and getattr(e, "errno", None) == errno.EIO:
                _note_end(label)
                return
            raise InputError(f"{label}: lost ({describe_cause(e)}); open it again") from e
        if packet is None:
            if address.startswith(RTSP):
                _note_end(label)
            return
        yield from _decode_packet(stream, packet)


def _note_end(label: str) -> None:
    """Note an end that cannot be told from a loss."""
    log.warning("%s: the server closed the connection, which is taken for the end", label)


def _silent(address: str, timeout: float) -> InputError:
    return InputError(
        f"{describe_address(address)}: nothing came for {timeout:g} s; look whether it plays elsewhere, or wait longer"
    )


def _decode_packet(stream: "av.VideoStream", packet: "av.Packet | None") -> Iterator[np.ndarray | None]:
    """Decode the frames that a packet gives, or that are held back (None)."""
    try:
        frames = stream.decode(packet)
    except DAMAGED:
        frames = [None]
    for frame in frames:
        is_damaged = frame is None or frame.is_corrupt
        yield None if is_damaged else to_upright_rgb(frame)
