"""Intact video files of many kinds are read to their last frame, whatever the checks for damage."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from dataset.video_file import VideoFile
from tests.videos import picture

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


@pytest.mark.parametrize("name", KINDS)
def test_intact_files_are_read_to_the_end(tmp_path: Path, name: str) -> None:
    codec, pixels, options = KINDS[name]
    images = [np.roll(picture(index % 12), 5 * index, 1) for index in range(NUM_FRAMES)]
    with av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(25))
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt, stream.options, stream.gop_size, stream.bit_rate = pixels, options, 12, 4_000_000
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    video = VideoFile(tmp_path / name, strict=True)
    read = [image for _, image in video.read()]
    assert len(read) == len(video.names) == NUM_FRAMES
    distances = np.abs(np.array(read, int)[:, None] - np.array(images, int)).mean((2, 3, 4))
    assert distances.argmin(1).tolist() == list(range(NUM_FRAMES))  # each resembles its own original most
