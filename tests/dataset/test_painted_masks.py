"""Masks painted by hand and saved in every common way: as many objects as were painted."""

import io
import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from dataset.masks import MaskReader
from output.masks import write_mask
from util.errors import InputError

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
SIZE = (480, 854)
DETAIL = 4  # an antialiased mask is drawn so many times as large


@cache
def draw(num_objects: int, detail: int = 1) -> np.ndarray:
    """``[480,854]`` times ``detail``: a disc, or two that touch and a thin stroke."""
    rows, columns = np.ogrid[: SIZE[0] * detail, : SIZE[1] * detail]
    y, x = (rows + 0.5) / detail, (columns + 0.5) / detail
    mask = np.where(np.hypot(y - 200, x - 250) < 90, np.uint8(1), np.uint8(0))
    if num_objects == 3:
        mask[np.hypot(y - 220, x - 400) < 75] = 2
        along, across = 0.8 * (x - 550) + 0.6 * (y - 100), 0.8 * (y - 100) - 0.6 * (x - 550)
        mask[(np.abs(across) < 10) & (along > 0) & (along < 260)] = 3
    return mask


def paint(mask: np.ndarray, colours: tuple) -> Image.Image:
    """Give background and objects their colours."""
    return Image.fromarray(np.array(colours, np.uint8)[mask])


def blurred(image: Image.Image, pixels: int) -> Image.Image:
    return Image.fromarray(cv2.GaussianBlur(np.asarray(image), (0, 0), pixels))


def hard(path: Path, num_objects: int, colours: tuple) -> None:
    paint(draw(num_objects), colours).save(path.with_suffix(".png"))


def antialiased(path: Path, num_objects: int, colours: tuple, suffix: str = ".png") -> None:
    large = paint(draw(num_objects, DETAIL), colours)
    large.resize(SIZE[::-1], Image.Resampling.BOX).save(path.with_suffix(suffix))


def soft(pixels: int) -> Callable:
    def save(path: Path, num_objects: int, colours: tuple) -> None:
        blurred(paint(draw(num_objects), colours), pixels).save(path.with_suffix(".png"))

    return save


def lossy(suffix: str, quality: int) -> Callable:
    def save(path: Path, num_objects: int, colours: tuple) -> None:
        paint(draw(num_objects), colours).save(path.with_suffix(suffix), quality=quality)

    return save


WAYS = {
    "hard": hard,
    "antialiased": antialiased,
    **{f"blurred-{pixels}": soft(pixels) for pixels in (2, 4, 8)},
    **{f"jpeg-{quality}": lossy(".jpg", quality) for quality in (95, 85, 75, 50)},
    **{f"webp-{quality}": lossy(".webp", quality) for quality in (80, 50)},
    "gif": lambda *arguments: antialiased(*arguments, ".gif"),
}
PAINTS = {
    "colours": (BLACK, RED, GREEN, BLUE),
    "colours-on-white": (WHITE, RED, GREEN, BLUE),
    "palette": (BLACK, (128, 0, 0), (0, 128, 0), (128, 128, 0)),
    "grey": (0, 255, 170, 85),
    "grey-as-colours": (BLACK, WHITE, (170, 170, 170), (85, 85, 85)),
}


def overlap(found: np.ndarray, wanted: np.ndarray) -> float:
    return np.count_nonzero(found & wanted) / np.count_nonzero(found | wanted)


def assert_as_painted(found: np.ndarray, truth: np.ndarray, least: float) -> None:
    """Each painted object is one object of an id of its own."""
    labels = np.unique(found[found > 0])
    objects = range(1, truth.max() + 1)
    best = [max(labels, key=lambda label: overlap(found == label, truth == wanted)) for wanted in objects]
    assert len(labels) == len(objects) == len(set(best))
    for label, wanted in zip(best, objects):
        assert overlap(found == label, truth == wanted) > least


@pytest.mark.parametrize("num_objects", [1, 3])
@pytest.mark.parametrize("colours", PAINTS.values(), ids=PAINTS)
@pytest.mark.parametrize("way", WAYS)
def test_as_many_objects_as_were_painted(tmp_path: Path, way: str, colours: tuple, num_objects: int) -> None:
    WAYS[way](tmp_path / "mask", num_objects, colours)
    (path,) = tmp_path.iterdir()
    found = MaskReader().read(path)
    assert_as_painted(found, draw(num_objects), 0.8 if way == "blurred-8" else 0.9)
    assert found.dtype == np.int32


@pytest.mark.parametrize("way", WAYS)
def test_white_painting_is_object_255(tmp_path: Path, way: str) -> None:
    WAYS[way](tmp_path / "mask", 1, (BLACK, WHITE))
    (path,) = tmp_path.iterdir()
    assert np.unique(MaskReader().read(path)).tolist() == [0, 255]


def test_a_note_says_once_what_was_merged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "mask.jpg"
    lossy(".jpg", 75)(path, 3, PAINTS["colours"])
    reader = MaskReader()
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(reader.read(path), reader.read(path))
    (line,) = caplog.messages
    assert "mask.jpg" in line
    assert "colours read as 3 object(s)" in line


