"""Hard edges, small things and smoothed borders of masks: nothing is merged that was painted apart."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from dataset.masks import MaskReader
from output.masks import write_mask
from tests.dataset.painting import BLACK, DETAIL, PAINTS, RED, SIZE, assert_as_painted, blurred, paint


@pytest.mark.parametrize("jumps_to", [3, 255])
@pytest.mark.parametrize("place", ["alone", "astride"])
@pytest.mark.parametrize("side", [1, 2, 8])
def test_a_small_object_of_a_hard_mask_is_kept(tmp_path: Path, place: str, jumps_to: int, side: int) -> None:
    mask = np.zeros(SIZE, np.uint8)
    mask[100:400, 100:400] = 1
    mask[100:400, 400:700] = 2
    column = {"alone": 750, "astride": 400 - side // 2}[place]
    mask[200 : 200 + side, column : column + side] = jumps_to
    Image.fromarray(mask).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(MaskReader().read(tmp_path / "mask.png"), mask)


def test_hard_specks_of_many_colours_are_kept(tmp_path: Path) -> None:
    mask = np.zeros(SIZE, np.uint8)
    mask[100:400, 100:400] = 1
    for index in range(8):
        mask[120 + 30 * index : 122 + 30 * index, 399:401] = 2 + index
    colours = np.random.default_rng(0).integers(0, 256, (10, 3))
    colours[:2] = BLACK, RED
    paint(mask, colours).save(tmp_path / "mask.png")
    assert_as_painted(MaskReader().read(tmp_path / "mask.png"), mask, 0.999)


def test_a_clean_mask_of_many_touching_objects_is_not_merged(tmp_path: Path) -> None:
    """A 12 x 16 chequer of 192 ids, each of 30 x 40 pixels in 360 x 640."""
    mask = np.kron(np.arange(1, 193, dtype=np.uint8).reshape(12, 16), np.ones((30, 40), np.uint8))
    Image.fromarray(mask).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(MaskReader().read(tmp_path / "mask.png"), mask)


def test_indexed_masks_are_never_merged(tmp_path: Path) -> None:
    """Lines one pixel wide along the borders of large objects, and a single pixel."""
    mask = np.zeros(SIZE, np.uint8)
    mask[100:400, 100:400] = 1
    mask[100:400, 400:700] = 2
    mask[100:400, 400] = 3
    mask[99, 100:160] = 4
    mask[250, 399] = 5
    write_mask(tmp_path / "mask.png", mask)
    np.testing.assert_array_equal(MaskReader().read(tmp_path / "mask.png"), mask)


@pytest.mark.parametrize("width", [3, 6])
@pytest.mark.parametrize("way", ["jpeg-75", "jpeg-50", "antialiased"])
def test_thin_strokes_survive(tmp_path: Path, way: str, width: int) -> None:
    mask = np.zeros(SIZE, np.uint8)
    for index, row in enumerate((60, 200, 330)):
        cv2.line(mask, (80, row), (760, row + 70), index + 1, width)
    if way == "antialiased":
        paint(mask, PAINTS["colours"]).rotate(0.7, Image.Resampling.BICUBIC).save(tmp_path / "mask.png")
    else:
        paint(mask, PAINTS["colours"]).save(tmp_path / "mask.jpg", quality=int(way[-2:]))
    found = MaskReader().read(next(tmp_path.iterdir()))
    assert len(np.unique(found)) == 4
    if way != "antialiased":
        assert_as_painted(found, mask, 0.8)


def deviation(found: np.ndarray, truth: np.ndarray) -> float:
    """Distance in pixels from the true border of the furthest wrong pixel; 0 if none is wrong."""
    depth = np.maximum(ndimage.distance_transform_edt(truth), ndimage.distance_transform_edt(~truth))
    return (depth * (found != truth)).max()


@pytest.mark.parametrize("size", [(240, 320), SIZE], ids=lambda size: f"{size[0]}p")
@pytest.mark.parametrize("smoothing", ["bilinear", "lanczos", "blur-1", "jpeg-75", "jpeg-95"])
def test_a_smoothed_disc_keeps_its_border(tmp_path: Path, smoothing: str, size: tuple[int, int]) -> None:
    y, x = (np.arange(DETAIL * side) / DETAIL - side / 2 for side in size)
    fine = np.hypot(y[:, None], x) < size[0] / 5
    disc = fine[2::DETAIL, 2::DETAIL]
    image = Image.fromarray(np.where(disc, np.uint8(255), np.uint8(0)))
    method, _, strength = smoothing.partition("-")
    if method in ("bilinear", "lanczos"):
        large = Image.fromarray(np.where(fine, np.uint8(255), np.uint8(0)))
        image = large.resize(size[::-1], Image.Resampling[method.upper()])
    elif method == "blur":
        image = blurred(image, int(strength))
    else:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(strength))
        image = Image.open(buffer)
    image.save(tmp_path / "mask.png")
    found = MaskReader().read(tmp_path / "mask.png")
    assert np.unique(found).tolist() == [0, 255]
    assert deviation(found == 255, disc) <= 2
