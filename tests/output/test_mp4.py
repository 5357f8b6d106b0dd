"""Videos for browsers: format, sizes, frame rates, whole or not at all."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from output.mp4 import Mp4Writer
from tests.output.videos import gradient, read_video
from util.errors import InputError


@pytest.mark.parametrize("size", [(45, 61), (46, 61), (45, 62), (46, 62)])
def test_video_plays_in_browsers_and_has_even_sides(tmp_path: Path, size: tuple[int, int]) -> None:
    images = [np.roll(gradient(size), 3 * index, 0) for index in range(4)]
    with Mp4Writer(tmp_path / "clip.mp4", Fraction(25)) as video:
        for image in images:
            video.write(image)
    stored = read_video(tmp_path / "clip.mp4")
    assert (stored.codec, stored.pixel_format, stored.frame_rate) == ("h264", "yuv420p", 25)
    assert stored.frames.shape == (4, 46, 62, 3)
    for frame, image in zip(stored.frames, images):
        assert np.abs(frame[: size[0], : size[1]].astype(int) - image).mean() < 6
    data = (tmp_path / "clip.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "the index must come first for playing while loading"


@pytest.mark.parametrize(("size", "num_frames", "rounds"), [((480, 854), 8, 6), ((48, 64), 24, 40)])
def test_the_same_frames_give_the_same_bytes(
    tmp_path: Path, size: tuple[int, int], num_frames: int, rounds: int
) -> None:
    images = [np.roll(gradient(size), 3 * index, 0) for index in range(num_frames)]
    contents = set()
    for _ in range(rounds):
        with Mp4Writer(tmp_path / "clip.mp4", Fraction(25)) as video:
            for image in images:
                video.write(image)
        contents.add((tmp_path / "clip.mp4").read_bytes())
    assert len(contents) == 1


@pytest.mark.parametrize("frame_rate", [Fraction(30000, 1001), Fraction(1000000, 33333), Fraction(1), Fraction(240)])
def test_video_keeps_the_frame_rate(tmp_path: Path, frame_rate: Fraction) -> None:
    with Mp4Writer(tmp_path / "clip.mp4", frame_rate) as video:
        for _ in range(4):
            video.write(gradient((32, 48)))
    stored = read_video(tmp_path / "clip.mp4")
    assert float(stored.frame_rate) == pytest.approx(float(frame_rate), rel=1e-3)
    assert stored.duration == pytest.approx(4 / float(frame_rate), abs=2e-3)


@pytest.mark.parametrize(
    ("frame_rate", "bounded"), [(Fraction(1, 100000), 1), (Fraction(10**6), 240), (Fraction(0), 1)]
)
def test_rates_that_no_player_takes_are_bounded_with_a_note(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, frame_rate: Fraction, bounded: int
) -> None:
    with Mp4Writer(tmp_path / "clip.mp4", frame_rate, tmp_path / "no sound is read") as video:
        for _ in range(4):
            video.write(gradient((32, 48)))
    stored = read_video(tmp_path / "clip.mp4")
    assert (stored.frame_rate, len(stored.frames)) == (bounded, 4)
    assert f"clip.mp4: {float(frame_rate):g} frames per second become {bounded}, without sound" in caplog.text


def test_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_text("old")
    with Mp4Writer(path, Fraction(25)) as video:
        for _ in range(3):
            video.write(gradient((32, 48)))
        assert path.read_text() == "old"
    assert len(read_video(path).frames) == 3
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("num_frames", [0, 3])
def test_failing_block_leaves_the_old_file(tmp_path: Path, num_frames: int) -> None:
    path = tmp_path / "clip.mp4"
    path.write_text("old")

    def use() -> None:
        with Mp4Writer(path, Fraction(25)) as video:
            for _ in range(num_frames):
                video.write(gradient((32, 48)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        use()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_video_without_frames_is_no_file(tmp_path: Path) -> None:
    with Mp4Writer(tmp_path / "clip.mp4", Fraction(25)):
        pass
    assert list(tmp_path.iterdir()) == []


def test_missing_h264_encoder_is_an_input_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the remedy, and nothing is left behind."""

    class Container:
        def __init__(self, *_, **__) -> None: ...

        def add_stream(self, codec: str, **_) -> None:
            raise ValueError(f"codec {codec} not found")

        def close(self) -> None: ...

    monkeypatch.setattr(av, "open", Container)
    message = r"clip\.mp4: this PyAV cannot write H\.264; `pip install av`"
    with pytest.raises(InputError, match=message), Mp4Writer(tmp_path / "clip.mp4", Fraction(25)) as video:
        video.write(gradient((32, 48)))
    assert list(tmp_path.iterdir()) == []
