"""Masks in every common way of storing them."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataset.masks import MaskReader, describe_many_ids
from output.masks import write_mask
from util.errors import InputError
from util.palette import PALETTE, make_palette

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def two_boxes(first: int, second: int, dtype: type = np.uint8) -> np.ndarray:
    """``[48,64]`` with a box of each id."""
    mask = np.zeros((48, 64), dtype)
    mask[5:20, 5:30] = first
    mask[20:40, 30:60] = second
    return mask


def coloured(mask: np.ndarray, colours: dict[int, tuple[int, ...]]) -> Image.Image:
    """Paint the ids of a mask; what is not listed is black, or transparent black."""
    image = np.zeros((*mask.shape, len(next(iter(colours.values())))), np.uint8)
    for label, colour in colours.items():
        image[mask == label] = colour
    return Image.fromarray(image)


def save(image: Image.Image, path: Path) -> Path:
    image.save(path)
    return path


# Ways of storing ids


@pytest.mark.parametrize(
    ("dtype", "suffix"),
    [(np.uint8, ".png"), (np.uint8, ".bmp"), (np.uint16, ".png"), (np.uint16, ".tif"), (np.int32, ".tif")],
)
def test_grey_images_hold_ids(tmp_path: Path, dtype: type, suffix: str) -> None:
    mask = two_boxes(1, 7, dtype)
    found = MaskReader().read(save(Image.fromarray(mask), tmp_path / f"mask{suffix}"))
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, mask)


def test_one_bit_image_holds_object_one(tmp_path: Path) -> None:
    path = save(Image.fromarray(two_boxes(255, 255)).convert("1"), tmp_path / "mask.png")
    np.testing.assert_array_equal(MaskReader().read(path), two_boxes(1, 1))


def test_black_and_white_grey_image_holds_object_255(tmp_path: Path) -> None:
    path = save(Image.fromarray(two_boxes(255, 255)), tmp_path / "mask.png")
    np.testing.assert_array_equal(MaskReader().read(path), two_boxes(255, 255))


def test_rgb_image_that_is_grey_holds_its_grey_values(tmp_path: Path) -> None:
    mask = two_boxes(2, 9)
    path = save(Image.fromarray(mask).convert("RGB"), tmp_path / "mask.png")
    np.testing.assert_array_equal(MaskReader().read(path), mask)


def test_big_endian_tiff(tmp_path: Path) -> None:
    mask = two_boxes(3, 1000, np.uint16)
    path = tmp_path / "mask.tif"
    Image.frombytes("I;16B", mask.shape[::-1], mask.astype(">u2").tobytes()).save(path)
    np.testing.assert_array_equal(MaskReader().read(path), mask)


@pytest.mark.parametrize(("first", "second"), [(1, 300), (256, 40000), (65535, 5)])
def test_16_bit_round_trip(tmp_path: Path, first: int, second: int) -> None:
    mask = two_boxes(first, second, np.uint16)
    write_mask(tmp_path / "mask.png", mask)
    with Image.open(tmp_path / "mask.png") as image:
        assert image.mode == "I;16"
    np.testing.assert_array_equal(MaskReader().read(tmp_path / "mask.png"), mask)


@pytest.mark.parametrize("value", [-1, 65536])
def test_ids_that_cannot_be_written_are_refused(tmp_path: Path, value: int) -> None:
    path = save(Image.fromarray(two_boxes(1, value, np.int32)), tmp_path / "mask.tif")
    with pytest.raises(InputError, match=rf"mask\.tif.*{value}.*0 to 65535"):
        MaskReader().read(path)


def test_floating_point_mask_is_refused(tmp_path: Path) -> None:
    path = save(Image.fromarray(two_boxes(1, 2).astype(np.float32)), tmp_path / "mask.tif")
    with pytest.raises(InputError, match=r"mask\.tif.*floating-point"):
        MaskReader().read(path)


def test_ignore_id_becomes_background_for_every_mask(tmp_path: Path) -> None:
    reader = MaskReader(ignore_id=255)
    for index, image in enumerate((Image.fromarray(two_boxes(1, 255)), Image.fromarray(two_boxes(255, 2)))):
        found = reader.read(save(image, tmp_path / f"{index}.png"))
        np.testing.assert_array_equal(found, two_boxes(*((1, 0), (0, 2))[index]))


# Palettes


def test_indexed_mask_keeps_and_returns_its_palette(tmp_path: Path) -> None:
    mask, palette = two_boxes(1, 4), list(np.random.default_rng(0).integers(0, 256, 768).tolist())
    image = Image.fromarray(mask)
    image.putpalette(palette)
    reader = MaskReader()
    np.testing.assert_array_equal(reader.read(save(image, tmp_path / "mask.png")), mask)
    assert reader.palette == palette


def test_short_palette_is_completed(tmp_path: Path) -> None:
    """An indexed file may list fewer than 256 colours; ids beyond them get DAVIS's."""
    image = Image.fromarray(two_boxes(1, 2))
    image.putpalette([0, 0, 0, *RED, *GREEN])
    reader = MaskReader()
    reader.read(save(image, tmp_path / "mask.png"))
    assert len(reader.palette) == 768
    assert reader.palette[:9] == [0, 0, 0, *RED, *GREEN]
    assert reader.palette[-3:] == PALETTE[-3:]


