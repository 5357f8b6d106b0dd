"""Strokes on maps: the published rasters, and what networks read of them."""

import numpy as np
import pytest

from interactive.strokes import NO_STROKE, Line, draw_stroke, empty_map, rasterise, split_strokes
from tests.golden_figures import golden, golden_json


def test_golden_rasters() -> None:
    rasters = golden("interactive_davis")["rasters"]
    for raster, content in zip(rasters, golden_json("interactive_davis_scribbles")):
        lines = [
            Line(np.array(line["path"]), line["object_id"]) for of_frame in content["scribbles"] for line in of_frame
        ]
        assert np.array_equal(rasterise(lines, raster.shape), raster)


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (1.0, 1.0), (0.5, 0.25)])
def test_a_single_point_is_a_pixel(x: float, y: float) -> None:
    strokes = rasterise([Line(np.array([[x, y]]), 3)], (9, 13))
    assert np.argwhere(strokes == 3).tolist() == [[int(8 * y), int(12 * x)]]
    assert (strokes != NO_STROKE).sum() == 1


def test_a_stroke_by_hand_has_the_width_of_the_pen_and_covers_others() -> None:
    strokes = empty_map((20, 20))
    draw_stroke(strokes, [(10, 2), (10, 17)], 1)
    draw_stroke(strokes, [(2, 10), (17, 10)], 0)
    assert (strokes[5] == 1).sum() == 5
    assert (strokes[:, 5] == 0).sum() == 5
    assert strokes[10, 10] == 0


def test_a_click_is_a_dot() -> None:
    strokes = empty_map((20, 20))
    draw_stroke(strokes, [(10, 5)], 2)
    y, x = np.nonzero(strokes == 2)
    assert (x.mean(), y.mean(), len(x)) == (10, 5, 13)


def test_strokes_of_others_are_negative() -> None:
    strokes = empty_map((5, 7))
    strokes[2, 1], strokes[2, 3], strokes[2, 5] = 0, 1, 2
    positive, negative = split_strokes(strokes, 1)
    assert np.argwhere(positive).tolist() == [[2, 3]]
    assert np.argwhere(negative).tolist() == [[2, 1], [2, 5]]
    positive, negative = split_strokes(strokes, 1, is_dilated=True)
    assert (positive.sum(), negative.sum(), (positive & negative).sum()) == (9, 18, 6)
