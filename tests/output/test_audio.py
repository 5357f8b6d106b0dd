"""The sound of overlays: copied or converted, in time with the frames, and never a reason to fail."""

import logging
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest

from output.mp4 import Mp4Writer
from output.video import VideoOutput
from tests.output.videos import frame_result, gradient, read_video

RATE, FRAME_RATE, NUM_FRAMES, SIZE = 48000, 25, 50, (48, 64)  # a clip of two seconds
TONE = (0.8, 1.2)  # its beginning and its end, in seconds on the clock of the file


def write_clip(
    path: Path,
    codec: str,
    *,
    rate: int = RATE,
    layout: str = "stereo",
    num_frames: int = NUM_FRAMES,
    first_frame: float = 0.0,
    first_sound: float = 0.0,
) -> Path:
    """Write a clip that is silent but for a tone of 1 kHz; frames and sound may begin later than the file."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=FRAME_RATE)
        video.height, video.width, video.pix_fmt = *SIZE, "yuv420p"
        audio = container.add_stream(codec, rate=rate)
        audio.codec_context.layout, audio.codec_context.time_base = layout, Fraction(1, rate)
        for index in range(num_frames):
            frame = av.VideoFrame.from_ndarray(gradient(SIZE), format="rgb24")
            frame.pts, frame.time_base = round(first_frame * FRAME_RATE) + index, Fraction(1, FRAME_RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        end = first_frame + num_frames / FRAME_RATE
        times = np.arange(round(first_sound * rate), round(end * rate)) / rate
        sound = 0.5 * np.sin(2000 * np.pi * times) * (times >= TONE[0]) * (times < TONE[1])
        frame = av.AudioFrame.from_ndarray(sound[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, round(first_sound * rate), Fraction(1, rate)
        resampler = av.AudioResampler(audio.codec_context.format, layout, rate, 1024)
        for resampled in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(audio.encode(resampled))
        container.mux(audio.encode(None))
    return path


def overlay(tmp_path: Path, source: Path | None, num_frames: int = NUM_FRAMES) -> Path:
    """Write as many frames with the sound of ``source``, and check that the frames are all there."""
    path = tmp_path / "overlay.mp4"
    with Mp4Writer(path, Fraction(FRAME_RATE), source) as video:
        for _ in range(num_frames):
            video.write(gradient(SIZE))
    stored = read_video(path)
    assert len(stored.frames) == num_frames
    assert stored.duration == pytest.approx(num_frames / FRAME_RATE, abs=1e-3)
    return path


class StoredSound(NamedTuple):
    """A sound track as it is read back; times in seconds, on the clock of the file."""

    codec: str
    rate: int
    channels: int
    tone: tuple[float, float]  # when the tone begins and ends
    end: float


def read_sound(path: Path) -> StoredSound | None:
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        loud, end = [], 0.0
        for frame in container.decode(stream):
            samples = frame.to_ndarray()[0]  # planar formats give the first channel
            loud += [frame.time + index / frame.rate for index in np.flatnonzero(abs(samples) > 0.1)]
            end = frame.time + frame.samples / frame.rate
        tone = (loud[0], loud[-1]) if loud else (0.0, 0.0)
        return StoredSound(stream.codec_context.codec.canonical_name, stream.rate, stream.channels, tone, end)


def packets_of(path: Path) -> list[bytes]:
    """The packets of the sound."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout", "expected"),
    [
        ("clip.mp4", "aac", 48000, "stereo", ("aac", 48000, 2)),
        ("clip.mov", "aac", 22050, "mono", ("aac", 22050, 1)),
        ("clip.ts", "aac", 44100, "stereo", ("aac", 44100, 2)),
        ("clip.mkv", "libmp3lame", 48000, "stereo", ("mp3", 48000, 2)),
        ("clip.mkv", "libopus", 48000, "stereo", ("aac", 48000, 2)),
        ("clip.mkv", "flac", 44100, "mono", ("aac", 44100, 1)),
        ("clip.mov", "pcm_s16le", 8000, "mono", ("aac", 8000, 1)),
        ("clip.mkv", "pcm_s16le", 11024, "stereo", ("aac", 48000, 2)),
        ("clip.mkv", "ac3", 48000, "5.1", ("aac", 48000, 2)),
    ],
)
def test_overlay_sounds_like_the_clip(
    tmp_path: Path, name: str, codec: str, rate: int, layout: str, expected: tuple[str, int, int]
) -> None:
    source = write_clip(tmp_path / name, codec, rate=rate, layout=layout)
    found = read_sound(overlay(tmp_path, source))
    assert found[:3] == expected
    assert found.tone == pytest.approx(TONE, abs=0.01)
    assert found.end == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize(("name", "codec"), [("clip.mp4", "aac"), ("clip.mkv", "libmp3lame")])
def test_copied_sound_loses_nothing(tmp_path: Path, name: str, codec: str) -> None:
    source = write_clip(tmp_path / name, codec)
    assert packets_of(overlay(tmp_path, source)) == packets_of(source)


