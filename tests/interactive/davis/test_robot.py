"""The robot's strokes: the published figures, and where lines may lie."""

import numpy as np
import pytest

from interactive.davis.robot import draw_lines, find_middle, longest_paths, open_error, smooth
from tests.golden_figures import golden, golden_json


def unpack(bits: np.ndarray) -> np.ndarray:
    return np.unpackbits(bits)[: 4 * 96 * 128].reshape(4, 96, 128).astype(bool)


def test_golden_opening_and_skeletons() -> None:
    expected = golden("interactive_robot")
    for error, opened, skeleton in zip(*(unpack(expected[name]) for name in ("errors", "opened", "skeletons"))):
        assert np.array_equal(open_error(error), opened)
        assert np.array_equal(find_middle(opened), skeleton)


def test_golden_longest_paths_and_curves() -> None:
    skeletons = unpack(golden("interactive_robot")["skeletons"])
    for skeleton, expected in zip(skeletons, golden_json("interactive_session")["robot"]):
        paths = longest_paths(skeleton)
        assert [path.tolist() for path in paths] == expected["longest_paths_xy"]
        for path, curve in zip(paths, expected["bezier_every_111th"]):
            assert smooth(path)[::111] == pytest.approx(np.array(curve), abs=1e-6)


def test_lines_lie_where_objects_are_missing() -> None:
    truth, prediction = np.zeros((60, 80), int), np.zeros((60, 80), int)
    truth[10:50, 10:30], prediction[10:50, 50:70] = 1, 1
    lines = draw_lines(truth, prediction, range(3))
    assert [line.object_id for line in lines] == [0, 1]
    x = [line.path[:, 0] * 80 for line in lines]
    assert (x[0].min() >= 50, x[0].max() <= 70, x[1].min() >= 10, x[1].max() <= 30) == (True,) * 4
    assert draw_lines(truth, truth, range(2)) == []


def test_a_disc_has_no_middle_line() -> None:
    y, x = np.mgrid[:61, :61]
    assert draw_lines((x - 30) ** 2 + (y - 30) ** 2 <= 400, np.zeros((61, 61)), [1]) == []


def test_a_long_path_is_not_smoothed() -> None:
    path = np.stack([np.arange(1200), np.full(1200, 7)], 1)
    assert np.array_equal(smooth(path), path)
