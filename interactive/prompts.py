"""First masks without painting: from a box around each object, from points on it and beside it, or from both.

from interactive.prompts import Prompt, first_mask

ids = first_mask(image, [Prompt(box=(490, 220, 150, 140)), Prompt(points=[(300, 200), (350, 260, 0)])])
tracker.track(video, ids)
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from dataset.arrays import check_image
from interactive.editing import fit
from interactive.interaction import GrabCutMaker, Maker, Region, draw_box, load_maker
from interactive.strokes import NO_STROKE, draw_stroke, empty_map
from util.errors import InputError
from util.ids import MAX_ID

SIDE = 480  # pixels of the short side that a view is reduced to
NEARNESS = 0.7  # a guess reaches this far from a point on the object towards what is not
MARGIN = 8  # pixels that are seen around a box at least


@dataclass(frozen=True)
class Prompt:
    """The marks of one object on a frame, in the frame's pixels."""

    box: Sequence[float] | None = None  # left, top, width and height of a box around it
    points: Sequence[Sequence[float]] = ()  # x and y of a point on it; x, y and 0 of a point beside it


def first_mask(
    image: object, prompts: Sequence[Prompt] | Mapping[int, Prompt], maker: Maker | None = None
) -> np.ndarray:
    """Make the mask of a frame from the marks of its objects.

    A point on one object is beside the others. Where two objects claim a pixel, the smaller one gets it.

    Args:
        image: ``[H,W,3]`` uint8 RGB, or what else ``check_image`` takes.
        prompts: the objects' marks by id, or in the order of the ids 1, 2, ..
        maker: corrects the mask that GrabCut begins with; None: S2M where there are weights, else GrabCut alone.

    Returns:
        ``[H,W]`` ids, uint8, or uint16 if one is above 255; 0 for background.

    Raises:
        InputError: marks that cannot be meant, or an object of which nothing is found.
    """
    image = check_image(image)
    prompts = dict(prompts if isinstance(prompts, Mapping) else enumerate(prompts, 1))
    if not prompts:
        raise InputError("no box and no point; mark at least one object")
    marks = {label: _check(label, prompt, image.shape[:2]) for label, prompt in prompts.items()}
    maker = maker or load_maker()
    masks = {label: _find(image, label, marks, maker) for label in marks}
    ids = np.zeros(image.shape[:2], np.uint8 if max(marks) < 256 else np.uint16)
    for label in sorted(masks, key=lambda label: -masks[label].sum()):
        ids[masks[label]] = label
    return ids


class _Marks(NamedTuple):
    """The marks of one object, checked."""

    box: Region | None
    on: list[tuple[float, float]]  # x and y of points on it
    beside: list[tuple[float, float]]


def _check(label: int, prompt: Prompt, size: tuple[int, int]) -> _Marks:
    """Check the marks of an object on a frame of ``(height, width)``."""
    if not 0 < label <= MAX_ID:
        raise InputError(f"object {label}: no id; give one from 1 to {MAX_ID}")
    box = None if prompt.box is None else _check_box(label, prompt.box, size)
    on, beside = [], []
    for point in prompt.points:
        x, y, is_on = _check_point(label, point, size)
        (on if is_on else beside).append((x, y))
        if is_on and box is not None and not _is_inside(x, y, box):
            raise InputError(f"object {label}: its point {x:g},{y:g} lies outside its box; move one of them")
    both = set(on) & set(beside)
    if both:
        x, y = min(both)
        raise InputError(f"object {label}: the point {x:g},{y:g} is both on it and beside it; leave out one")
    if box is None and not on:
        raise InputError(f"object {label}: neither a box nor a point on it; add one")
    return _Marks(box, on, beside)


def _check_box(label: int, box: Sequence[float], size: tuple[int, int]) -> Region:
    """Cut a box to the frame."""
    if len(box) != 4 or not all(map(math.isfinite, box)):
        raise InputError(f"object {label}: its box is not four numbers; give left, top, width and height in pixels")
    left, top, width, height = box
    right, bottom = min(left + width, size[1]), min(top + height, size[0])
    region = Region(*(round(side) for side in (max(left, 0), max(top, 0), right - 1, bottom - 1)))
    if region.right - region.left < 1 or region.bottom - region.top < 1:
        numbers = " ".join(f"{number:g}" for number in box)
        frame = f"the frame of {size[1]}x{size[0]} pixels"
        raise InputError(f"object {label}: its box {numbers} (left, top, width, height) has no area inside {frame}")
    return region


