"""Video files to spoil, and ways to do it."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tests.bad_input.builders import Spoil
from tests.videos import picture, write_rotated, write_video

CODECS = {".webm": "libvpx", ".avi": "mpeg4", ".mpg": "mpeg2video"}


def write(path: Path, frames: Iterable[int] = range(16), *, rate: int = 25, title: str = "", flags: str = "") -> Path:
    """Write a video with a frame at each of the given times, counted in frames; a group of pictures has eight."""
    with av.open(f"file:{path.absolute()}", "w", options={"movflags": flags} if flags else {}) as container:
        container.metadata.update({"title": title} if title else {})
        stream = container.add_stream(CODECS.get(path.suffix, "libx264"), rate=Fraction(rate))
        stream.height, stream.width = picture(0).shape[:2]
        stream.pix_fmt, stream.gop_size, stream.bit_rate = "yuv420p", 8, 400_000
        for time in frames:
            frame = av.VideoFrame.from_ndarray(np.roll(picture(time % 12), 5 * time, 1), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def video(name: str, *options: object) -> Spoil:
    """Give an intact video by a name relative to the current folder."""
    return lambda root: [f"--video={write(root / name).relative_to(root)}", *options]


def cut(name: str, share: float, *options: object) -> Spoil:
    """Give a video of which a share is left."""

    def spoil(root: Path) -> list:
        whole = write(root / name).read_bytes()
        (root / name).write_bytes(whole[: int(share * len(whole))])
        return ["--video", root / name, *options]

    return spoil


def fragments(share: float, *options: object) -> Spoil:
    """Give an mp4 of fragments, as live recordings are, of which a share is left."""

    def spoil(root: Path) -> list:
        whole = write(root / "clip.mp4", flags="frag_keyframe+empty_moov").read_bytes()
        (root / "clip.mp4").write_bytes(whole[: int(share * len(whole))])
        return ["--video", root / "clip.mp4", *options]

    return spoil


def overwritten(name: str, packet: int, num_bytes: int = 64) -> Spoil:
    """Give a video in which bytes of a packet's payload are others."""

    def spoil(root: Path) -> list:
        path = write(root / name)
        with av.open(str(path)) as container:
            sizes = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
        start, size = sizes[packet]
        data, num_left = bytearray(path.read_bytes()), min(num_bytes, size - 16)
        data[start + 12 : start + 12 + num_left] = np.random.default_rng(0).bytes(num_left)
        path.write_bytes(data)
        return ["--video", path]

    return spoil


def with_gaps(name: str, *options: object) -> Spoil:
    """Give a video of steady rate that lacks frames 20 to 22."""
    frames = [time for time in range(36) if time not in (20, 21, 22)]
    return lambda root: ["--video", write(root / name, frames), *options]


def joined(root: Path) -> list:
    """Give two transport streams behind one another: time jumps back between them."""
    part = write(root / "part.ts").read_bytes()
    (root / "joined.ts").write_bytes(part + part)
    return ["--video", root / "joined.ts"]


def latin(name: str) -> Spoil:
    """Give a video with a title that is not UTF-8."""

    def spoil(root: Path) -> list:
        path = write(root / name, title="ZZZZZ")
        data = path.read_bytes()
        assert b"ZZZZZ" in data
        path.write_bytes(data.replace(b"ZZZZZ", "cafés".encode("latin-1")))
        return ["--video", path]

    return spoil


def oblique(root: Path) -> list:
    """Give a video to be shown turned by 45 degrees."""
    intact = write_video(root / "intact.mp4", [picture(index) for index in range(3)])
    return ["--video", write_rotated(root / "clip.mp4", intact, (0.7071, 0.7071, -0.7071, 0.7071))]


def sound_only(root: Path) -> list:
    with av.open(str(root / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return ["--video", root / "sound.mp4"]
