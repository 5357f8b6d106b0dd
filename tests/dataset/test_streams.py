"""Streams through pipes and the loopback: the frames of the file, ends and losses that are told, nothing that hangs."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import dataset.stream_source
from dataset.stream_source import RawFormat, camera_input, is_stream
from dataset.streams import Stream
from dataset.video_file import VideoFile
from output.live import LivePage
from tests.bad_input.videos import overwritten
from tests.stream_servers import Sender, clip, images, piped, rtsp_stream, served, web_stream
from util.errors import InputError


@pytest.fixture
def from_pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Stream]]:
    """Open what is piped into standard input."""
    files = []

    def open_pipe(end: int, **options: object) -> Stream:
        files.append(os.fdopen(os.dup(end)))
        monkeypatch.setattr("sys.stdin", files[-1])
        return Stream("-", **options)

    yield open_pipe
    for file in files:
        file.close()


def assert_frames_of(stream: Stream, path: Path, number: int | None = None) -> None:
    """The stream's frames are the file's, all or the first ones."""
    found, expected = list(stream.read()), list(VideoFile(path).read())
    assert [name for name, _ in found] == [name for name, _ in expected][: number or len(found)]
    assert len(found) == (number or len(expected))
    assert all(np.array_equal(image, other) for (_, image), (_, other) in zip(found, expected))


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".mp4"])
def test_a_pipe_gives_the_frames_of_the_file(from_pipe, tmp_path: Path, suffix: str) -> None:
    path = clip(tmp_path, suffix)
    with piped(Sender(path, seconds=0.3 if suffix == ".mkv" else 0)) as end, from_pipe(end) as stream:
        assert stream.frame_rate == 10
        assert_frames_of(stream, path)
        assert (stream.error, stream.num_dropped, stream.num_damaged) == (None, 0, 0)


def test_raw_frames(from_pipe, tmp_path: Path) -> None:
    """The last one is cut."""
    (tmp_path / "raw").write_bytes(b"".join(image.tobytes() for image in images(4))[:-1])
    raw = RawFormat(64, 48, Fraction(30000, 1001))
    with piped(Sender(tmp_path / "raw")) as end, from_pipe(end, raw=raw) as stream:
        found = list(stream.read())
        assert [name for name, _ in found] == ["00000", "00001", "00002"]
        assert all(np.array_equal(image, expected) for (_, image), expected in zip(found, images()))
        assert (stream.num_damaged, stream.frame_rate) == (1, raw.frame_rate)


@pytest.mark.parametrize("states_length", [True, False])
def test_http_gives_the_frames_of_the_file(
    tmp_path: Path, states_length: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a length nobody can tell the end from a loss; a note says so."""
    path = clip(tmp_path, ".ts")
    with web_stream(Sender(path, seconds=0.3), states_length=states_length) as address, Stream(address) as stream:
        assert_frames_of(stream, path)
        assert stream.error is None
    assert ("closed the connection, which is taken for the end" in caplog.text) == (not states_length)


def test_rtsp_gives_the_frames_of_the_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """All but the last one, whose end a transport stream in RTP does not mark; a note tells that nobody knows more."""
    path = clip(tmp_path, ".ts")
    with rtsp_stream(Sender(path, seconds=0.3)) as address, Stream(address, timeout=5) as stream:
        assert "secret" not in stream.label
        assert_frames_of(stream, path, 11)
    assert "closed the connection, which is taken for the end" in caplog.text


def test_pictures_of_a_web_camera(tmp_path: Path) -> None:
    """MJPEG over HTTP, as cameras serve it and as the live page does."""
    with LivePage() as page, page_of(page, images(1)[0]), Stream(f"{page.address}stream", timeout=5) as stream:
        assert stream.first.shape == (48, 64, 3)
        assert np.abs(stream.first.astype(int) - images(1)[0]).mean() < 6


class page_of:  # noqa: N801 (used like a function)
    """Show a picture again and again."""

    def __init__(self, page: object, image: np.ndarray) -> None:
        self._is_done = threading.Event()

        def show() -> None:
            while not self._is_done.wait(0.02):
                page.show(image)

        self._thread = threading.Thread(target=show)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_) -> None:
        self._is_done.set()
        self._thread.join()


