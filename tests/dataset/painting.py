"""Masks as people paint and save them, for the tests of reading them."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
SIZE = (480, 854)
DETAIL = 4  # an antialiased mask is drawn so many times as large


@cache
def draw(num_objects: int, detail: int = 1) -> np.ndarray:
    """``[480,854]`` times ``detail``: a disc, or two that touch and a thin stroke."""
    rows, columns = np.ogrid[: SIZE[0] * detail, : SIZE[1] * detail]
    y, x = (rows + 0.5) / detail, (columns + 0.5) / detail
    mask = np.where(np.hypot(y - 200, x - 250) < 90, np.uint8(1), np.uint8(0))
    if num_objects == 3:
        mask[np.hypot(y - 220, x - 400) < 75] = 2
        along, across = 0.8 * (x - 550) + 0.6 * (y - 100), 0.8 * (y - 100) - 0.6 * (x - 550)
        mask[(np.abs(across) < 10) & (along > 0) & (along < 260)] = 3
    return mask


def paint(mask: np.ndarray, colours: tuple) -> Image.Image:
    """Give background and objects their colours."""
    return Image.fromarray(np.array(colours, np.uint8)[mask])


def blurred(image: Image.Image, pixels: int) -> Image.Image:
    return Image.fromarray(cv2.GaussianBlur(np.asarray(image), (0, 0), pixels))


def hard(path: Path, num_objects: int, colours: tuple) -> None:
    paint(draw(num_objects), colours).save(path.with_suffix(".png"))


def antialiased(path: Path, num_objects: int, colours: tuple, suffix: str = ".png") -> None:
    large = paint(draw(num_objects, DETAIL), colours)
    large.resize(SIZE[::-1], Image.Resampling.BOX).save(path.with_suffix(suffix))


def soft(pixels: int) -> Callable:
    def save(path: Path, num_objects: int, colours: tuple) -> None:
        blurred(paint(draw(num_objects), colours), pixels).save(path.with_suffix(".png"))

    return save


def lossy(suffix: str, quality: int) -> Callable:
    def save(path: Path, num_objects: int, colours: tuple) -> None:
        paint(draw(num_objects), colours).save(path.with_suffix(suffix), quality=quality)

    return save


WAYS = {
    "hard": hard,
    "antialiased": antialiased,
    **{f"blurred-{pixels}": soft(pixels) for pixels in (2, 4, 8)},
    **{f"jpeg-{quality}": lossy(".jpg", quality) for quality in (95, 85, 75, 50)},
    **{f"webp-{quality}": lossy(".webp", quality) for quality in (80, 50)},
    "gif": lambda *arguments: antialiased(*arguments, ".gif"),
}
PAINTS = {
    "colours": (BLACK, RED, GREEN, BLUE),
    "colours-on-white": (WHITE, RED, GREEN, BLUE),
    "palette": (BLACK, (128, 0, 0), (0, 128, 0), (128, 128, 0)),
    "grey": (0, 255, 170, 85),
    "grey-as-colours": (BLACK, WHITE, (170, 170, 170), (85, 85, 85)),
}


def overlap(found: np.ndarray, wanted: np.ndarray) -> float:
    return np.count_nonzero(found & wanted) / np.count_nonzero(found | wanted)


def assert_as_painted(found: np.ndarray, truth: np.ndarray, least: float) -> None:
    """Each painted object is one object of an id of its own."""
    labels = np.unique(found[found > 0])
    objects = range(1, truth.max() + 1)
    best = [max(labels, key=lambda label: overlap(found == label, truth == wanted)) for wanted in objects]
    assert len(labels) == len(objects) == len(set(best))
    for label, wanted in zip(best, objects):
        assert overlap(found == label, truth == wanted) > least