def _check_point(label: int, point: Sequence[float], size: tuple[int, int]) -> tuple[float, float, bool]:
    if len(point) not in (2, 3) or not all(map(math.isfinite, point)) or point[2:] and point[2] not in (0, 1):
        raise InputError(f"object {label}: a point of {len(point)} numbers; give x, y, or x, y and 0 beside the object")
    x, y, *rest = point
    if not _is_inside(x, y, Region(0, 0, size[1] - 1, size[0] - 1)):
        raise InputError(f"object {label}: its point {x:g},{y:g} lies outside the frame of {size[1]}x{size[0]} pixels")
    return x, y, rest != [0]


def _is_inside(x: float, y: float, region: Region) -> bool:
    return region.left <= x < region.right + 1 and region.top <= y < region.bottom + 1


def _find(image: np.ndarray, label: int, marks: Mapping[int, _Marks], maker: Maker) -> np.ndarray:
    """Find one object: ``[H,W]`` bool. GrabCut begins, and the maker corrects what it found."""
    box = marks[label].box
    region = _surroundings(box, image.shape[:2])
    part = region.crop(image)
    scale = min(1.0, SIDE / min(part.shape[:2]))
    view = fit(part, (round(part.shape[0] * scale), round(part.shape[1] * scale)))
    strokes = _draw(label, marks, region, view.shape[:2])
    rows = np.zeros_like(strokes) if box is not None else _guess(strokes)
    for make in (GrabCutMaker(), maker)[isinstance(maker, GrabCutMaker) :]:
        found = make(np.ascontiguousarray(view), rows, strokes, 1)
        rows = found.argmax(0).numpy()
    mask = np.zeros(image.shape[:2], bool)
    region.crop(mask)[:] = cv2.resize(found[1].numpy(), part.shape[1::-1], interpolation=cv2.INTER_LINEAR) > 0.5
    if box is not None:
        inside = np.zeros_like(mask)
        box.crop(inside)[:] = True
        mask &= inside
    if not mask.any():
        raise InputError(f"object {label}: nothing is found by its marks; add points on it, or paint its mask")
    return mask


def _surroundings(box: Region | None, size: tuple[int, int]) -> Region:
    """Choose the part of the frame to look at."""
    if box is None:
        return Region(0, 0, size[1] - 1, size[0] - 1)
    across, down = (box.right - box.left) // 2 + MARGIN, (box.bottom - box.top) // 2 + MARGIN
    return Region(
        max(box.left - across, 0),
        max(box.top - down, 0),
        min(box.right + across, size[1] - 1),
        min(box.bottom + down, size[0] - 1),
    )


def _draw(label: int, marks: Mapping[int, _Marks], region: Region, size: tuple[int, int]) -> np.ndarray:
    """Draw an object's marks as strokes of row 1 on row 0, into a view of a region: ``[height,width]``."""
    strokes, (box, on, beside) = empty_map(size), marks[label]
    scale = np.array([size[1] / (region.right + 1 - region.left), size[0] / (region.bottom + 1 - region.top)])

    def to_view(x: float, y: float) -> tuple[float, float]:
        return tuple((np.array([x - region.left, y - region.top]) * scale).tolist())

    if box is not None:
        (left, top), (right, bottom) = to_view(box.left, box.top), to_view(box.right, box.bottom)
        inner = Region(round(left), round(top), round(right), round(bottom))
        draw_box(strokes, inner, 1)
        objects = inner.crop(strokes) == 1
        strokes[:] = 0
        inner.crop(strokes)[:] = np.where(objects, 1, NO_STROKE)
    others = [point for other, marked in marks.items() if other != label for point in marked.on]
    for points, row in ((on, 1), ((*beside, *others), 0)):
        for point in points:
            draw_stroke(strokes, [to_view(*point)], row)
    return strokes


def _guess(strokes: np.ndarray) -> np.ndarray:
    """Guess where an object marked by points may be: rows ``[H,W]``, 1 around its points.

    It is nearer to them than to the points beside it, and to the sides of the view, where background is likely.
    """
    beside = np.pad((strokes == 0).astype(np.uint8), 1, constant_values=1)
    on = np.pad((strokes == 1).astype(np.uint8), 1)
    to_on, to_beside = (cv2.distanceTransform(1 - mask, cv2.DIST_L2, 3)[1:-1, 1:-1] for mask in (on, beside))
    return (to_on < NEARNESS * to_beside).astype(np.int32)
