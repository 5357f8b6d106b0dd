"""The sound of a video file, written beside its frames into another video."""

import logging
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer

from util.media import file_url

log = logging.getLogger(__name__)

COPIED_CODECS = {"aac", "mp3"}  # those that every browser plays in an mp4; the others become AAC
AAC_RATES = (48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)  # in Hz; other rates become the first
PROBED_PACKETS = 50  # a track is broken if none of its first packets can be decoded
UNREADABLE = (av.FFmpegError, ValueError, LookupError)  # PyAV raises these for files that it cannot read


class Sound:
    """Write the first sound track of a file into a video, along with the frames; a context manager.

    Time 0 is the time of the file's first frame. Broken sound is no error: a note is logged, and the video is silent
    from there on. The file is read along with the writing, so that memory is bounded.

    Args:
        source: a video file; None: there is no sound.
        container: a video that nothing is written to yet; it gets another stream if there is sound.
    """

    def __init__(self, source: Path | None, container: OutputContainer) -> None:
        self._source, self._container = source, container
        self._packets = _read_sound(source, container)
        self._waiting: av.Packet | None = None  # the packet to be written next

    def __enter__(self) -> "Sound":
        self._waiting = next(self._packets, None)
        return self

    def __exit__(self, *_) -> None:
        self._packets.close()

    def write_until(self, time: Fraction) -> None:
        """Write the sound that begins before a time in seconds."""
        while self._waiting is not None and self._waiting.pts * self._waiting.time_base < time:
            try:
                self._container.mux(self._waiting)
                self._waiting = next(self._packets, None)
            except ValueError as e:  # the packet is at fault; a disk that is full raises an OSError
                _note_broken(self._source, e)
                self._waiting = None


def _note_broken(source: Path, error: Exception) -> None:
    log.warning("%s: its sound is broken (%s); the overlay is silent where it cannot be read", source, error)


def _read_sound(source: Path | None, container: OutputContainer) -> Iterator[av.Packet]:
    """Add a stream to ``container`` and yield its packets, in order and with times from the source's first frame."""
    if source is None:
        return
    try:
        start = _probe(source)
        if start is None:
            return
        with av.open(file_url(source)) as file:
            stream = file.streams.audio[0]
            convert = _copy if _can_be_copied(stream) else _transcode
            last_time = None
            for packet in convert(stream, container, start):
                if last_time is None or packet.dts > last_time:  # damaged files may step back in time
                    last_time = packet.dts
                    yield packet
    except UNREADABLE as e:
        _note_broken(source, e)


def _probe(source: Path) -> Fraction | None:
    """Return the time of the first frame in seconds, or None if there is no sound.

    Raises:
        ValueError: the sound or the frame cannot be decoded.
    """
    with av.open(file_url(source)) as file:
        if not file.streams.audio or not file.streams.video:
            return None
        sound = next(_decode(islice(file.demux(file.streams.audio[0]), PROBED_PACKETS)), None)
    with av.open(file_url(source)) as file:
        frame = next(_decode(file.demux(file.streams.video[0])), None)
    if sound is None or frame is None:
        raise ValueError("it cannot be decoded")
    return Fraction(0) if frame.pts is None else frame.pts * frame.time_base


def _decode(packets: Iterator[av.Packet]) -> Iterator[av.AudioFrame | av.VideoFrame]:
    """Decode packets; those that are damaged are left out, as players do."""
    for packet in packets:
        yield from _decode_packet(packet) or ()


def _decode_packet(packet: av.Packet) -> list[av.AudioFrame | av.VideoFrame] | None:
    """Decode a packet, or return None if it is damaged."""
    try:
        return packet.decode()
    except av.error.InvalidDataError:
        return None


def _can_be_copied(stream: AudioStream) -> bool:
    is_known = stream.rate > 0 and stream.channels > 0  # damaged files may lack them until they are decoded
    return is_known and stream.codec_context.codec.canonical_name in COPIED_CODECS


def _copy(stream: AudioStream, container: OutputContainer, start: Fraction) -> Iterator[av.Packet]:
    """Yield the packets as they are, but for their times.

    Damaged packets are left out: the container would refuse them only later, among the frames.
    """
    copy = container.add_stream_from_template(stream)
    for packet in stream.container.demux(stream):
        if packet.dts is None or _decode_packet(packet) is None:  # the first is the mark at the end of the file
            continue
        packet.dts -= round(start / packet.time_base)
        packet.pts = packet.dts  # sound is stored in the order in which it is heard
        if packet.pts + packet.duration >= 0:
            packet.stream = copy
            yield packet


def _transcode(stream: AudioStream, container: OutputContainer, start: Fraction) -> Iterator[av.Packet]:
    """Yield the sound as AAC, with one or two channels."""
    rate = stream.rate if stream.rate in AAC_RATES else AAC_RATES[0]
    layout = "mono" if stream.channels == 1 else "stereo"
    encoder = container.add_stream("aac", rate=rate)
    encoder.layout, encoder.time_base = layout, Fraction(1, rate)
    resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
    for frame in chain(_shift(_decode(stream.container.demux(stream)), start), [None]):  # None: give what is held back
        for resampled in resampler.resample(frame):
            yield from encoder.encode(resampled)
    yield from encoder.encode(None)


def _shift(frames: Iterator[av.AudioFrame], start: Fraction) -> Iterator[av.AudioFrame]:
    """Count the frames' times from ``start``; leave out those that end before it, and those without a time."""
    for frame in frames:
        if frame.pts is None:
            continue
        frame.pts -= round(start / frame.time_base)
        if frame.pts * frame.time_base + Fraction(frame.samples, frame.sample_rate) > 0:
            yield frame
