"""Charts: points where they belong, gaps, and as many names as find room."""

import math
from pathlib import Path

import numpy as np
from PIL import Image

from output.chart import BLUE, HEIGHT, MARGIN, WIDTH, Line, Panel, write_chart

RED = (200, 0, 0)


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


def test_points_lie_where_they_belong(tmp_path: Path) -> None:
    line = Line([10, 15, 20, 25, 30], [0, 0.5, math.nan, 0.5, 1])
    write_chart(tmp_path / "chart.png", [Panel("J", [line]), Panel("F", [Line([10, 30], [1, 1], colour=RED)])], "x")
    pixels = read(tmp_path / "chart.png")
    assert pixels.shape == (2 * HEIGHT + 3 * MARGIN, WIDTH + 2 * MARGIN, 3)
    for x, y in ((0, 0), (0.25, 0.5), (0.75, 0.5), (1, 1), (0.125, 0.25)):
        assert tuple(pixels[round(MARGIN + HEIGHT * (1 - y)), round(MARGIN + WIDTH * x)]) == BLUE
    columns = slice(MARGIN + WIDTH * 3 // 10, MARGIN + WIDTH * 7 // 10)
    assert not (pixels[: HEIGHT + MARGIN, columns] == BLUE).all(2).any()  # the gap
    assert (pixels[HEIGHT + 2 * MARGIN, MARGIN : MARGIN + WIDTH] == RED).all()  # the second panel's


def test_a_single_point_is_seen(tmp_path: Path) -> None:
    write_chart(tmp_path / "chart.png", [Panel("J", [Line([3], [0.5])])], "x")
    assert tuple(read(tmp_path / "chart.png")[MARGIN + HEIGHT // 2, MARGIN]) == BLUE


def test_names_that_find_no_room_are_counted(tmp_path: Path) -> None:
    """The legend ends above the panel's lower border, whatever the number of lines."""
    widths = []
    for number in (3, 18, 19, 50):
        lines = [Line([0, 1], [0, 1], f"object {index}", RED) for index in range(number)]
        write_chart(tmp_path / f"{number}.png", [Panel("J", lines)], "x")
        legend = read(tmp_path / f"{number}.png")[:, MARGIN + WIDTH + 10 :]
        drawn = (legend != 255).any((1, 2))
        assert not drawn[MARGIN + HEIGHT + 2 :].any()
        widths.append(int((legend[:, 15] == RED).all(1).sum()) // 4)  # rows of the short lines beside the names
    assert widths == [3, 18, 17, 17]
