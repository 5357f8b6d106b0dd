"""Masks in every common way of storing them, smoothed edges, and writing whole or not at all."""

import io
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from dataset.images import MaskReader, merge_smoothed_edges
from output.masks import write_mask
from tests.conftest import read_ids
from util.errors import InputError
from util.palette import PALETTE, make_palette

DAVIS_COLOURS = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128)]
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
VIDEO_SIZE = (480, 854)


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


def disc(size: tuple[int, int], radius: float, scale: int = 1) -> np.ndarray:
    """Bool ``[H*scale,W*scale]``: a disc in the middle of an image of ``size``, drawn ``scale`` times as large."""
    height, width = size
    y, x = np.ogrid[: height * scale, : width * scale]
    return np.hypot((y + 0.5) / scale - height / 2, (x + 0.5) / scale - width / 2) < radius


def deviation(found: np.ndarray, true: np.ndarray) -> float:
    """Distance in pixels from the true border of the furthest wrong pixel; 0 if none is wrong."""
    depth = np.maximum(ndimage.distance_transform_edt(true), ndimage.distance_transform_edt(~true))
    return (depth * (found != true)).max()


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


def test_palette_is_that_of_davis() -> None:
    assert list(zip(*[iter(PALETTE[:15])] * 3)) == DAVIS_COLOURS
    assert len(PALETTE) == 768
    assert len(set(zip(*[iter(PALETTE)] * 3))) == 256
    assert make_palette(5) == PALETTE[:15]


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


OTHER_PALETTE = [0, 0, 0, *RED, *GREEN] + [7] * 759


@pytest.mark.parametrize(
    ("arguments", "mode", "palette"),
    [((), "P", PALETTE), ((OTHER_PALETTE,), "P", OTHER_PALETTE), ((None,), "L", None)],
)
def test_written_mask_is_indexed_with_the_palette_or_grey(
    tmp_path: Path, arguments: tuple, mode: str, palette: list[int] | None
) -> None:
    mask = two_boxes(1, 2)
    write_mask(tmp_path / "mask.png", mask, *arguments)
    with Image.open(tmp_path / "mask.png") as image:
        assert image.mode == mode
        assert image.getpalette() == palette
        np.testing.assert_array_equal(np.asarray(image), mask)


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
    """What ``read`` raises or returns."""
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


# Writing


@pytest.mark.parametrize("old", [None, b"old"])
def test_failing_write_leaves_the_folder_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bytes | None
) -> None:
    def fail(_, temporary: Path, **options: int) -> None:
        Path(temporary).write_bytes(b"half")
        raise OSError("No space left on device")

    path = tmp_path / "mask.png"
    if old is not None:
        path.write_bytes(old)
    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="No space"):
        write_mask(path, two_boxes(1, 2))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == ({} if old is None else {"mask.png": old})


def test_write_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    for label in (1, 2):
        write_mask(tmp_path / "mask.png", two_boxes(label, label))
    assert [file.name for file in tmp_path.iterdir()] == ["mask.png"]
    np.testing.assert_array_equal(read_ids(tmp_path / "mask.png"), two_boxes(2, 2))


# Smoothed edges


def downscaled(size: tuple[int, int], radius: float, resampling: Image.Resampling) -> np.ndarray:
    large = Image.fromarray(disc(size, radius, 4).astype(np.uint8) * 255)
    return np.asarray(large.resize(size[::-1], resampling))


def blurred(size: tuple[int, int], radius: float, sigma: float) -> np.ndarray:
    return np.rint(ndimage.gaussian_filter(disc(size, radius) * 255.0, sigma)).astype(np.uint8)


