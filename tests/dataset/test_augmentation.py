"""The augmentation of training clips: geometry and colour against naive twins, and the published order of steps."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from dataset.augmentation import (
    BL30K,
    FILL,
    STATIC,
    VIDEO,
    Augmentation,
    Colour,
    ColourRange,
    FrameTransform,
    Rectangle,
    apply_colours,
    draw_clip,
    draw_colour,
    draw_crop,
)
from dataset.training_clip import ClipSpec
from tests.dataset.clips import smooth_image
from tests.dataset.published_augmentation import draw_published

STILL = ColourRange()


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# Geometry


def test_warp_is_one_resampling_through_the_matrix() -> None:
    """Each output pixel has the colour of the source place that the inverted matrix names."""
    matrix = np.array([[1.3, 0.2, -9.0], [-0.1, 1.1, 4.0], [0, 0, 1]])
    image = smooth_image(120, 160)
    found = FrameTransform(matrix, None, (), (120, 160), 64).apply_to_image(image)
    inverse = np.linalg.inv(matrix)
    for row, column in [(5, 7), (32, 40), (60, 63), (20, 1)]:
        x, y, _ = inverse @ (column + 0.5, row + 0.5, 1) - 0.5
        if 1 < x < 158 and 1 < y < 118:
            assert abs(found[row, column, 0] - x * 255 / 160) < 2
            assert abs(found[row, column, 1] - y * 255 / 120) < 2
        else:
            assert tuple(found[row, column]) == FILL


def test_a_smaller_decoded_image_gives_the_same_frame() -> None:
    image = smooth_image(400, 600)
    half = cv2.resize(image, (300, 200), interpolation=cv2.INTER_AREA)
    for frame in draw_clip(VIDEO, (400, 600), ClipSpec(96, num_frames=2), generator()):
        full, reduced = frame.apply_to_image(image).astype(int), frame.apply_to_image(half).astype(int)
        assert np.quantile(np.abs(full - reduced), 0.97) <= 3  # but for the rim of filled areas


def test_image_and_mask_share_the_geometry() -> None:
    """An object painted into the image lies where its mask lies, spline included."""
    mask = np.zeros((200, 260), np.uint8)
    cv2.circle(mask, (130, 100), 60, 7, -1)
    image = np.where(mask[..., None] > 0, np.uint8(255), np.uint8(0)).repeat(3, 2)
    ranges = replace(STATIC, clip_colour=STILL, frame_colour=STILL, spline=1.0)
    for frame in draw_clip(ranges, mask.shape, ClipSpec(96, num_frames=5), generator()):
        ids = frame.apply_to_mask(mask, is_soft=False)
        assert set(np.unique(ids)) <= {0, 7}
        is_filled = (frame.apply_to_image(np.zeros_like(image)) > 60).all(2)
        painted = (frame.apply_to_image(image)[..., 0] > 127) & ~is_filled
        assert (painted == (ids > 0)).mean() > 0.985
        soft = frame.apply_to_mask((mask > 0).astype(np.uint8) * 255, is_soft=True)
        assert ((soft > 127) == (ids > 0)).mean() > 0.985


@pytest.mark.parametrize("ranges", [STATIC, VIDEO, BL30K], ids=["photographs", "videos", "bl30k"])
@pytest.mark.parametrize("size", [(300, 400), (400, 260)])
def test_published_steps_with_a_resampling_each(ranges: Augmentation, size: tuple[int, int]) -> None:
    """The same area is empty, and elsewhere the same pixels show."""
    ranges = replace(ranges, clip_colour=STILL, frame_colour=STILL)
    spec, image, whole = ClipSpec(128), smooth_image(*size), np.full(size, 255, np.uint8)
    for seed in range(6):
        published = draw_published(ranges, image, whole, spec, generator(seed))
        frames = draw_clip(ranges, size, spec, generator(seed))
        for frame, (expected, expected_mask) in zip(frames, published):
            is_empty = frame.apply_to_mask(whole, is_soft=False) == 0
            assert (is_empty == (expected_mask == 0)).mean() > 0.98
            is_inside = cv2.erode((~is_empty & (expected_mask > 0)).astype(np.uint8), np.ones((5, 5))) > 0
            differences = np.abs(frame.apply_to_image(image).astype(int) - expected)[is_inside]
            assert differences.mean() < 1
            assert np.quantile(differences, 0.99) <= 3


def empty_share(ranges: Augmentation, *, keep_surroundings: bool) -> float:
    """Mean share of empty area over some clips."""
    spec, size = ClipSpec(64, keep_surroundings=keep_surroundings), (120, 213)
    frames = [frame for seed in range(30) for frame in draw_clip(ranges, size, spec, generator(seed))]
    return np.mean([frame.apply_to_mask(np.ones(size, np.uint8), is_soft=False) == 0 for frame in frames])


@pytest.mark.parametrize("ranges", [STATIC, VIDEO], ids=["photographs", "videos"])
def test_surroundings_of_the_crop_are_empty_unless_they_are_kept(ranges: Augmentation) -> None:
    assert 0.05 < empty_share(ranges, keep_surroundings=False) < 0.1
    assert empty_share(ranges, keep_surroundings=True) < 0.05


def test_surroundings_change_no_pixel_that_shows_the_crop() -> None:
    """The same numbers are drawn with them and without."""
    image = smooth_image(200, 300)
    clips = [
        draw_clip(STATIC, (200, 300), ClipSpec(96, keep_surroundings=keeps), generator(4)) for keeps in (True, False)
    ]
    for with_surroundings, without in zip(*clips):
        shown = without.apply_to_mask(np.ones((200, 300), np.uint8), is_soft=False)
        is_inside = cv2.erode(shown, np.ones((7, 7)), borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
        found, expected = (frame.warp(image, cv2.INTER_LINEAR, 0).astype(int) for frame in (with_surroundings, without))
        assert np.abs(found - expected)[is_inside].max() <= 1


def test_a_kept_rectangle_lies_where_it_lay_at_any_size_of_the_image() -> None:
    size, kept = (100, 200), Rectangle(50, 20, 150, 60)
    frame = FrameTransform(np.eye(3), None, (), size, 200, kept)
    for reduction in (1, 2):
        shown = frame.apply_to_mask(np.ones((100 // reduction, 200 // reduction), np.uint8), is_soft=False)
        rows, columns = np.nonzero(shown)
        assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == kept


@pytest.mark.parametrize("ranges", [STATIC, VIDEO])
@pytest.mark.parametrize("size", [(300, 500), (96, 96), (500, 301)])
def test_drawn_geometry_stays_in_range(ranges: Augmentation, size: tuple[int, int]) -> None:
    """Rotation, shear and scale, by which a frame differs from its clip, stay within the table."""
    drawn = generator()
    for _ in range(50):
        matrices = [frame.matrix for frame in draw_clip(ranges, size, ClipSpec(96), drawn)]
        assert all(np.array_equal(matrix[2], [0, 0, 1]) for matrix in matrices)
        signs = {np.sign(np.linalg.det(matrix[:2, :2])) for matrix in matrices}
        assert len(signs) == 1  # mirrored together
        relative = np.linalg.inv(matrices[0][:2, :2]) @ matrices[1][:2, :2]
        low, high = ranges.frame_scale[0] / ranges.frame_scale[1], ranges.frame_scale[1] / ranges.frame_scale[0]
        assert low**2 - 1e-9 <= np.linalg.det(relative) <= high**2 + 1e-9


def test_crops_have_the_drawn_area_and_aspect_and_fit() -> None:
    drawn, areas = generator(), []
    for _ in range(300):
        x, y, width, height = draw_crop(VIDEO, (480, 854), drawn)
        assert min(x, y) >= 0
        assert x + width <= 854
        assert y + height <= 480
        assert 0.74 <= width / height <= 1.35
        areas.append(width * height / (480 * 854))
    assert min(areas) >= 0.35
    assert max(areas) > 0.65  # a 4:3 crop of a 16:9 frame holds three quarters of it at the most
    assert draw_crop(VIDEO, (100, 1000), drawn) == (433, 0, 133, 100)  # nothing fits: the largest in the centre


# Colour


def naive_colours(image: np.ndarray, colours: list[Colour]) -> np.ndarray:
    """ColorJitter's steps one by one, without clipping."""
    result = image.astype(np.float64)
    weights = np.array([0.299, 0.587, 0.114])
    for colour in colours:
        result = result * colour.brightness
        result = colour.contrast * result + (1 - colour.contrast) * (result @ weights).mean()
        result = colour.saturation * result + (1 - colour.saturation) * (result @ weights)[..., None]
    return result


def test_colours_equal_the_steps_one_by_one() -> None:
    image = generator().integers(60, 180, (20, 30, 3)).astype(np.uint8)
    colours = [draw_colour(ColourRange(0.1, 0.2, 0.3, 0.0), generator(seed)) for seed in range(2)]
    assert np.abs(apply_colours(image, tuple(colours)) - naive_colours(image, colours)).max() <= 1


def test_grey_loses_all_colour_and_hue_turns_it() -> None:
    image = np.full((4, 4, 3), (200, 50, 50), np.uint8)
    grey = apply_colours(image, (draw_colour(ColourRange(grey=1.0), generator()),))
    assert (grey == grey[..., :1]).all()
    turned = apply_colours(image, (Colour(1, 1, 1, 1 / 3),))
    assert np.abs(turned[0, 0].astype(int) - (50, 200, 50)).max() <= 3