def test_a_camera_is_opened_by_its_number(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In place of the device stands a file."""
    path = clip(tmp_path)
    monkeypatch.setattr(dataset.stream_source, "camera_input", lambda number: (str(path), "matroska"))
    with Stream("0") as stream:
        assert stream.label == "camera 0"
        assert_frames_of(stream, path)


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("linux", ("/dev/video1", "v4l2")),
        ("darwin", ("1:none", "avfoundation")),
        ("win32", ("video=second camera", "dshow")),
    ],
)
def test_cameras_have_the_names_of_their_system(
    monkeypatch: pytest.MonkeyPatch, system: str, expected: tuple[str, str]
) -> None:
    devices = [("microphone", ["audio"]), ("first camera", ["video"]), ("second camera", ["video", "audio"])]
    found = [SimpleNamespace(name=name, media_types=types) for name, types in devices]
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setattr("av.enumerate_input_devices", lambda device: found, raising=False)
    assert camera_input(1) == expected
    if system == "win32":
        with pytest.raises(InputError, match="camera 2: there are 2, counted from 0"):
            camera_input(2)


def test_in_real_time_late_frames_are_dropped_and_counted(from_pipe, tmp_path: Path) -> None:
    path = clip(tmp_path, number=30)
    with piped(Sender(path, seconds=0.6)) as end, from_pipe(end, is_realtime=True) as stream:
        names = []
        for name, _ in stream.read():
            names.append(int(name))
            time.sleep(0.1)
        assert names == sorted(set(names))
        assert (names[0], names[-1]) == (0, 29)
        assert len(names) + stream.num_dropped == 30
        assert 0 < stream.num_dropped < 28


@pytest.mark.parametrize("kind", ["http", "pipe"])
def test_a_loss_ends_with_what_came(from_pipe, tmp_path: Path, kind: str) -> None:
    path = clip(tmp_path, number=30)
    if kind == "http":
        with web_stream(Sender(path, share=0.7)) as address, Stream(address) as stream:
            names = [name for name, _ in stream.read()]
        assert "clip.ts: lost (Input/output error); open it again" in str(stream.error)
    else:
        with piped(Sender(path, share=0.7, then_silent=5)) as end, from_pipe(end, timeout=0.3) as stream:
            names = [name for name, _ in stream.read()]
        assert "standard input: nothing came for 0.3 s; look whether" in str(stream.error)
    assert 0 < len(names) < 30


def test_a_silent_server_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for scheme in ("http", "rtsp"):
            start = time.monotonic()
            with pytest.raises(InputError, match=r"/x: nothing came for 0\.3 s") as refused:
                Stream(f"{scheme}://me:secret@127.0.0.1:{port}/x?token=secret", timeout=0.3)
            assert time.monotonic() - start < 3
            assert "secret" not in str(refused.value)


def test_stop_ends_the_wait_for_a_silent_source(from_pipe, tmp_path: Path) -> None:
    path = clip(tmp_path, number=30)
    with piped(Sender(path, share=0.7, then_silent=20)) as end, from_pipe(end, timeout=20) as stream:
        threading.Timer(0.5, stream.stop).start()
        start = time.monotonic()
        assert list(stream.read())
        assert time.monotonic() - start < 3
        assert stream.error is None


def test_playlists_and_lists_open_nothing(from_pipe, tmp_path: Path) -> None:
    """Neither over HTTP nor through a pipe: the other address is never asked for."""
    asked = []

    def answer(handler) -> None:
        asked.append(handler.path)
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nother.ts\n#EXT-X-ENDLIST\n")

    with served(answer) as address, pytest.raises(InputError, match=r"list\.m3u8: cannot be opened .* of a playlist,"):
        Stream(f"{address}/list.m3u8")
    assert set(asked) == {"/list.m3u8"}
    clip(tmp_path)
    (tmp_path / "list").write_text(f"ffconcat version 1.0\nfile {tmp_path / 'clip.mkv'}\n")
    with piped(Sender(tmp_path / "list")) as end, pytest.raises(InputError, match="standard input: cannot be opened"):
        from_pipe(end)


def test_damage_is_left_out_and_counted_or_refused(from_pipe, tmp_path: Path) -> None:
    _, path = overwritten("clip.mkv", 8)(tmp_path)
    with piped(Sender(path)) as end, from_pipe(end) as stream:
        names = [name for name, _ in stream.read()]
        assert stream.error is None
        assert stream.num_damaged > 0
        assert len(names) + stream.num_damaged == 16
    with piped(Sender(path)) as end, from_pipe(end, strict=True) as stream:
        assert sum(1 for _ in stream.read()) < len(names)
        assert "standard input: damaged before frame 000" in str(stream.error)


def test_names_of_streams(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "7").mkdir()
    assert all(is_stream(name) for name in ("-", "0", "rtsp://a/b", "http://a/b.m3u8", "ftp://a/b"))
    assert not any(is_stream(name) for name in ("7", "clip.mp4", "http:x.mp4", "a/-", "12:30.mp4", "+1"))