def jpeg(size: tuple[int, int], radius: float, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(disc(size, radius).astype(np.uint8) * 255).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


SMOOTHINGS = {
    "bilinear": (downscaled, Image.Resampling.BILINEAR),
    "lanczos": (downscaled, Image.Resampling.LANCZOS),
    "blur-1": (blurred, 1.0),
    "jpeg-75": (jpeg, 75),
    "jpeg-95": (jpeg, 95),
}


@pytest.mark.parametrize("size", [(240, 320), VIDEO_SIZE], ids=lambda size: f"{size[0]}p")
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_smoothed_disc_is_one_object(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, smoothing: str, size: tuple[int, int]
) -> None:
    make, strength = SMOOTHINGS[smoothing]
    radius = size[0] / 5
    values = make(size, radius, strength)
    assert len(np.unique(values)) > 10, "the disc has no smoothed edge"
    with caplog.at_level(logging.WARNING, "dataset.images"):
        found = MaskReader().read(save(Image.fromarray(values), tmp_path / "mask.png"))
    assert np.unique(found).tolist() == [0, 255]
    assert deviation(found == 255, disc(size, radius)) <= 2
    assert "mask.png" in caplog.text


@pytest.mark.parametrize("resampling", [Image.Resampling.BILINEAR, Image.Resampling.LANCZOS])
def test_antialiased_two_colour_mask_is_two_objects(tmp_path: Path, resampling: Image.Resampling) -> None:
    """A red disc on a green right half: edges to the background, and between the two objects."""
    large = np.zeros((VIDEO_SIZE[0] * 4, VIDEO_SIZE[1] * 4, 3), np.uint8)
    large[:, VIDEO_SIZE[1] * 2 + 2 :] = GREEN  # the border falls inside a pixel
    large[disc(VIDEO_SIZE, 100, 4)] = RED
    path = save(Image.fromarray(large).resize(VIDEO_SIZE[::-1], resampling), tmp_path / "mask.png")
    reader = MaskReader()
    found = reader.read(path)
    assert np.unique(found).tolist() == [0, 1, 2]
    red, green = found[240, 427], found[10, 800]
    assert tuple(reader.palette[3 * red : 3 * red + 3]) == RED
    assert deviation(found == red, disc(VIDEO_SIZE, 100)) <= 2
    right_half = np.broadcast_to(np.arange(VIDEO_SIZE[1]) >= VIDEO_SIZE[1] // 2, VIDEO_SIZE)
    assert deviation(found == green, right_half & ~disc(VIDEO_SIZE, 100)) <= 2


@pytest.mark.parametrize("jumps_to", [3, 255])
@pytest.mark.parametrize("place", ["alone", "astride"])
def test_small_compact_object_is_kept_in_a_grey_mask(tmp_path: Path, place: str, jumps_to: int) -> None:
    """8 x 8 pixels are 0.016 % of the image."""
    mask = np.zeros(VIDEO_SIZE, np.uint8)
    mask[100:400, 100:400] = 1
    mask[100:400, 400:700] = 2
    column = {"alone": 750, "astride": 396}[place]
    mask[200:208, column : column + 8] = jumps_to
    found = MaskReader().read(save(Image.fromarray(mask), tmp_path / "mask.png"))
    np.testing.assert_array_equal(found, mask)


def test_clean_mask_of_many_touching_objects_is_not_merged(tmp_path: Path) -> None:
    """A 12 x 16 chequer of 192 ids, each of 30 x 40 pixels in 360 x 640."""
    mask = np.kron(np.arange(1, 193, dtype=np.uint8).reshape(12, 16), np.ones((30, 40), np.uint8))
    found = MaskReader().read(save(Image.fromarray(mask), tmp_path / "mask.png"))
    np.testing.assert_array_equal(found, mask)


def test_indexed_masks_are_never_merged(tmp_path: Path) -> None:
    """Lines one pixel wide along the borders of large objects, and a single pixel."""
    mask = np.zeros(VIDEO_SIZE, np.uint8)
    mask[100:400, 100:400] = 1
    mask[100:400, 400:700] = 2
    mask[100:400, 400] = 3
    mask[99, 100:160] = 4
    mask[250, 399] = 5
    write_mask(tmp_path / "mask.png", mask)
    np.testing.assert_array_equal(MaskReader().read(tmp_path / "mask.png"), mask)


def edge_values_by_loops(values: np.ndarray) -> set[int]:
    """The rule as merge_smoothed_edges states it, pixel by pixel."""

    def around(row: int, column: int, reach: int) -> set[int]:
        rows, columns = (slice(max(centre - reach, 0), centre + reach + 1) for centre in (row, column))
        return set(values[rows, columns].flatten().tolist())

    pixels = {value: list(zip(*np.nonzero(values == value))) for value in np.unique(values).tolist()}
    solid = {
        value
        for value, places in pixels.items()
        if value == 0 or sum(around(*place, 1) == {value} for place in places) >= 0.1 * len(places)
    }
    return {
        value
        for value, places in pixels.items()
        if value not in solid and sum(len(around(*place, 8) & solid) >= 2 for place in places) >= 0.9 * len(places)
    }


@pytest.mark.parametrize("seed", range(3))
def test_edge_values_agree_with_naive_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.kron(rng.integers(0, 4, (4, 5)) * 10, np.ones((25, 25), int)).astype(np.int32)
    for value in range(100, 160):  # specks of random size, within a row, near a border or anywhere
        row, column = rng.integers(0, 100), rng.integers(0, 110)
        if rng.random() < 0.6:
            column = 25 * rng.integers(1, 5) + rng.integers(-3, 2)
        values[row, column : column + rng.integers(1, 15)] = value
    merged, num_merged = merge_smoothed_edges(values)
    expected = edge_values_by_loops(values)
    assert 5 < len(expected) < 55, "the example decides nothing"
    assert set(np.unique(values).tolist()) - set(np.unique(merged).tolist()) == expected
    assert num_merged == len(expected)
    kept = ~np.isin(values, list(expected))
    np.testing.assert_array_equal(merged[kept], values[kept])


def test_merged_pixels_get_the_nearest_value() -> None:
    """Half-way columns between two regions go to the side that is nearer."""
    values = np.zeros((50, 100), np.int32)  # 0.1 % is 5 pixels
    values[:, 50:] = 9
    values[20:24, 49], values[20:24, 50] = 4, 5
    merged, num_merged = merge_smoothed_edges(values)
    assert num_merged == 2
    np.testing.assert_array_equal(merged, np.where(np.arange(100) < 50, 0, 9) * np.ones((50, 1)))
