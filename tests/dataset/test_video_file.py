"""Intact video files of many kinds are read to their last frame, whatever the checks for damage."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from dataset.video_file import VideoFile
from tests.videos import picture
from util.errors import InputError

NUM_FRAMES = 30
KINDS = {  # name -> encoder, format of pixels, options
    "interlaced.mp4": ("libx264", "yuv420p", {"x264-params": "interlaced=1"}),
    "open.mkv": ("libx264", "yuv420p", {"x264-params": "open-gop=1:bframes=4:b-pyramid=normal"}),
    "open.ts": ("libx264", "yuv420p", {"x264-params": "open-gop=1:keyint=8"}),
    "refreshed.ts": ("libx264", "yuv420p", {"x264-params": "intra-refresh=1"}),
    "slices.m2ts": ("libx264", "yuv420p", {"x264-params": "slices=4"}),
    "bits10.mkv": ("libx264", "yuv420p10le", {}),
    "bare.h264": ("libx264", "yuv420p", {}),
    "clip.flv": ("libx264", "yuv420p", {}),
    "hidden.webm": ("libvpx", "yuv420p", {"auto-alt-ref": "1", "lag-in-frames": "16"}),
    "vp9.mp4": ("libvpx-vp9", "yuv420p", {}),
    "bare.ivf": ("libvpx", "yuv420p", {}),
    "program.mpg": ("mpeg2video", "yuv420p", {"bf": "2"}),
    "material.mxf": ("mpeg2video", "yuv420p", {}),
    "clip.avi": ("mpeg4", "yuv420p", {"bf": "2"}),
    "clip.mov": ("mjpeg", "yuvj420p", {}),
    "clip.wmv": ("wmv2", "yuv420p", {}),
    "bare.m2v": ("mpeg2video", "yuv420p", {}),
    "clip.y4m": ("wrapped_avframe", "yuv420p", {}),
}


IMAGES = [np.roll(picture(index % 12), 5 * index, 1) for index in range(NUM_FRAMES)]


def write_kind(path: Path) -> Path:
    """Write the images as a file of the kind that it is named after."""
    (codec, pixels, options), images = KINDS[path.name], IMAGES
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(25))
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt, stream.options, stream.gop_size, stream.bit_rate = pixels, options, 12, 4_000_000
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("name", KINDS)
def test_intact_files_are_read_to_the_end_and_from_anywhere(tmp_path: Path, name: str) -> None:
    video = VideoFile(write_kind(tmp_path / name), strict=True)
    read = [image for _, image in video.read()]
    assert len(read) == len(video.names) == NUM_FRAMES
    distances = np.abs(np.array(read, int)[:, None] - np.array(IMAGES, int)).mean((2, 3, 4))
    assert distances.argmin(1).tolist() == list(range(NUM_FRAMES))  # each resembles its own original most
    for index in (0, 9, 22, 29):
        number, image = next(item for item in video.read_around(index, before=4) if item[0] >= index)
        assert number == index
        assert np.array_equal(image, read[index])


@pytest.mark.parametrize("num_bytes", [0, 3 * 48 * 64 * 7, 2**28])
@pytest.mark.parametrize("name", ["open.mkv", "open.ts", "bare.h264", "hidden.webm", "clip.avi"])
def test_frames_backwards_are_those_of_reading_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, num_bytes: int
) -> None:
    monkeypatch.setattr("dataset.video_file.BLOCK_BYTES", num_bytes)
    video = VideoFile(write_kind(tmp_path / name))
    expected = list(video.read())[20::-1]
    found = list(video.read_backwards(20, {*video.names[:5], *video.names[10:]}))
    assert [name for name, _ in found] == [name for name, _ in expected]
    for (name, image), (_, other) in zip(found, expected):
        assert image is None if 5 <= int(name) < 10 else np.array_equal(image, other)


@pytest.mark.parametrize("name", ["slices.m2ts", "clip.avi"])
def test_damage_that_reading_in_order_finds_is_found_from_a_frame_on(tmp_path: Path, name: str) -> None:
    whole = write_kind(tmp_path / name).read_bytes()
    outcomes = []
    for place in range(len(whole) // 4, len(whole) - 188, len(whole) // 8):
        (tmp_path / name).write_bytes(whole[:place] + whole[place + 188 :])
        video = VideoFile(tmp_path / name)
        outcomes.append([is_refused(video.read()), is_refused(video.read_around(0))])
    assert all(in_order == from_frame for in_order, from_frame in outcomes)
    assert [True, True] in outcomes


def is_refused(frames: Iterator) -> bool:
    """Tell whether reading ends with an error."""
    try:
        return not list(frames)
    except InputError:
        return True
