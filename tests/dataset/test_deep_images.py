"""Images of 16 bits per channel: ids are kept, and frames keep their brightness whatever bits they use."""

from pathlib import Path

import numpy as np
import pytest

from dataset.frames import FrameFolder
from dataset.masks import MaskReader
from tests.bad_input.builders import make_png
from util.errors import InputError

GREY, RGB, GREY_ALPHA, RGBA = 0, 2, 4, 6  # colour types of PNG


def two_boxes(first: int, second: int) -> np.ndarray:
    mask = np.zeros((48, 64), np.uint16)
    mask[5:20, 5:30], mask[25:40, 35:60] = first, second
    return mask


@pytest.mark.parametrize("kind", [GREY, RGB, GREY_ALPHA, RGBA])
@pytest.mark.parametrize("ids", [(1, 2), (1, 256), (1, 65535), (300, 40000)])
def test_ids_of_16_bits_are_kept_in_whatever_channels(tmp_path: Path, kind: int, ids: tuple[int, int]) -> None:
    mask, opaque = two_boxes(*ids), np.full((48, 64), 65535)
    planes = [mask] * (3 if kind & 2 else 1) + [opaque] * (kind >= 4)
    (tmp_path / "mask.png").write_bytes(make_png(np.dstack(planes), 16, kind))
    np.testing.assert_array_equal(MaskReader().read(tmp_path / "mask.png"), mask)


def test_transparent_pixels_of_16_bit_masks_are_background(tmp_path: Path) -> None:
    mask = two_boxes(1, 300)
    planes = np.dstack([np.where(mask == 300, mask, 7), np.where(mask == 300, 65535, 0)])
    (tmp_path / "mask.png").write_bytes(make_png(planes, 16, GREY_ALPHA))
    np.testing.assert_array_equal(MaskReader().read(tmp_path / "mask.png"), two_boxes(0, 300))


def test_colours_of_16_bits_are_those_of_8(tmp_path: Path) -> None:
    mask = two_boxes(1, 2)
    planes = 257 * np.array([(0, 0, 0), (255, 0, 0), (0, 200, 0)], np.uint16)[mask]
    (tmp_path / "mask.png").write_bytes(make_png(planes, 16, RGB))
    np.testing.assert_array_equal(MaskReader().read(tmp_path / "mask.png"), two_boxes(2, 1))


def test_colours_that_are_alike_in_8_bits_are_refused(tmp_path: Path) -> None:
    planes = np.dstack([two_boxes(1, 2), two_boxes(0, 0), two_boxes(0, 0)])
    (tmp_path / "mask.png").write_bytes(make_png(planes, 16, RGB))
    with pytest.raises(InputError, match=r"mask\.png: 16-bit colours that are alike in 8 bits"):
        MaskReader().read(tmp_path / "mask.png")


@pytest.mark.parametrize("kind", [GREY, RGB, GREY_ALPHA, RGBA])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_frames_fill_the_range_that_the_video_uses(tmp_path: Path, kind: int, bits: int, caplog) -> None:
    """A dark frame beside a bright one stays dark."""
    ramp, opaque = np.arange(48 * 64).reshape(48, 64) % 256, np.full((48, 64), 65535)
    for index, brightness in enumerate((1, 4)):
        levels = (ramp * brightness // 4) << (bits - 8)
        planes = [levels] * (3 if kind & 2 else 1) + [opaque] * (kind >= 4)
        (tmp_path / f"{index}.png").write_bytes(make_png(np.dstack(planes), 16, kind))
    dark, bright = (image for _, image in FrameFolder(tmp_path).read())
    np.testing.assert_array_equal(dark, np.repeat((ramp // 4)[..., None], 3, 2))
    np.testing.assert_array_equal(bright, np.repeat(ramp[..., None], 3, 2))
    assert [f"read as {bits}-bit ones" in text for text in caplog.messages] == ([True] if bits < 16 else [])
