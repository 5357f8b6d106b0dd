"""Strokes that are open on a frame, and the mask that they make."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from interactive.interaction import DrawingMaker, Maker, Region, draw_box
from interactive.objects import Objects
from interactive.strokes import NO_STROKE, PEN, draw_stroke, empty_map
from util.errors import InputError
from util.packing import PackedArray

MAX_COORDINATE = 10**5  # pixels


class Stroke(NamedTuple):
    """A stroke or a box on a frame, in pixels of the working size."""

    points: tuple[tuple[float, float], ...]  # x and y; of a box two opposite corners
    number: int  # the object's; 0 for the background
    is_box: bool = False


class Scribbles(NamedTuple):
    """The strokes that are open on a frame: each further one makes the mask anew from the same start."""

    frame: int
    region: Region | None  # the part that is worked on; None: the whole frame
    start: PackedArray  # [H,W] numbers of the mask before the first stroke
    strokes: tuple[Stroke, ...] = ()


def make_mask(scribbles: Scribbles, objects: Objects, image: np.ndarray, maker: Maker) -> np.ndarray:
    """Make the mask of a frame.

    Args:
        image: ``[H,W,3]`` uint8 RGB, at the working size.

    Returns:
        ``[H,W]`` numbers.

    Raises:
        InputError: there is no object.
    """
    if not objects.entries:
        raise InputError("a stroke, but no object to tell from the background; add an object first")
    start, strokes = objects.to_rows(scribbles.start.unpack()), empty_map(image.shape[:2])
    for stroke in scribbles.strokes:
        row = (0, *objects.numbers).index(stroke.number)
        _draw(strokes, stroke, row)
    count, region = len(objects.numbers), scribbles.region
    if region is None:
        found = maker(image, start, strokes, count)
    else:
        part = maker(*(np.ascontiguousarray(region.crop(array)) for array in (image, start, strokes)), count)
        found = region.paste(part, DrawingMaker()(image, start, empty_map(start.shape), count))
    return objects.from_rows(found.argmax(0).numpy())


def make_stroke(
    points: tuple[tuple[float, float], ...], number: int, size: tuple[int, int], *, is_box: bool = False
) -> Stroke:
    """Make a stroke on a frame of ``(height, width)``.

    Raises:
        InputError: no pixel of it lies in the frame.
    """
    stroke, strokes = Stroke(points, number, is_box), empty_map(size)
    _draw(strokes, stroke, number)
    if (strokes == NO_STROKE).all():
        raise InputError("a stroke outside the frame: draw inside of it")
    return stroke


def fill_area(numbers: np.ndarray, point: tuple[float, float], number: int) -> np.ndarray:
    """Give the connected area of one number around a point another one.

    Args:
        numbers: ``[H,W]`` int32.
        point: x and y in pixels.

    Raises:
        InputError: the point lies outside.
    """
    x, y = (math.floor(value) for value in point)
    if not (0 <= x < numbers.shape[1] and 0 <= y < numbers.shape[0]):
        raise InputError("a point outside the frame: fill inside of it")
    filled = np.ascontiguousarray(numbers, np.int32).copy()
    cv2.floodFill(filled, None, (x, y), number)
    return filled


def check_points(
    points: Sequence[tuple[float, float]], scale: float, count: int | None = None
) -> tuple[tuple[float, float], ...]:
    """Check a stroke's points and scale them to the working size.

    Args:
        points: x and y in pixels of the video; they may lie outside of it.
        count: how many there must be; None: one or more.

    Raises:
        InputError: there are none or not as many, or they are no finite numbers.
    """
    array = np.asarray(points, float)
    is_shaped = array.ndim == 2 and array.shape[1] == 2 and len(array) == (count or len(array)) > 0
    if not is_shaped or not (np.abs(array) < MAX_COORDINATE).all():
        raise InputError(f"a stroke of shape {list(array.shape)}; give {count or 'some'} points x, y in pixels")
    return tuple(map(tuple, (array * scale).tolist()))


def _draw(strokes: np.ndarray, stroke: Stroke, row: int) -> None:
    if stroke.is_box:
        (left, top), (right, bottom) = np.sort(np.rint(stroke.points).astype(int), axis=0).tolist()
        draw_box(strokes, Region(left, top, right, bottom), row)
    else:
        draw_stroke(strokes, stroke.points, row, PEN)


def fit(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring an image ``[H,W,3]`` uint8 to ``(height, width)``, smaller ones by averaging."""
    return image if image.shape[:2] == size else cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
