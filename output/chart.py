"""Charts of figures from 0 to 1, as PNG."""

import math
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from util.files import write_then_rename

WIDTH, HEIGHT = 560, 300  # pixels of a panel without its margins
MARGIN, LEGEND = 50, 130  # pixels around a panel, and to the right of it if its lines have names
LINE_HEIGHT = 16  # pixels of a name in the legend
GREY, BLUE, BLACK = (220, 220, 220), (30, 90, 180), (0, 0, 0)
MAX_DOTTED = 60  # a line of more points has no dots
Point = tuple[float, float]


class Line(NamedTuple):
    """Points that are joined by a line."""

    x: Sequence[float]
    y: Sequence[float]  # 0 to 1; NaN leaves a gap
    name: str = ""  # for the legend
    colour: tuple[int, int, int] = BLUE


class Panel(NamedTuple):
    """Lines in one frame."""

    title: str
    lines: Sequence[Line]


def write_chart(path: Path, panels: Sequence[Panel], x_title: str) -> None:
    """Draw panels, one below the other, into a PNG, whole or not at all.

    Args:
        x_title: what the horizontal axis shows, which is that of all panels.
    """
    has_legend = any(line.name for panel in panels for line in panel.lines)
    width = WIDTH + 2 * MARGIN + (LEGEND if has_legend else 0)
    image = Image.new("RGB", (width, (HEIGHT + MARGIN) * len(panels) + MARGIN), "white")
    draw = ImageDraw.Draw(image)
    points = [x for panel in panels for line in panel.lines for x in line.x]
    for index, panel in enumerate(panels):
        _draw_panel(draw, panel, index * (HEIGHT + MARGIN) + MARGIN, (min(points), max(points)))
    draw.text((MARGIN + WIDTH / 2, image.height - 8), x_title, BLACK, anchor="mb")
    with write_then_rename(path) as temporary:
        image.save(temporary, "PNG")


def _draw_panel(draw: ImageDraw.ImageDraw, panel: Panel, top: float, ends: tuple[float, float]) -> None:
    start, span = ends[0], ends[1] - ends[0] or 1.0

    def place(x: float, y: float) -> Point:
        return MARGIN + WIDTH * (x - start) / span, top + HEIGHT * (1 - y)

    for tenth in range(0, 11, 2):
        x, y = place(start, tenth / 10)
        draw.line([(x, y), (x + WIDTH, y)], GREY)
        draw.text((x - 6, y), f"{tenth / 10:.1f}", BLACK, anchor="rm")
        x, y = place(start + span * tenth / 10, 0)
        value = round(start + span * tenth / 10, 0 if span >= 10 else 1)
        draw.text((x, y + 6), f"{value:g}", BLACK, anchor="mt")
    for line in panel.lines:
        _draw_line(draw, [place(*point) for point in zip(line.x, line.y)], line.colour)
    draw.text((MARGIN, top - 12), panel.title, BLACK, anchor="lb", font=ImageFont.load_default(14))
    _draw_legend(draw, panel, top)


def _draw_line(draw: ImageDraw.ImageDraw, points: Sequence[Point], colour: tuple[int, int, int]) -> None:
    for is_gap, run in groupby(points, lambda point: math.isnan(point[1])):
        run = [] if is_gap else list(run)
        if len(run) > 1:
            draw.line(run, colour, width=2)
        for x, y in run if len(points) <= MAX_DOTTED or len(run) == 1 else ():
            draw.ellipse([x - 3, y - 3, x + 3, y + 3], colour)


def _draw_legend(draw: ImageDraw.ImageDraw, panel: Panel, top: float) -> None:
    """Name the lines beside the panel, as many as find room."""
    named, room = [line for line in panel.lines if line.name], HEIGHT // LINE_HEIGHT
    shown = named if len(named) <= room else named[: room - 1]
    left = MARGIN + WIDTH + 20
    for index, line in enumerate(shown):
        y = top + LINE_HEIGHT * (index + 0.5)
        draw.line([(left, y), (left + 20, y)], line.colour, width=4)
        draw.text((left + 28, y), line.name, BLACK, anchor="lm")
    if len(shown) < len(named):
        draw.text((left, top + LINE_HEIGHT * (room - 0.5)), f"and {len(named) - len(shown)} more", BLACK, anchor="lm")
