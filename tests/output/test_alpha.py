"""Soft masks, cut-outs and videos with transparency, opened by the programs that read them."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from output import mp4
from output.alpha import cut_out, soft_mask
from output.result import FrameResult
from output.video import VideoOutput
from tests.output.videos import frame_result, read_video
from util.errors import InputError

RED, BACKGROUND = (220, 30, 40), (10, 20, 60)
SIZE = (45, 61)


def soft_disc(name: str = "0") -> FrameResult:
    """A red disc on dark ground, its edge blurred over six pixels in the image as in the probabilities."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    opacity = np.clip((18 - np.hypot(y - 22, x - 30)) / 6 + 0.5, 0, 1)
    image = opacity[..., None] * np.array(RED) + (1 - opacity[..., None]) * np.array(BACKGROUND)
    probabilities = np.stack([1 - opacity, opacity]).astype(np.float16)
    return FrameResult(name, image.round().astype(np.uint8), (opacity > 0.5).astype(np.uint8), (1,), probabilities)


def write(root: Path, kind: str, *results: FrameResult, **options: object) -> None:
    with VideoOutput(root / "clip", None, Fraction(25), (kind,), **options) as output:
        output.write_leading(np.full((*SIZE, 3), 99, np.uint8))
        for result in results:
            output.write(result)


def test_cut_outs_keep_nothing_of_the_old_background(tmp_path: Path) -> None:
    """Straight alpha: wherever something is seen, its colour is the object's, at soft edges as well."""
    result = soft_disc()
    write(tmp_path, "cutout", result)
    with Image.open(tmp_path / "clip_cutout/0.png") as image:
        assert image.mode == "RGBA"
        pixels = np.array(image)
    assert np.abs(pixels[..., 3] / 255 - result.probabilities[1]).max() < 0.003
    seen = pixels[..., 3] > 0
    assert (pixels[..., 3][seen] < 255).mean() > 0
    assert np.abs(pixels[seen][:, :3].astype(int) - RED).max() <= 12  # pixels of 95 % count as the object's
    assert not pixels[0, 0].any()
    half = np.array(Image.fromarray(pixels).resize((30, 22), Image.BILINEAR))
    visible = half[..., 3] > 8
    assert np.abs(half[visible][:, :3].astype(int) - RED).max() <= 14


def test_objects_without_a_sure_pixel_keep_their_colours() -> None:
    result = soft_disc()._replace(probabilities=np.full((2, *SIZE), 0.5, np.float16))
    found = cut_out(result)
    assert np.array_equal(found[..., :3], result.image)
    assert (found[..., 3] == 128).all()


def test_soft_masks_of_each_object(tmp_path: Path) -> None:
    """An object that enters later has empty masks before, so that its sequence is whole."""
    results = frame_result("0", (2,), (2,)), frame_result("1", (2, 300), (300,), np.uint16)
    write(tmp_path, "alpha", *results, labels=(2, 300))
    expected = {"2_0": results[0].probabilities[1], "300_0": np.zeros(SIZE)}
    expected |= {"2_1": results[1].probabilities[1], "300_1": results[1].probabilities[2]}
    assert {path.stem for path in (tmp_path / "clip_alpha").iterdir()} == expected.keys()
    for name, probabilities in expected.items():
        pixels = cv2.imread(str(tmp_path / f"clip_alpha/{name}.png"), cv2.IMREAD_UNCHANGED)
        assert (pixels.shape, pixels.dtype) == (SIZE, np.uint8)
        assert np.abs(pixels / 255 - np.clip(probabilities.astype(float), 0, 1)).max() < 0.003
    assert soft_mask(results[0], [2, 5]).shape == SIZE


@pytest.mark.parametrize("colour", [(0, 255, 0), (40, 60, 250)])
def test_green_videos_line_up_with_the_source(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    write(tmp_path, "green", *(soft_disc(str(index)) for index in range(3)), background=colour)
    capture = cv2.VideoCapture(str(tmp_path / "clip_green.mp4"))
    assert capture.get(cv2.CAP_PROP_FPS) == 25
    frames = [capture.read()[1] for _ in range(4)]
    assert not capture.read()[0]
    capture.release()
    for frame in frames:
        assert frame.shape == (46, 62, 3)
        assert np.abs(frame[2, 2, ::-1].astype(int) - colour).max() < 8
    assert np.abs(frames[0][22, 30, ::-1].astype(int) - colour).max() < 8  # before the first mask
    assert np.abs(frames[1][22, 30, ::-1].astype(int) - RED).max() < 12


def test_prores_keeps_transparency(tmp_path: Path) -> None:
    result = soft_disc()
    write(tmp_path, "prores", result, result)
    with av.open(str(tmp_path / "clip_prores.mov")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.profile, stream.average_rate) == ("prores", "4444", 25)
        assert stream.codec_context.pix_fmt in ("yuva444p10le", "yuva444p12le")
        frames = [frame.to_ndarray(format="rgba") for frame in container.decode(stream)]
    assert np.stack(frames).shape == (3, *SIZE, 4)
    assert not frames[0][..., 3].any()
    expected = cut_out(result)
    assert np.abs(frames[1][..., 3].astype(int) - expected[..., 3]).max() <= 2
    seen = expected[..., 3] > 0
    assert np.abs(frames[1][seen].astype(int) - expected[seen])[..., :3].mean() < 4


def test_a_missing_encoder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("output.alpha.PRORES", mp4.PRORES._replace(encoder="none"))
    with pytest.raises(InputError, match=r"clip_prores\.mov: this PyAV cannot write ProRes 4444"):
        write(tmp_path, "prores", soft_disc())
    assert list(tmp_path.iterdir()) == []


def test_browsers_play_the_green_video(tmp_path: Path) -> None:
    write(tmp_path, "green", soft_disc())
    stored = read_video(tmp_path / "clip_green.mp4")
    assert (stored.codec, stored.pixel_format) == ("h264", "yuv420p")
