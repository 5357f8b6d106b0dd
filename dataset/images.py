"""Object masks as image files: every common way of storing them in, indexed PNG out.

A mask is ``[H,W]`` int32 object ids, 0 for background.
"""

import logging
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from util.errors import InputError
from util.palette import PALETTE

log = logging.getLogger(__name__)

SOLID_SHARE = 0.1  # an object's value: this share of its pixels lies inside uniform 3x3 squares
EDGE_REACH = 8  # pixels from a smoothed edge's pixel to the regions that it separates (a JPEG block)
EDGE_CERTAINTY = 0.9  # share of a value's pixels that must lie at borders


# What Pillow raises for files that it cannot decode.
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def decode_image(path: Path) -> Image.Image:
    """Decode a mask, or any image, as it is stored.

    Raises:
        InputError: it is unreadable.
    """
    try:
        with Image.open(path) as image:
            image.load()
    except UNREADABLE as e:
        raise InputError(f"{path}: unreadable mask ({e}); write it again") from e
    return image


class MaskReader:
    """Read the masks of one video; a colour means the same object in all of them.

    Indexed, grey, 1-bit and 16-bit images hold ids. Colour images get ids 1, 2, .. mask by mask, within a mask in the
    order of R, G, B; black and transparent pixels are background.

    Args:
        ignore_id: an id that means "not labelled".
        merge_edges: whether to merge smoothed edges of grey and colour images, with a note.

    Attributes:
        palette: 768 numbers to write masks with: that of an indexed image, the colours of colour images, or DAVIS's.
    """

    def __init__(self, ignore_id: int | None = None, *, merge_edges: bool = True) -> None:
        self.palette = list(PALETTE)
        self._ignore_id, self._merge_edges = ignore_id, merge_edges
        self._id_of_colour = {0: 0}  # of 0xRRGGBB
        self._has_grey = False  # whether a grey image with objects was read
        self._noted: set[Path] = set()  # masks whose smoothed edges were told of

    @property
    def has_colours(self) -> bool:
        """Whether colours were read, whose ids depend on the order of reading."""
        return len(self._id_of_colour) > 1

    def read(self, path: Path) -> np.ndarray:
        """Read a mask: ``[H,W]`` int32.

        Raises:
            InputError: the file is unreadable or holds no ids.
        """
        image = decode_image(path)
        if image.mode == "P":
            colours = image.getpalette()
            self.palette = colours + PALETTE[len(colours) :]
            mask = np.asarray(image, np.int32)
        elif image.mode in ("1", "I", "I;16", "I;16B"):
            mask = np.asarray(image).astype(np.int32)
            if not 0 <= mask.min() <= mask.max() <= 65535:
                raise InputError(f"{path}: ids from {mask.min()} to {mask.max()}; 0 to 65535 can be written")
        elif image.mode == "F":
            raise InputError(f"{path}: a mask of floating-point numbers; save object ids as an indexed or 16-bit PNG")
        else:
            mask = self._from_grey_or_colour(image, path)
        return mask if self._ignore_id is None else np.where(mask == self._ignore_id, 0, mask)

    def _from_grey_or_colour(self, image: Image.Image, path: Path) -> np.ndarray:
        values, is_grey = self._decode_values(image)
        values, num_merged = merge_smoothed_edges(values) if self._merge_edges else (values, 0)
        if num_merged and path not in self._noted:
            self._noted.add(path)
            log.warning("%s: %d values of smoothed edges merged into the nearest object", path, num_merged)
        if is_grey:
            self._has_grey |= bool(values.any())
            return values.astype(np.int32)
        if self._has_grey:
            raise InputError(f"{path}: colours after a mask of grey and white only; save indexed masks instead")
        return self._ids_of_colours(values)

    def _decode_values(self, image: Image.Image) -> tuple[np.ndarray, bool]:
        """Grey levels if all pixels are grey and no colours were read before, else 0xRRGGBB; and which of them."""
        if image.mode == "L" and "transparency" not in image.info and not self.has_colours:
            return np.asarray(image), True
        red, green, blue, alpha = np.moveaxis(np.asarray(image.convert("RGBA"), np.int32), 2, 0)
        is_opaque = alpha >= 128
        is_grey = not self.has_colours and bool(np.all((red == green) & (red == blue) | ~is_opaque))
        return np.where(is_opaque, red if is_grey else red << 16 | green << 8 | blue, 0), is_grey

    def _ids_of_colours(self, colours: np.ndarray) -> np.ndarray:
        unique, inverse = np.unique(colours, return_inverse=True)
        for colour in unique.tolist():
            if colour not in self._id_of_colour:
                new_id = self._id_of_colour[colour] = len(self._id_of_colour)
                if new_id < 256:
                    self.palette[3 * new_id : 3 * new_id + 3] = colour.to_bytes(3, "big")
        ids = np.array([self._id_of_colour[colour] for colour in unique.tolist()], np.int32)
        return ids[inverse].reshape(colours.shape)


def read_stored_ids(path: Path, *, allow_colours: bool = False) -> np.ndarray:
    """Read a mask by itself, as it is stored: ``[H,W]`` int32 indices or grey levels.

    Args:
        allow_colours: whether colours may be read, as any numbers above 0.

    Raises:
        InputError: the file is unreadable, or has colours.
    """
    reader = MaskReader(merge_edges=False)
    mask = reader.read(path)
    if reader.has_colours and not allow_colours:
        raise InputError(f"{path}: a colour mask, and colours are no ids; save indexed masks")
    return mask


def merge_smoothed_edges(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Merge the in-between values that smoothing or JPEG leaves along the borders of a mask.

    A value is solid if a tenth of its pixels have eight neighbours of the same value, as an object's inside has. It
    belongs to an edge if it is not solid and nearly all its pixels lie within eight pixels of two different solid
    values. A small object is solid; a thin one that touches one region only is kept as well.

    Args:
        values: ``[H,W]`` uint8 or int32, 0 for background.

    Returns:
        The mask with each such pixel given the value of the nearest other pixel, and the number of merged values.
    """
    if np.all((values == 0) | (values == values.max())):
        return values, 0  # nothing lies between a single object and the background
    unique, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(values.shape)
    is_inside = ndimage.minimum_filter(inverse, 3) == ndimage.maximum_filter(inverse, 3)
    is_solid = np.bincount(inverse[is_inside], minlength=len(unique)) >= SOLID_SHARE * counts
    is_solid |= unique == 0
    if is_solid.all():
        return values, 0
    window = 2 * EDGE_REACH + 1
    lowest = ndimage.minimum_filter(np.where(is_solid[inverse], inverse, len(unique)), window)
    highest = ndimage.maximum_filter(np.where(is_solid[inverse], inverse, -1), window)
    at_border = np.bincount(inverse[lowest < highest], minlength=len(unique))
    is_edge = ~is_solid & (at_border >= EDGE_CERTAINTY * counts)
    nearest = ndimage.distance_transform_edt(is_edge[inverse], return_distances=False, return_indices=True)
    return values[tuple(nearest)], int(is_edge.sum())