def test_an_edge_like_a_third_colour_belongs_to_its_own_regions(tmp_path: Path) -> None:
    """The soft edge of a white disc has the grey of another object nearby."""
    mask = draw(1).copy()
    mask[150:250, 370:470] = 2
    path = tmp_path / "mask.png"
    blurred(paint(mask, (0, 255, 128)), 4).save(path)
    found = MaskReader().read(path)
    assert_as_painted(found, mask, 0.95)
    grey = found == found[200, 420]
    assert not grey[:, :355].any(), "grey along the disc's edge"


# Colours from mask to mask


def test_a_jpegs_red_is_the_red_of_all_masks(tmp_path: Path) -> None:
    reader = MaskReader()
    paint(draw(1), (BLACK, RED)).save(tmp_path / "0.png")
    first = reader.read(tmp_path / "0.png")
    for quality in (95, 50):
        lossy(".jpg", quality)(tmp_path / f"{quality}", 3, (BLACK, BLUE, RED, GREEN))
    for quality in (95, 50, 95):
        found = reader.read(tmp_path / f"{quality}.jpg")
        assert found[220, 420] == first[200, 250]
        assert len(np.unique(found)) == 4
    assert reader.palette[:6] == [*BLACK, *RED]
    np.testing.assert_array_equal(reader.read(tmp_path / "0.png"), first)


def test_a_colour_of_an_indexed_mask_is_its_object_in_colour_masks(tmp_path: Path) -> None:
    reader, mask = MaskReader(), np.where(draw(3) == 0, 0, draw(3) + 4).astype(np.uint8)
    write_mask(tmp_path / "0.png", mask)
    with Image.open(tmp_path / "0.png") as image:
        image.convert("RGB").save(tmp_path / "1.png")
    for index in range(2):
        np.testing.assert_array_equal(reader.read(tmp_path / f"{index}.png"), mask)


def test_near_colours_of_hard_masks_stay_apart(tmp_path: Path) -> None:
    paint(draw(3), (BLACK, (1, 0, 0), (2, 0, 0), (255, 0, 0))).save(tmp_path / "0.png")
    assert_as_painted(MaskReader().read(tmp_path / "0.png"), draw(3), 0.999)


# The background


@pytest.mark.parametrize("way", ["hard", "antialiased", "jpeg-75"])
def test_white_around_everything_is_background_with_a_note(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    """Black on white needs colours, or soft edges, to be no mask of ids."""
    WAYS[way](tmp_path / "mask", 3, (WHITE, BLACK, RED, BLUE))
    (path,) = tmp_path.iterdir()
    with caplog.at_level(logging.WARNING):
        assert_as_painted(MaskReader().read(path), draw(3), 0.9)
    assert any("white surrounds everything and is read as background" in line for line in caplog.messages)


def test_white_around_a_hard_grey_mask_stays_an_id_with_a_note(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hard(tmp_path / "mask", 1, (255, 0))
    with caplog.at_level(logging.WARNING):
        found = MaskReader().read(tmp_path / "mask.png")
    np.testing.assert_array_equal(found, np.where(draw(1) == 0, 255, 0))
    assert "set background to white" in caplog.text
    np.testing.assert_array_equal(MaskReader(background="white").read(tmp_path / "mask.png"), 255 - found)


def test_a_white_object_on_black_is_no_background(tmp_path: Path) -> None:
    mask = np.ones(SIZE, np.uint8)
    mask[:, :300] = 0
    paint(mask, (BLACK, WHITE)).save(tmp_path / "mask.jpg")
    assert_as_painted(MaskReader().read(tmp_path / "mask.jpg"), mask, 0.99)


@pytest.mark.parametrize("way", ["hard", "antialiased", "jpeg-75", "gif"])
@pytest.mark.parametrize("background", ["#00ff00", "lime", "rgb(0, 255, 0)"])
def test_a_given_background_counts(tmp_path: Path, way: str, background: str) -> None:
    WAYS[way](tmp_path / "mask", 3, (GREEN, RED, BLACK, WHITE))
    (path,) = tmp_path.iterdir()
    assert_as_painted(MaskReader(background=background).read(path), draw(3), 0.9)


def test_a_given_background_counts_for_indexed_masks(tmp_path: Path) -> None:
    mask = draw(3)
    write_mask(tmp_path / "mask.png", np.array([2, 0, 1, 3], np.uint8)[mask], [*BLACK, *RED, *WHITE, *BLUE] + [0] * 756)
    found = MaskReader(background="white").read(tmp_path / "mask.png")
    np.testing.assert_array_equal(found, np.array([0, 2, 1, 3])[mask])


def test_an_unknown_background_is_refused() -> None:
    with pytest.raises(InputError, match=r"background 'whitish': no colour; give a name such as white, or #rrggbb"):
        MaskReader(background="whitish")


# Hard edges and small things


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