def test_readers_do_not_share_palettes(tmp_path: Path) -> None:
    MaskReader().read(save(coloured(two_boxes(1, 2), {1: RED, 2: GREEN}), tmp_path / "mask.png"))
    assert MaskReader().palette == PALETTE == make_palette()


# Colour images


def test_a_colour_is_the_same_object_in_all_masks(tmp_path: Path) -> None:
    reader = MaskReader()
    first = reader.read(save(coloured(two_boxes(1, 2), {1: RED, 2: GREEN}), tmp_path / "0.png"))
    second = reader.read(save(coloured(two_boxes(1, 2), {1: BLUE, 2: RED}), tmp_path / "1.png"))
    red, green, blue = first[10, 10], first[30, 40], second[10, 10]
    assert {red, green} == {1, 2}
    assert blue == 3
    np.testing.assert_array_equal(first, two_boxes(red, green))
    np.testing.assert_array_equal(second, two_boxes(blue, red))
    for label, colour in ((0, (0, 0, 0)), (red, RED), (green, GREEN), (blue, BLUE)):
        assert tuple(reader.palette[3 * label : 3 * label + 3]) == colour


def test_white_alone_is_the_object_that_white_was_among_colours(tmp_path: Path) -> None:
    """An RGB mask in which only the white object is left looks like a grey one."""
    reader = MaskReader()
    first = reader.read(save(coloured(two_boxes(1, 2), {1: RED, 2: WHITE}), tmp_path / "0.png"))
    second = reader.read(save(coloured(two_boxes(0, 2), {2: WHITE}), tmp_path / "1.png"))
    np.testing.assert_array_equal(second, two_boxes(0, first[30, 40]))


def indexed(mask: np.ndarray, colours: dict[int, tuple[int, int, int]]) -> Image.Image:
    """An indexed image whose palette has black and these colours."""
    image = Image.fromarray(mask)
    image.putpalette([level for index in range(max(colours) + 1) for level in colours.get(index, (0, 0, 0))])
    return image


TWO = {1: RED, 5: GREEN}


@pytest.mark.parametrize(("first", "second"), [((1, 5), (1, 5)), ((1, 0), (5, 1)), ((5, 0), (1, 5))])
def test_colours_after_indexed_masks_have_the_ids_of_the_palette(tmp_path: Path, first, second) -> None:
    """Ids that the indexed mask itself does not show included; and again when the masks are read once more."""
    paths = [
        save(indexed(two_boxes(*first), TWO), tmp_path / "0.png"),
        save(coloured(two_boxes(*second), TWO), tmp_path / "1.png"),
    ]
    reader = MaskReader()
    for path, mask in zip(paths * 2, (first, second) * 2):
        np.testing.assert_array_equal(reader.read(path), two_boxes(*mask))


@pytest.mark.parametrize("palette", [{1: RED, 2: GREEN}, {1: BLUE, 2: RED}])
def test_indexed_masks_after_colours_agree_or_are_refused(tmp_path: Path, palette) -> None:
    """Green is 1 and red 2 in the colour mask, in the order of R, G and B."""
    reader = MaskReader()
    reader.read(save(coloured(two_boxes(1, 2), {1: GREEN, 2: RED}), tmp_path / "0.png"))
    agreeing = save(indexed(two_boxes(1, 2), {1: GREEN, 2: RED}), tmp_path / "1.png")
    np.testing.assert_array_equal(reader.read(agreeing), two_boxes(1, 2))
    with pytest.raises(InputError, match=r"2\.png: its index 1 means another object than the colours of earlier masks"):
        reader.read(save(indexed(two_boxes(1, 2), palette), tmp_path / "2.png"))


