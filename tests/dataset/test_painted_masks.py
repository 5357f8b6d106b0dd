"""Masks painted by hand and saved in every common way: as many objects as were painted."""

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataset.masks import MaskReader
from output.masks import write_mask
from tests.dataset.painting import (
    BLACK,
    BLUE,
    GREEN,
    PAINTS,
    RED,
    SIZE,
    WAYS,
    WHITE,
    assert_as_painted,
    blurred,
    draw,
    hard,
    lossy,
    paint,
)
from util.errors import InputError


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
