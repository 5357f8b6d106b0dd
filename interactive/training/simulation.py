"""Simulated users for training: wrong masks, and the strokes that would correct them.

Recipe of Cheng, Tai, Tang, MiVOS, CVPR 2021, with the robot's strokes for empty masks as well.
"""

from collections.abc import Callable

import cv2
import numpy as np
from skimage.morphology import skeletonize

from interactive.davis.robot import RobotConfig, draw_lines
from interactive.strokes import rasterise

ROBOT = RobotConfig(kernel=0.15, min_pixels=1, is_fast=True)
ROBOT_SHARE = 0.75  # share of the corrections that the robot draws
ROBOT_SHARE_FIRST = 0.5  # share of the first strokes that it draws; published: none
CURVES_SHARE = 0.3  # share of the samples that get free curves as well
SECOND_KIND_SHARE = 0.3  # share of the regions that get a second kind of strokes
MIN_PIXELS = 100  # an object or a background with fewer gets no free curves
MAX_CHANGES = 300
CURVE_WIDTH = 3  # pixels

Array = np.ndarray
Generator = np.random.Generator


def perturb(mask: Array, iou: float, generator: Generator) -> Array:
    """Spoil a mask ``[H,W]`` uint8 of 0 and 1 until its overlap with the original is low enough.

    Again and again a random rectangle is dilated or eroded, now and then around a pixel set to 0 or 1 before.
    """
    spoiled = mask.copy()
    x, y, width, height = cv2.boundingRect(mask)
    largest = max(9, int(np.sqrt(mask.sum()) / 8))
    intersection = union = int(mask.sum())
    for _ in range(MAX_CHANGES):
        if intersection <= iou * union:
            break
        sides = generator.integers((1, 1), (max(width, 16), max(height, 16)), endpoint=True) // 2 + 1
        left, top = generator.integers((x, y), (x + width, y + height)) - sides // 2
        part = np.s_[max(top, 0) : top + sides[1], max(left, 0) : left + sides[0]]
        window, truth = spoiled[part], mask[part]
        intersection -= np.count_nonzero(window & truth)
        union -= np.count_nonzero(window | truth)
        if generator.random() < 0.1:
            window[len(window) // 2, window.shape[1] // 2] = generator.integers(2)
        change = cv2.dilate if generator.random() < 0.5 else cv2.erode
        window[:] = change(window, _element(largest, generator))
        intersection += np.count_nonzero(window & truth)
        union += np.count_nonzero(window | truth)
    return spoiled


def draw_strokes(truth: Array, previous: Array, generator: Generator) -> tuple[Array, Array]:
    """Draw the strokes of a user who wants an object and sees a mask.

    Args:
        truth, previous: ``[H,W]`` uint8, 0 or 1.

    Returns:
        positive and negative strokes, ``[H,W]`` uint8, 0 or 1.
    """
    share = ROBOT_SHARE if previous.any() else ROBOT_SHARE_FIRST
    if generator.random() < share:
        strokes = _robot_strokes(truth, previous)
    else:
        errors = truth & ~previous, previous & ~truth
        strokes = [_region_strokes(error, generator) for error in errors]
    if generator.random() < CURVES_SHARE or not (strokes[0].any() or strokes[1].any()):
        for drawn, region in zip(strokes, (truth, 1 - truth)):
            if region.sum() > MIN_PIXELS:
                drawn |= region & _curves(region, generator.integers(2, 4, endpoint=True), generator)
    return strokes[0], strokes[1]


def _robot_strokes(truth: Array, previous: Array) -> list[Array]:
    """Draw the robot's lines for the object and the background, at half size; without a mask both are missing."""
    shown = previous if previous.any() else np.full_like(previous, 2)
    lines = draw_lines(truth[::2, ::2], shown[::2, ::2], (0, 1), ROBOT)
    strokes, kernel = rasterise(lines, truth.shape), np.ones((3, 3), np.uint8)
    return [cv2.dilate((strokes == value).view(np.uint8), kernel) for value in (1, 0)]


def _region_strokes(error: Array, generator: Generator) -> Array:
    """Draw strokes of random kinds into the pieces of an error ``[H,W]``."""
    drawn = np.zeros_like(error)
    opened = cv2.morphologyEx(error, cv2.MORPH_OPEN, _ellipse(generator.integers(5, 19, endpoint=True)))
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=8)
    for index in range(1, count):
        if stats[index, cv2.CC_STAT_AREA] > generator.integers(10, 99, endpoint=True):
            x, y, width, height = stats[index, :4]
            part = np.s_[y : y + height, x : x + width]
            region = (pieces[part] == index).view(np.uint8)
            for _ in range(1 + (generator.random() < SECOND_KIND_SHARE)):
                kind = KINDS[generator.integers(len(KINDS))]
                drawn[part] |= kind(region, generator)
    return drawn


def _outline(region: Array, generator: Generator) -> Array:
    """Draw along a region's edge, some way inside."""
    inner = cv2.erode(np.pad(region, 1), _ellipse(generator.integers(3, 49, endpoint=True)))
    contours, _ = cv2.findContours(inner, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    drawn = cv2.drawContours(np.zeros_like(inner), contours, -1, 1, CURVE_WIDTH)[1:-1, 1:-1]
    return _broken(drawn & region, generator)


def _thinning(region: Array, generator: Generator) -> Array:
    """Draw along a region's middle."""
    middle = skeletonize(region.astype(bool)).view(np.uint8)
    return _broken(cv2.dilate(middle, np.ones((3, 3), np.uint8)), generator)


def _curves_inside(region: Array, generator: Generator) -> Array:
    """Draw curves that stay in a region, or leave it by a few pixels."""
    near = cv2.dilate(region, _ellipse(generator.integers(3, 6, endpoint=True)))
    return _curves(region, generator.integers(2, 3, endpoint=True), generator) & near


KINDS: tuple[Callable[[Array, Generator], Array], ...] = (_outline, _thinning, _curves_inside)


def _curves(region: Array, count: int, generator: Generator) -> Array:
    """Draw quadratic Bezier curves through random points of a region, each the longest of ten."""
    drawn, points = np.zeros_like(region), np.argwhere(region)[:, ::-1]
    t = np.linspace(0, 1, 20)[:, None]
    for _ in range(count):
        corners = points[generator.integers(len(points), size=(10, 3))]  # [10,3,2]
        lengths = np.linalg.norm(np.diff(corners, axis=1), axis=2).sum(1)
        start, middle, end = corners[lengths.argmax()]
        curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end
        cv2.polylines(drawn, [np.rint(curve).astype(np.int32)], isClosed=False, color=1, thickness=CURVE_WIDTH)
    return drawn


def _broken(drawn: Array, generator: Generator) -> Array:
    """Erode four random rectangles of a drawing, which breaks its lines."""
    height, width = drawn.shape
    for _ in range(4):
        top, left = generator.integers((0, 0), (height, width))
        part = np.s_[top : top + height // 4 + 1, left : left + width // 4 + 1]
        drawn[part] = cv2.erode(drawn[part], _ellipse(generator.integers(5, 9, endpoint=True)))
    return drawn


def _element(largest: int, generator: Generator) -> Array:
    """Draw a structuring element of sides from 3 on: a square, an ellipse, a flat or a tall one."""
    side, other = generator.integers(3, largest, size=2, endpoint=True).tolist()
    shapes = (side, side), (side, side), (other, 3), (3, other)
    kind = generator.integers(len(shapes))
    return _ellipse(side) if kind == 1 else np.ones(shapes[kind], np.uint8)


def _ellipse(side: int) -> Array:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (int(side), int(side)))