@pytest.mark.parametrize("dtype", [bool, np.uint16])
def test_ids_without_colours_and_colours_are_not_mixed(tmp_path: Path, dtype: type) -> None:
    plain = save(Image.fromarray(two_boxes(1, 1).astype(dtype)), tmp_path / "plain.png")
    in_colours = save(coloured(two_boxes(1, 2), {1: RED, 2: BLUE}), tmp_path / "coloured.png")
    reader = MaskReader()
    reader.read(plain)
    with pytest.raises(InputError, match=r"coloured\.png: colours after a mask of ids, grey or white only"):
        reader.read(in_colours)


def test_16_bit_ids_after_colours_are_refused(tmp_path: Path) -> None:
    reader = MaskReader()
    reader.read(save(coloured(two_boxes(1, 2), {1: RED, 2: BLUE}), tmp_path / "0.png"))
    with pytest.raises(InputError, match=r"1\.png: ids without colours after masks in colours"):
        reader.read(save(Image.fromarray(two_boxes(1, 2, np.uint16)), tmp_path / "1.png"))


def test_1_bit_masks_after_colours_show_the_white_object(tmp_path: Path) -> None:
    reader = MaskReader()
    first = reader.read(save(coloured(two_boxes(1, 2), {1: RED, 2: WHITE}), tmp_path / "0.png"))
    second = reader.read(save(Image.fromarray(two_boxes(0, 1).astype(bool)), tmp_path / "1.png"))
    np.testing.assert_array_equal(second, two_boxes(0, first[30, 40]))


@pytest.mark.parametrize("hidden", [(0, 0, 0, 0), (255, 255, 255, 0), (30, 60, 90, 0)])
def test_transparent_pixels_are_background(tmp_path: Path, hidden: tuple[int, ...]) -> None:
    image = coloured(two_boxes(1, 2), {0: hidden, 1: (*RED, 255), 2: (*GREEN, 255)})
    found = MaskReader().read(save(image, tmp_path / "mask.png"))
    assert {found[10, 10], found[30, 40]} == {1, 2}
    np.testing.assert_array_equal(found, two_boxes(found[10, 10], found[30, 40]))


@pytest.mark.parametrize("hidden", [(255, 255, 255, 0), (30, 60, 90, 0)])
def test_transparent_grey_image_holds_ids_whatever_is_hidden(tmp_path: Path, hidden: tuple[int, ...]) -> None:
    image = coloured(two_boxes(3, 8), {0: hidden, 3: (3, 3, 3, 255), 8: (8, 8, 8, 255)})
    np.testing.assert_array_equal(MaskReader().read(save(image, tmp_path / "mask.png")), two_boxes(3, 8))


# Unreadable files


def error_of(read: Callable[[], np.ndarray]) -> tuple[InputError | None, np.ndarray | None]:
    """Return what ``read`` returns, or the error that it raises."""
    try:
        return None, read()
    except InputError as e:
        return e, None


def test_truncated_png_is_refused_or_complete(tmp_path: Path) -> None:
    """Cut anywhere: either refused by name, or (only the end marker missing) still the same mask."""
    mask = two_boxes(1, 2)
    whole = save(Image.fromarray(mask), tmp_path / "whole.png").read_bytes()
    path = tmp_path / "cut.png"
    num_refused = 0
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        error, found = error_of(lambda: MaskReader().read(path))
        if error is None:
            np.testing.assert_array_equal(found, mask)
        else:
            assert str(path) in str(error)
            num_refused += 1
    assert num_refused >= len(whole) - 30


@pytest.mark.parametrize("content", [b"", b"not an image\n", b"\x89PNG\r\n\x1a\n" + bytes(50)])
def test_file_that_is_no_image_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mask.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"mask\.png"):
        MaskReader().read(path)


# Too many ids


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (
            {1: 50, 7: 40, 3: 30},
            "3 objects, more than max_objects 2; ids (pixels): 1 (50 px), 3 (30 px), 7 (40 px)",
        ),
        ({1: 50000} | dict.fromkeys(range(2, 2000), 2), "1999 objects, .* and 1989 more; nearly all .* JPEG .* as PNG"),
        (dict.fromkeys(range(1, 9000), 3), "8999 objects, .* 10 (3 px), and 8989 more; they look like a photograph"),
    ],
)
def test_too_many_ids_are_described_in_one_short_line(pixels: dict[int, int], expected: str) -> None:
    text = describe_many_ids(pixels, 2, Path("masks"))
    assert re.search(expected.replace("(", r"\(").replace(")", r"\)"), text)
    assert len(text) < 400
    assert "\n" not in text
