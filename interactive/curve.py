"""A curve of quality over time, as a picture."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from util.files import write_then_rename

SIZE, MARGIN = (640, 400), 50  # pixels
GREY, BLUE, BLACK = (220, 220, 220), (30, 90, 180), (0, 0, 0)


def draw_curve(path: Path, time: Sequence[float], quality: Sequence[float]) -> None:
    """Draw points joined by lines, seconds to the right, from 0 to 1 upwards, into a PNG, whole or not at all."""
    image = Image.new("RGB", SIZE, "white")
    draw, end = ImageDraw.Draw(image), max(time) or 1.0
    width, height = SIZE[0] - 2 * MARGIN, SIZE[1] - 2 * MARGIN

    def place(seconds: float, share: float) -> tuple[float, float]:
        return MARGIN + width * seconds / end, SIZE[1] - MARGIN - height * share

    for tenth in range(0, 11, 2):
        draw.line([place(0, tenth / 10), place(end, tenth / 10)], GREY)
        x, y = place(0, tenth / 10)
        draw.text((x - 6, y), f"{tenth / 10:.1f}", BLACK, anchor="rm")
        x, y = place(end * tenth / 10, 0)
        draw.text((x, y + 6), f"{end * tenth / 10:.0f}", BLACK, anchor="mt")
    points = [place(seconds, share) for seconds, share in zip(time, quality)]
    draw.line(points, BLUE, width=2)
    for x, y in points:
        draw.ellipse([x - 3, y - 3, x + 3, y + 3], BLUE)
    draw.text((SIZE[0] / 2, SIZE[1] - 8), "seconds", BLACK, anchor="mb")
    draw.text((MARGIN, 8), "J&F", BLACK, anchor="lt")
    with write_then_rename(path) as temporary:
        image.save(temporary, "PNG")
