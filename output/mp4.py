"""Videos with sound: H.264 in an mp4, which browsers play, and ProRes 4444 in a mov, which has transparency."""

import logging
from contextlib import ExitStack, closing
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from output.audio import Sound
from util.errors import InputError
from util.files import write_then_rename
from util.media import file_url

log = logging.getLogger(__name__)

FASTSTART = {"movflags": "+faststart"}  # the index comes first, so that browsers play while they load
RATES = (Fraction(1), Fraction(240))  # the lowest and the highest that players take, in frames per second
MAX_DENOMINATOR = 65535  # frame rates are fractions, and the format holds no larger denominator


class Codec(NamedTuple):
    """A way to store a video's images."""

    name: str  # for people
    encoder: str  # FFmpeg's
    pixels: str  # how images are stored
    options: dict[str, str]
    multiple: int  # the sides are extended to a multiple of so many pixels


H264 = Codec(
    "H.264",
    "libx264",
    "yuv420p",  # all browsers play this
    # Without the second option a few bytes differ from run to run: fast functions read beside their data.
    {"crf": "20", "x264-params": "cpu-independent=1"},
    2,
)
PRORES = Codec("ProRes 4444", "prores_ks", "yuva444p10le", {"profile": "4444", "vendor": "apl0", "alpha_bits": "16"}, 1)


class Mp4Writer:
    """Write a video frame by frame; a context manager that leaves the file whole or not at all.

    The file appears at the end if there was a frame.

    Args:
        path: path of the mp4 or mov.
        frame_rate: in frames per second; one below 1 or above 240 is replaced, with a note and without sound.
        audio: a file whose sound, from its first frame to its last, belongs to the frames; None: no sound.
        codec: how images are stored.
    """

    def __init__(self, path: Path, frame_rate: Fraction, audio: Path | None = None, codec: Codec = H264) -> None:
        bounded = min(max(frame_rate, RATES[0]), RATES[1])
        if bounded != frame_rate:
            log.warning("%s: %g frames per second become %s, without sound", path, frame_rate, bounded)
        self._codec = codec
        self._path, self._audio_source = path, audio if bounded == frame_rate else None
        self._frame_rate = bounded.limit_denominator(MAX_DENOMINATOR)
        self._stack = ExitStack()  # empty until the first frame
        self._num_frames = 0

    def __enter__(self) -> "Mp4Writer":
        return self

    def __exit__(self, *error) -> None:
        self._stack.__exit__(*error)

    def write(self, image: np.ndarray) -> None:
        """Append a frame ``[H,W,3]`` uint8 RGB, or ``[H,W,4]`` with straight alpha.

        For H.264 an odd side is extended by a pixel, as 4:2:0 needs.

        Raises:
            InputError: the installed PyAV has no such encoder.
        """
        height, width = image.shape[:2]
        image = np.pad(image, ((0, -height % self._codec.multiple), (0, -width % self._codec.multiple), (0, 0)), "edge")
        if self._num_frames == 0:
            self._open(*image.shape[:2])
        self._num_frames += 1
        frame = av.VideoFrame.from_ndarray(image, format="rgba" if image.shape[2] == 4 else "rgb24")
        self._encode(
            frame.reformat(format=self._codec.pixels)
        )  # converted by the encoder, bytes would differ from run to run

    def _open(self, height: int, width: int) -> None:
        """Begin the file; on the way back it is completed, closed and renamed, in this order."""
        codec = self._codec
        with ExitStack() as stack:
            temporary = stack.enter_context(write_then_rename(self._path))
            self._container = stack.enter_context(closing(av.open(file_url(temporary), "w", options=FASTSTART)))
            try:
                self._stream = self._container.add_stream(codec.encoder, rate=self._frame_rate, options=codec.options)
            except (av.FFmpegError, ValueError) as e:
                raise InputError(f"{self._path}: this PyAV cannot write {codec.name}; `pip install av`") from e
            self._stream.height, self._stream.width, self._stream.pix_fmt = height, width, codec.pixels
            self._sound = stack.enter_context(Sound(self._audio_source, self._container))
            stack.push(self._complete)
            self._stack = stack.pop_all()

    def _encode(self, frame: av.VideoFrame | None) -> None:
        """Write what the encoder gives for a frame, or holds back at the end (None), and the sound up to there."""
        for packet in self._stream.encode(frame):
            self._sound.write_until(packet.pts * packet.time_base)
            self._container.mux(packet)

    def _complete(self, error_type: type[BaseException] | None, *_) -> None:
        if error_type is None:
            self._encode(None)
            self._sound.write_until(self._num_frames / self._frame_rate)
