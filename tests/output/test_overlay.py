"""Overlays: colours, outlines and numbers of the objects on the frames."""

import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from output.export import ExportedVideo
from output.names import OVERLAY, OutputPaths
from output.overlay import COLOURS, OPACITY, Overlay, draw_overlay
from tests.output.videos import frame_result, gradient, read_video

INSIDE = np.zeros((120, 100), bool)
INSIDE[25:40, 15:85] = True  # clear of the outline and of the number in the middle of BOX
BOX = np.zeros((120, 100), np.uint16)
BOX[20:100, 10:90] = 1


def tinted(image: np.ndarray, number: int) -> np.ndarray:
    """The pixels of an object in the colour of its number."""
    return (1 - OPACITY) * image + OPACITY * np.array(COLOURS[(number - 1) % len(COLOURS)])


@pytest.mark.parametrize(
    ("dtype", "label", "labels", "number"),
    [
        (np.uint8, 1, (1, 2), 1),
        (np.uint8, 255, (255,), 1),
        (np.uint8, 2, (7, 2), 2),
        (np.uint16, 300, (1, 2, 40000, 300), 4),
        (np.uint16, 13, tuple(range(1, 20)), 13),
    ],
)
def test_objects_have_the_colour_of_their_place_among_the_labels(
    dtype: type, label: int, labels: tuple[int, ...], number: int
) -> None:
    image, ids = gradient((120, 100)), (BOX * label).astype(dtype)
    before = image.copy(), ids.copy()
    canvas = draw_overlay(image, ids, labels)
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(ids, before[1])
    np.testing.assert_allclose(canvas[INSIDE], tinted(image[INSIDE], number), atol=0.51)
    outside = np.ones(ids.shape, bool)
    outside[16:104, 6:94] = False  # the outline reaches at most 4 pixels out
    np.testing.assert_array_equal(canvas[outside], image[outside])


def test_number_is_the_place_among_the_labels() -> None:
    """Whatever its id, the only object is drawn as number 1, and a second one as number 2."""
    image = gradient((120, 100))
    first = draw_overlay(image, BOX, (1,))
    for label in (2, 255, 40000):
        np.testing.assert_array_equal(draw_overlay(image, BOX * label, (label,)), first)
        second = draw_overlay(image, BOX * label, (3, label))
        np.testing.assert_array_equal(second, draw_overlay(image, BOX * 2, (1, 2)))


def test_outline_and_number_are_drawn() -> None:
    """The outline has the object's colour and a light rim; the number stands at the place deepest inside."""
    image, labels = gradient((120, 100)), tuple(range(1, 14))
    first = draw_overlay(image, BOX, labels)
    np.testing.assert_allclose(first[25:95, 10], np.tile(COLOURS[0], (70, 1)), atol=100)  # blended with the rim
    assert (first[25:95, 9] > image[25:95, 9]).all()
    assert (first[50:70, 40:60] == 255).all(-1).any()
    last = draw_overlay(image, BOX * 13, labels)  # the thirteenth colour is the first again
    differing = np.argwhere((first != last).any(-1))
    assert (differing.min(0) >= (40, 25)).all()
    assert (differing.max(0) <= (80, 75)).all()
    widths = [np.ptp(np.nonzero((canvas[40:80, 25:75] > 235).all(-1))[1]) for canvas in (first, last)]
    assert widths[1] > 1.5 * widths[0] > 0, "13 is wider than 1"


@pytest.mark.parametrize("number", range(1, len(COLOURS) + 1))
@pytest.mark.parametrize("grey", [0, 255])
def test_number_stands_out_from_every_object(grey: int, number: int) -> None:
    image = np.full((120, 100, 3), grey, np.uint8)
    canvas = draw_overlay(image, BOX * number, range(1, number + 1))
    assert np.abs(canvas[40:80, 25:75] - tinted(image[60, 50], number)).max() > 120


def test_ids_that_are_not_known_and_empty_masks_leave_the_frame() -> None:
    image = gradient((120, 100))
    for ids, labels in ((BOX * 0, (1, 2)), (BOX * 0, ()), (BOX * 3, (1, 2)), (BOX * 9, (1, 2)), (BOX, ())):
        np.testing.assert_array_equal(draw_overlay(image, ids, labels), image)


@pytest.mark.parametrize("pixel", [(0, 0), (29, 39), (15, 0)])
def test_object_of_one_pixel_at_the_rim(pixel: tuple[int, int]) -> None:
    image, ids = gradient((30, 40)), np.zeros((30, 40), np.uint8)
    ids[pixel] = 9
    canvas = draw_overlay(image, ids, (9,))
    assert canvas.shape == image.shape
    assert (canvas[pixel] != image[pixel]).any()


# How people without one of the three kinds of cones see linear RGB (simulation by G. M. Machado and others, 2009).
CONES = {
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no long": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "no medium": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "no short": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}


def as_lab(colour: tuple[int, int, int], cones: tuple) -> np.ndarray:
    """The colour in CIELAB, as it is seen."""
    share = np.array(colour) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    rgb = np.clip(np.array(cones) @ linear, 0, 1)
    xyz = np.array(((0.434, 0.376, 0.190), (0.213, 0.715, 0.072), (0.018, 0.109, 0.873))) @ rgb  # white is 1, 1, 1
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array((116 * y - 16, 500 * (x - y), 200 * (y - z)))


@pytest.mark.parametrize("cones", CONES)
@pytest.mark.parametrize(("num_colours", "distance"), [(4, 45), (8, 25), (12, 15)])
def test_colours_differ_for_everybody(cones: str, num_colours: int, distance: int) -> None:
    seen = [as_lab(colour, CONES[cones]) for colour in COLOURS[:num_colours]]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > distance


def test_objects_keep_their_numbers_through_the_video(tmp_path: Path) -> None:
    """Object 2 enters after object 5, and leaves again before object 3 enters; leading frames are unmarked."""
    results = [
        frame_result("0", (5,), (5,)),
        frame_result("1", (5, 2), (5, 2)),
        frame_result("2", (5,), (5,)),
        frame_result("3", (5, 3), (5, 3)),
    ]
    overlay = Overlay(ExportedVideo(OutputPaths(tmp_path / "clip"), None, Fraction(24), None))
    with overlay:
        overlay.write_leading(results[0].image)
        for result in results:
            overlay.write(result)
    leading, *frames = read_video(OutputPaths(tmp_path / "clip").path(OVERLAY)).frames[:, :45, :61].astype(int)
    assert np.abs(leading - results[0].image).mean() < 6
    for frame, result, labels in zip(frames, results, ((5,), (5, 2), (5, 2), (5, 2, 3))):
        expected = draw_overlay(result.image, result.ids, labels)
        assert np.abs(frame - expected).mean() < 10
        assert np.abs(frame - expected).mean() < np.abs(frame - result.image).mean()
