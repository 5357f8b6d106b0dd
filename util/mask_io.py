"""Object masks as image files: every common way of storing them in, indexed PNG out.

A mask is ``[H,W]`` int32 object ids, 0 for background.
"""

import logging
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from util.errors import InputError
from util.files import write_then_rename

log = logging.getLogger(__name__)

EDGE_SHARE = 0.001  # a smoothed edge's value holds less than this share of the image
EDGE_REACH = 2  # pixels from a smoothed edge's pixel to the regions that it separates
EDGE_CERTAINTY = 0.9  # share of a value's pixels that must lie at borders


def make_palette(num_colours: int = 256) -> list[int]:
    """The palette of PASCAL VOC and DAVIS: bits of the id, spread over R, G and B from the highest bit down."""
    ids = np.arange(num_colours)
    colours = np.zeros((num_colours, 3), np.int64)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= (ids >> (3 * bit + channel) & 1) << (7 - bit)
    return colours.flatten().tolist()


PALETTE = make_palette()


class MaskReader:
    """Read the masks of one video; a colour means the same object in all of them.

    Indexed, grey, 1-bit and 16-bit images hold ids. Colour images get ids 1, 2, .. in the order in which the colours
    appear; black and transparent pixels are background.

    Attributes:
        palette: 768 numbers to write masks with: that of an indexed image, the colours of colour images, or DAVIS's.
    """

    def __init__(self, ignore_id: int | None = None) -> None:
        self.palette = list(PALETTE)
        self._ignore_id = ignore_id
        self._id_of_colour = {0: 0}  # of 0xRRGGBB

    def read(self, path: Path) -> np.ndarray:
        """Read a mask: ``[H,W]`` int32.

        Raises:
            InputError: the file is unreadable or holds no ids.
        """
        try:
            with Image.open(path) as image:
                image.load()
        except (OSError, SyntaxError, ValueError) as e:
            raise InputError(f"{path}: unreadable mask ({e}); write it again") from e
        if image.mode == "P":
            colours = image.getpalette()
            self.palette = colours + PALETTE[len(colours) :]
            mask = np.asarray(image, np.int32)
        elif image.mode in ("1", "I", "I;16", "I;16B"):
            mask = np.asarray(image).astype(np.int32)
        elif image.mode == "F":
            raise InputError(f"{path}: a mask of floating-point numbers; save object ids as an indexed or 16-bit PNG")
        else:
            mask = self._from_grey_or_colour(image, path)
        if not 0 <= mask.min() <= mask.max() <= 65535:
            raise InputError(f"{path}: ids from {mask.min()} to {mask.max()}; 0 to 65535 can be written")
        return mask if self._ignore_id is None else np.where(mask == self._ignore_id, 0, mask)

    def _from_grey_or_colour(self, image: Image.Image, path: Path) -> np.ndarray:
        red, green, blue, alpha = np.moveaxis(np.asarray(image.convert("RGBA"), np.int32), 2, 0)
        is_grey = np.array_equal(red, green) and np.array_equal(red, blue)
        values = np.where(alpha < 128, 0, red if is_grey else red << 16 | green << 8 | blue)
        values, num_merged = merge_smoothed_edges(values)
        if num_merged:
            log.warning("%s: %d values of smoothed edges merged into the nearest object", path, num_merged)
        return values if is_grey else self._ids_of_colours(values)

    def _ids_of_colours(self, colours: np.ndarray) -> np.ndarray:
        unique, inverse = np.unique(colours, return_inverse=True)
        for colour in unique.tolist():
            if colour not in self._id_of_colour:
                new_id = self._id_of_colour[colour] = len(self._id_of_colour)
                if new_id < 256:
                    self.palette[3 * new_id : 3 * new_id + 3] = colour.to_bytes(3, "big")
        ids = np.array([self._id_of_colour[colour] for colour in unique.tolist()], np.int32)
        return ids[inverse].reshape(colours.shape)


def merge_smoothed_edges(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Merge the in-between values that smoothing or JPEG leaves along the borders of a mask.

    A value belongs to an edge if it holds under 0.1 % of the image and nearly all its pixels lie within two pixels of
    two different more frequent values. A small object that stands alone, or is thicker than that, is kept.

    Args:
        values: ``[H,W]`` int32, 0 for background.

    Returns:
        The mask with each such pixel given the value of the nearest other pixel, and the number of merged values.
    """
    unique, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(values.shape)
    is_candidate = (counts < EDGE_SHARE * values.size) & (unique != 0)
    if not is_candidate.any():
        return values, 0
    rows, columns = np.nonzero(is_candidate[inverse])
    own = inverse[rows, columns]
    at_border = np.bincount(own, _separates_larger(inverse, counts, rows, columns), minlength=len(unique))
    is_edge = is_candidate & (at_border >= EDGE_CERTAINTY * counts)
    nearest = ndimage.distance_transform_edt(is_edge[inverse], return_distances=False, return_indices=True)
    return values[tuple(nearest)], int(is_edge.sum())


def _separates_larger(inverse: np.ndarray, counts: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Whether each pixel ``(rows, columns)`` has two different more frequent values in reach: bool ``[pixels]``."""
    padded = np.pad(inverse, EDGE_REACH, mode="edge")
    window = range(2 * EDGE_REACH + 1)
    around = np.stack([padded[rows + dy, columns + dx] for dy in window for dx in window])  # [25,pixels]
    is_larger = counts[around] > counts[inverse[rows, columns]]
    lowest = np.where(is_larger, around, len(counts)).min(0)
    highest = np.where(is_larger, around, -1).max(0)
    return lowest < highest


def write_mask(path: Path, mask: np.ndarray, palette: list[int] | None = None) -> None:
    """Write a mask whole or not at all: an indexed PNG, or a 16-bit grey one if it is uint16.

    Args:
        mask: ``[H,W]`` object ids, uint8 or uint16.
        palette: 768 numbers; None: DAVIS's.
    """
    image = Image.fromarray(mask)
    if mask.dtype == np.uint8:
        image.putpalette(palette or PALETTE)
    with write_then_rename(path) as temporary:
        image.save(temporary)
