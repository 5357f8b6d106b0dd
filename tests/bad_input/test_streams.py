"""Streams that cannot be opened, and options that no stream can take."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bad_input.builders import Spoil
from tests.bad_input.rows import Row, check_row, table
from tests.bad_input.videos import write

WITH_STREAM = r"goes with a stream \(--video -, a camera's number or an address\)"
NO_FORM = r"argument --raw: '.*' is no form of raw frames; give WIDTHxHEIGHT@FPS"


def stream(*options: object, video: object = "-") -> Spoil:
    return lambda root: ["--video", video, *options]


def other(*options: object) -> Spoil:
    """Spoil nothing; options for a video that is no stream."""
    return lambda root: list(options)


def fed(content: Callable[[Path], bytes], *options: object) -> Spoil:
    """Put something into standard input."""

    def spoil(root: Path) -> list:
        (root / "fed").write_bytes(content(root))
        descriptor = os.open(root / "fed", os.O_RDONLY)
        os.dup2(descriptor, sys.stdin.fileno())
        os.close(descriptor)
        return ["--video", "-", *options]

    return spoil


def clip(root: Path) -> bytes:
    return write(root / "clip.mkv").read_bytes()


@pytest.fixture(autouse=True)
def _standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with open(os.devnull) as file:
        monkeypatch.setattr("sys.stdin", file)
        yield


@table(
    Row(
        "nobody listens",
        stream(video="http://127.0.0.1:1/a.ts"),
        r"http://127\.0\.0\.1:1/a\.ts: cannot be opened",
    ),
    Row(
        "nobody listens to rtsp",
        stream(video="rtsp://me:pw@127.0.0.1:1/a"),
        r"rtsp://127\.0\.0\.1:1/a: cannot",
    ),
    Row(
        "unknown kind of address",
        stream(video="rtmp://h/a?key=1"),
        r"rtmp://h/a: addresses of this kind are",
    ),
    Row("address of a file", stream(video="file:///etc/passwd"), r"file:///etc/passwd: addresses of this kind are not"),
    Row("list of files", stream(video="concat://a|b"), r"concat://.*: addresses of this kind are not opened"),
    Row("address that is none", stream(video="http://[::1"), r"http://\.\.: "),
    Row("camera that is not there", stream(video="99"), r"camera 99: cannot be opened .*; connect it, or let"),
    Row("empty pipe", fed(lambda root: b""), r"standard input: cannot be opened .*; pipe Matroska"),
    Row("pipe of text", fed(lambda root: b"text " * 999), r"standard input: cannot be opened .*; pipe Matroska"),
    Row("raw without a frame", fed(lambda root: b"123", "--raw", "64x48@10"), r"standard input: no frames; give"),
    Row("raw of gigapixels", fed(clip, "--raw", "99999x99999@1"), r"standard input: 99999x99999 pixels, more than the"),
    Row("raw without numbers", stream("--raw", "wide"), NO_FORM),
    Row("raw without a rate", stream("--raw", "64x48"), NO_FORM),
    Row("raw without width", stream("--raw", "0x48@10"), NO_FORM),
    Row("raw at no time", stream("--raw", "64x48@10/0"), NO_FORM),
    Row(
        "raw from an address",
        stream("--raw", "64x48@10", video="http://h/a"),
        r"http://h/a: only standard input has",
    ),
    Row("time-out of nothing", stream("--timeout", "0"), r"argument --timeout: must be positive"),
    Row("time-out that is NaN", stream("--timeout", "nan"), r"argument --timeout: nan is not a finite number"),
    Row(
        "folder of masks",
        fed(clip, "--mask", Path("frames")),
        r"frames: a folder of masks, but a stream takes",
    ),
    Row("mask that is missing", fed(clip, "--mask", Path("none.png")), r"none\.png: "),
    Row("resumed stream", stream("--resume"), r"--resume and --video standard input: its frames do not come again"),
    Row("backwards", stream("--direction", "backward"), r"--direction and --video standard input: its end is not"),
    Row("both ways", stream("--direction", "both"), r"--direction and --video standard input: its end is not"),
    Row("mask of a frame", stream("--mask_frame", "3"), r"--mask_frame and --video standard input: its mask is that"),
    Row("choice of masks", stream("--masks", "first"), r"--masks and --video standard input: its mask is that of the"),
    Row("choice of frames", stream("--write", "annotated"), r"--write and --video standard input: each frame is writ"),
    Row("several at once", stream("--videos_at_once", "2"), r"--videos_at_once and --video standard input: it is one"),
    Row("file in real time", other("--realtime"), rf"--realtime {WITH_STREAM}"),
    Row("file that is raw", other("--raw", "64x48@10"), rf"--raw {WITH_STREAM}"),
    Row("file that is shown", other("--show"), rf"--show {WITH_STREAM}"),
    Row("file with a time-out", other("--timeout", "3"), rf"--timeout {WITH_STREAM}"),
    Row("no videos at once", other("--videos_at_once", "0"), r"argument --videos_at_once: 0 is not from 1 to 64"),
)
def test_streams(row: Row, clip: Path, run_generic: Callable) -> None:
    check_row(row, clip, run_generic)
