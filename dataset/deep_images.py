"""Images of 16 bits per channel, which shall lose nothing silently: Pillow keeps the upper 8 of colours."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from util.errors import InputError

DEPTHS = (8, 10, 12, 14, 16)  # bits that cameras fill of 16
MAX_MEANT = 256  # a painted or indexed mask has no more colours with hard edges


def is_deep(image: Image.Image) -> bool:
    """Tell 16 bits per channel by the header of an image that is not yet decoded."""
    return image.mode.startswith("I") or is_reduced(image)


def is_reduced(image: Image.Image) -> bool:
    """Whether Pillow would reduce the 16 bits of colours or of grey with transparency to 8."""
    return not image.mode.startswith("I") and ";16" in str([tile[3] for tile in image.tile])


def read_levels(image: Image.Image, path: Path) -> np.ndarray:
    """Read the levels of a deep image, as it is stored: ``[H,W]``, or ``[H,W,C]`` in the order R, G, B, alpha; uint16.

    Raises:
        OSError: it is damaged.
    """
    has_channels = is_reduced(image)
    image.load()  # Pillow knows damaged files by itself, OpenCV would print something
    if not has_channels:
        return np.clip(np.asarray(image), 0, 65535).astype(np.uint16)
    levels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if levels is None or levels.dtype != np.uint16:
        raise OSError("its 16-bit levels cannot be decoded")
    return levels if levels.ndim == 2 else levels[..., [2, 1, 0, 3][: levels.shape[2]]]


def reduce_levels(levels: np.ndarray, depth: int) -> Image.Image:
    """Make an RGB image of levels ``[H,W]`` or ``[H,W,C]`` uint16 that use ``depth`` bits."""
    reduced = np.minimum(levels >> (depth - 8), 255).astype(np.uint8)
    return Image.fromarray(reduced if reduced.ndim == 2 else np.ascontiguousarray(reduced[..., :3])).convert("RGB")


def find_depth(highest: int) -> int:
    """Find how many bits the images of a video use, 8 to 16, from their highest level."""
    return next(depth for depth in DEPTHS if depth >= highest.bit_length())


def keep_ids(levels: np.ndarray, path: Path) -> Image.Image | None:
    """Keep the ids of a mask that has 16 bits per channel, equal in all channels; transparent pixels are background.

    Returns:
        An image of 16-bit levels; None if 8 bits say the same, as with colours of flat regions or with soft edges.

    Raises:
        InputError: two colours of the mask would become one.
    """
    colours = np.where(levels[..., 3:] >= 1 << 15, levels[..., :3], 0) if levels.shape[2] == 4 else levels
    if np.array_equal(colours >> 8, colours & 255):
        return None
    num_colours, num_reduced = (len(np.unique(_pack(part))) for part in (colours, colours >> 8))
    if num_colours > MAX_MEANT:
        return None
    if np.array_equal(colours.min(2), colours.max(2)):
        return Image.fromarray(np.ascontiguousarray(colours[..., 0]))
    if num_colours > num_reduced:
        raise InputError(f"{path}: 16-bit colours that are alike in 8 bits; save indexed masks")
    return None


def _pack(colours: np.ndarray) -> np.ndarray:
    """Pack colours ``[H,W,3]`` uint16 into one number each."""
    return colours.astype(np.int64) @ np.array([1 << 32, 1 << 16, 1])
