"""Strokes: lines that a person, the robot or a data set draws on a frame, and the maps that networks read."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import cv2
import numpy as np

NO_STROKE = -1  # value of a stroke map where nobody drew
PEN = 3  # thickness of strokes drawn by hand, as OpenCV counts it: five pixels are covered


class Line(NamedTuple):
    """A line of an object, or of the background (id 0)."""

    path: np.ndarray  # [N,2] float64, x and y as shares of the frame's width and height
    object_id: int


def empty_map(size: tuple[int, int]) -> np.ndarray:
    """Make a stroke map without strokes: ``[height,width]`` int32, all ``NO_STROKE``."""
    return np.full(size, NO_STROKE, np.int32)


def rasterise(lines: Iterable[Line], size: tuple[int, int]) -> np.ndarray:
    """Draw lines one pixel wide, as the DAVIS interactive protocol does; later lines cover earlier ones.

    Args:
        size: ``(height, width)``.

    Returns:
        stroke map ``[height,width]`` int32: object ids, ``NO_STROKE`` elsewhere.
    """
    strokes = empty_map(size)
    for line in lines:
        points = (line.path * (size[1] - 1, size[0] - 1)).astype(int)
        is_far = np.abs(np.diff(points, axis=0)).max(1) > 1  # neighbours have nothing between them
        gaps = [_pixels_between(points[index], points[index + 1]) for index in np.flatnonzero(is_far)]
        x, y = np.concatenate([points, *gaps]).T
        strokes[y, x] = line.object_id
    return strokes


def draw_stroke(
    strokes: np.ndarray, points: Sequence[tuple[float, float]], object_id: int, thickness: int = PEN
) -> None:
    """Draw a stroke by hand into a stroke map ``[H,W]`` int32, in place.

    Args:
        points: x and y in pixels; a single point becomes a dot.
        thickness: as OpenCV counts it.
    """
    pixels = np.rint([*points, points[-1]]).astype(np.int32)  # OpenCV draws no line of a single point
    cv2.polylines(strokes, [pixels.reshape(-1, 1, 2)], isClosed=False, color=int(object_id), thickness=thickness)


def split_strokes(strokes: np.ndarray, object_id: int, *, is_dilated: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Divide the strokes on a frame into an object's positive and negative ones.

    Strokes of other objects and of the background alike are negative.

    Args:
        strokes: stroke map ``[H,W]``.
        is_dilated: whether to thicken both by a pixel to each side, after which they may overlap.

    Returns:
        positive and negative, ``[H,W]`` uint8, 0 or 1.
    """
    positive = (strokes == object_id).view(np.uint8)
    negative = ((strokes != object_id) & (strokes != NO_STROKE)).view(np.uint8)
    if is_dilated:
        kernel = np.ones((3, 3), np.uint8)
        positive, negative = cv2.dilate(positive, kernel), cv2.dilate(negative, kernel)
    return positive, negative


def _pixels_between(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """List the pixels ``[n+1,2]`` of a straight line between two different ones, both included."""
    length = np.abs(end - start)
    n = length.max()
    steps = np.arange(n + 1)[:, None]
    return start + np.sign(end - start) * ((2 * length * steps + n) // (2 * n))
