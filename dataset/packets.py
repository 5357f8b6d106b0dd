"""The packets of a video file, before any is decoded: how many frames they hold, whether some seem to be missing."""

import struct
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO, NamedTuple

import av
import numpy as np

STATES_DURATION = {"matroska,webm", "flv"}  # formats that state it in front, and still do when the file was cut
SHORTEST_CUT = 0.05  # seconds; sound may end so much earlier than the header says
STEADY_SHARE = 0.95  # share of frames that follow at one distance, in a video of steady rate
DISTANCE_TOLERANCE = 0.1  # by which such distances may differ, and Matroska's milliseconds beside that
TS_PACKETS = {0: 188, 4: 192}  # place of the first sync byte in a transport stream -> length of its packets
TS_SYNC = b"\x47"
BOXES = {b"moov", b"mdat", b"moof", b"mfra"}  # the top level of an mp4 holds these; other things may follow them
BEFORE_JOINT = 2  # packets; the parser marks one of them as damaged rather than the first of the next part


class PacketList(NamedTuple):
    """The facts that the packets of a video tell."""

    times: list[float | None]  # when the frames are shown, in seconds, in the order of the packets
    num_packets: int  # to be decoded, without an incomplete one at the end of a file that was cut
    joints: frozenset[int]  # packets around places where timestamps jump back, since parts were joined there
    doubts: list[str]  # reasons to think that frames are missing

    @property
    def num_frames(self) -> int:
        """Number of frames."""
        return len(self.times)


class _Packet(NamedTuple):
    """A packet of the video stream; times are in seconds."""

    time: float | None  # when it is shown
    decoding_time: float | None
    is_discarded: bool  # an edit list hides it
    is_corrupt: bool


def list_packets(container: "av.container.InputContainer", path: Path) -> PacketList:
    """Run through all packets of a file.

    Raises:
        av.FFmpegError, ValueError, IndexError: the file is damaged.
    """
    video, packets, end = container.streams.video[0], [], 0.0
    interval = float(1 / video.average_rate) if video.average_rate else 0.0
    for packet in container.demux():
        if packet.size == 0:
            continue
        time = _seconds(packet.pts, packet)
        if packet.stream.index == video.index:
            decoding_time = _seconds(packet.dts, packet)
            packets.append(_Packet(time, decoding_time, packet.is_discard, packet.is_corrupt))
        if time is not None:
            end = max(end, time + (_seconds(packet.duration, packet) or interval))
    is_incomplete = bool(packets) and packets[-1].is_corrupt and not video.frames  # else the count tells
    is_cut = is_incomplete or _is_cut(container.format.name, path)
    if is_incomplete or (is_cut and container.format.name == "mpegts"):
        del packets[-1:]
    doubts = _list_doubts(container, is_cut, end, interval)
    num_missing = count_missing([packet.time for packet in packets if packet.time is not None])
    if num_missing and container.format.name == "matroska,webm":
        doubts.append(f"about {num_missing} frame(s) are missing from its steady rate")
    return PacketList(_list_times(packets), len(packets), _find_joints(packets), doubts)


def count_missing(times: list[float]) -> int:
    """Count the frames that are missing from a steady rate; 0 if the rate is not steady.

    Args:
        times: when the frames are shown, in seconds.
    """
    distances = np.diff(np.sort(times))
    if not distances.size:
        return 0
    usual = float(np.median(distances))
    is_usual = np.abs(distances - usual) <= DISTANCE_TOLERANCE * usual + 1e-3
    if usual <= 0 or is_usual.mean() < STEADY_SHARE:
        return 0
    return int((np.rint(distances[~is_usual] / usual) - 1).clip(0).sum())


def _seconds(ticks: int | None, packet: "av.Packet") -> float | None:
    return None if ticks is None or packet.time_base is None else float(ticks * packet.time_base)


def _list_times(packets: list[_Packet]) -> list[float | None]:
    """List when packets that give a frame are shown: an edit list hides some, a cut some before the first key frame."""
    first = packets[0].time if packets else None
    leading = list(takewhile(lambda packet: None not in (packet.time, first) and packet.time < first, packets[1:]))
    shown = [*packets[:1], *packets[1 + len(leading) :]]
    return [packet.time for packet in shown if not packet.is_discarded]


def _find_joints(packets: list[_Packet]) -> frozenset[int]:
    """Find the packets around each place where parts were joined."""
    times = [packet.decoding_time for packet in packets]
    jumps = [index for index in range(1, len(times)) if None not in times[index - 1 : index + 1]]
    joints = [index for index in jumps if times[index] < times[index - 1]]
    return frozenset(near for index in joints for near in range(index - BEFORE_JOINT, index + 1))


def _list_doubts(container: "av.container.InputContainer", is_cut: bool, end: float, interval: float) -> list[str]:
    """Tell a file that was cut by the length that it states, or by ``is_cut``; ``end`` is that of its last packet."""
    states_duration = container.format.name in STATES_DURATION and container.duration
    stated = container.duration / av.time_base if states_duration else 0.0
    if end < stated - max(interval / 2, SHORTEST_CUT):
        return [f"ends at {end:.2f} s of the {stated:.2f} s that it states"]
    return ["ends before the length that it states"] if is_cut else []


def _is_cut(name: str, path: Path) -> bool:
    """Whether a file of some formats ends within one of the parts of which it consists."""
    with path.open("rb") as file:
        if name == "mpegts":
            start = file.read(5)
            lengths = [length for place, length in TS_PACKETS.items() if start[place : place + 1] == TS_SYNC]
            return bool(lengths) and path.stat().st_size % lengths[0] != 0
        return name.startswith("mov,") and _ends_within_box(file, path.stat().st_size)


def _ends_within_box(file: BinaryIO, size: int) -> bool:
    """Whether the last box at the top level of an mp4 reaches behind the end of the file."""
    place, kind = 0, b""
    while place + 8 <= size:
        file.seek(place)
        length, kind = struct.unpack(">I4s", file.read(8))
        if length == 1:  # a 64-bit length follows
            length = int.from_bytes(file.read(8), "big")
        if length < 8:  # the last box, of any length, or something that is no box
            return False
        place += length
    return place > size and kind in BOXES