@pytest.mark.parametrize(("first_frame", "first_sound"), [(0, 0.48), (0.4, 0), (0.6, 0.48), (0.4, 0.6)])
@pytest.mark.parametrize(("name", "codec"), [("clip.mp4", "aac"), ("clip.ts", "aac"), ("clip.mkv", "ac3")])
def test_sound_keeps_its_distance_from_the_first_frame(
    tmp_path: Path, name: str, codec: str, first_frame: float, first_sound: float
) -> None:
    source = write_clip(tmp_path / name, codec, first_frame=first_frame, first_sound=first_sound)
    found = read_sound(overlay(tmp_path, source))
    assert found.tone == pytest.approx([time - first_frame for time in TONE], abs=0.01)
    assert found.end == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize(("name", "codec"), [("clip.mp4", "aac"), ("clip.mkv", "pcm_s16le")])
def test_sound_ends_with_the_frames(tmp_path: Path, name: str, codec: str) -> None:
    found = read_sound(overlay(tmp_path, write_clip(tmp_path / name, codec), num_frames=25))
    assert found.tone == pytest.approx((0.8, 1), abs=0.05)
    assert found.end == pytest.approx(1, abs=0.05)


def test_sound_that_ends_early_leaves_the_rest_silent(tmp_path: Path) -> None:
    found = read_sound(overlay(tmp_path, write_clip(tmp_path / "clip.mp4", "aac"), num_frames=100))
    assert found.tone == pytest.approx(TONE, abs=0.01)
    assert found.end == pytest.approx(2, abs=0.05)


def test_overlay_shows_every_frame_with_the_sound(tmp_path: Path) -> None:
    """Leading frames count: the sound belongs to the whole clip."""
    source = write_clip(tmp_path / "clip.mp4", "aac")
    with VideoOutput(tmp_path / "out/clip", None, Fraction(FRAME_RATE), ("masks", "overlay"), audio=source) as output:
        for _ in range(20):
            output.write_leading(frame_result("0", (), ()).image)
        for index in range(20, NUM_FRAMES):
            output.write(frame_result(str(index), (2,), (2,)))
    stored = read_video(tmp_path / "out/clip_overlay.mp4")
    assert len(stored.frames) == NUM_FRAMES
    found = read_sound(tmp_path / "out/clip_overlay.mp4")
    assert found.tone == pytest.approx(TONE, abs=0.01)
    assert found.end == pytest.approx(stored.duration, abs=0.05)


def test_clip_without_sound_gives_a_silent_overlay(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    silent = overlay(tmp_path, None).rename(tmp_path / "clip.mp4")
    assert read_sound(silent) is None
    assert read_sound(overlay(tmp_path, silent)) is None
    assert caplog.messages == []


def damage(path: Path, first: int) -> None:
    """Overwrite the packets of the sound from the ``first`` on, all but the frames."""
    data, position = bytearray(path.read_bytes()), 0
    rng = np.random.default_rng(0)
    for index, packet in enumerate(packets_of(path)):
        position = data.index(packet, position)
        if index >= first:
            data[position : position + len(packet)] = rng.bytes(len(packet))
        position += len(packet)
    path.write_bytes(data)


@pytest.mark.parametrize("codec", ["ac3", "libmp3lame", "flac"])
def test_broken_sound_gives_a_silent_overlay_and_a_note(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, codec: str
) -> None:
    source = write_clip(tmp_path / "clip.mkv", codec)
    damage(source, 0)
    assert read_sound(overlay(tmp_path, source)) is None
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "clip.mkv: its sound is broken" in caplog.text


@pytest.mark.parametrize("codec", ["ac3", "libmp3lame", "flac"])
def test_sound_that_breaks_later_is_heard_up_to_there(tmp_path: Path, codec: str) -> None:
    source = write_clip(tmp_path / "clip.mkv", codec)
    damage(source, int(len(packets_of(source)) * 0.7))
    assert read_sound(overlay(tmp_path, source)).tone[0] == pytest.approx(TONE[0], abs=0.01)


@pytest.mark.parametrize("content", [None, b"", b"no video"])
def test_source_that_is_no_video_gives_a_silent_overlay_and_a_note(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    source = tmp_path / "clip.mp4"
    if content is not None:
        source.write_bytes(content)
    assert read_sound(overlay(tmp_path, source)) is None
    assert "clip.mp4: its sound is broken" in caplog.text


@pytest.mark.parametrize("seed", range(20))
def test_damaged_file_never_costs_the_overlay(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    codec = ("aac", "ac3", "libmp3lame", "pcm_s16le")[seed % 4]
    source = write_clip(tmp_path / f"clip.{('mkv', 'ts', 'avi')[seed % 3]}", codec, num_frames=25)
    data = np.frombuffer(source.read_bytes(), np.uint8).copy()
    positions = rng.integers(0, len(data), len(data) // 200)
    data[positions] = rng.integers(0, 256, len(positions))
    source.write_bytes(data.tobytes())
    overlay(tmp_path, source, num_frames=25)
