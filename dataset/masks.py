"""Object masks from image files, in every common way of storing them.

A mask is ``[H,W]`` int32 object ids, 0 for background.
"""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor

from dataset.colour_ids import SAME_COLOUR, ColourIds
from dataset.images import decode_image
from dataset.painted_masks import Painting, find_runs, is_smoothed, pack, recognise, unpack
from dataset.stored_masks import Colour, find_ids, flatten, is_grey
from util.errors import InputError
from util.palette import PALETTE

log = logging.getLogger(__name__)

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
BORDER_SHARE = 0.75  # white that fills more of an image's border, and most of the image, is background
ALMOST_GREY = 16  # levels between the channels of a grey that a lossy format stored
ALMOST_WHITE = 250
MAX_LISTED = 10  # ids in a message


class MaskReader:
    """Read the masks of one video; a colour means the same object in all of them.

    Indexed, grey, 1-bit and 16-bit images hold ids. Colour images get ids 1, 2, .. mask by mask, within a mask in the
    order of R, G, B; transparent pixels are background, and black ones, or white ones where white surrounds
    everything. Soft edges and the noise of lossy formats are given to the objects beside them. Changes are logged.

    Args:
        ignore_id: an id that means "not labelled".
        background: the background's colour, by name or as ``#rrggbb``; None: black, or white all around.

    Attributes:
        palette: 768 numbers to write masks with: that of an indexed image, the colours of colour images, or DAVIS's.

    Raises:
        InputError: there is no such colour.
    """

    def __init__(self, ignore_id: int | None = None, background: str | None = None) -> None:
        self.palette = list(PALETTE)
        self._ignore_id = ignore_id
        self._background = None if background is None else _parse_colour(background)
        self._ids = ColourIds()
        self._listed: dict[Colour, int] = {}  # ids of the colours in the palettes of indexed images
        self._has_colours = False
        self._has_grey = False  # whether an image of ids without colours, with objects, was read
        self._noted: set[str] = set()

    def read(self, path: Path) -> np.ndarray:
        """Read a mask: ``[H,W]`` int32.

        Raises:
            InputError: the file is unreadable or holds no ids.
        """
        image = decode_image(path)
        has_colours = image.format == "GIF" or (image.mode == "1" and self._has_colours)  # whatever its indices
        mask = None if has_colours else find_ids(image, path)
        if mask is None:
            mask = self._read_grey_or_colour(image, path)
        elif image.mode == "P":
            mask = self._read_indexed(mask, image, path)
        else:
            mask = self._read_plain_ids(mask, image, path)
        return mask if self._ignore_id is None else np.where(mask == self._ignore_id, 0, mask)

    def _read_indexed(self, mask: np.ndarray, image: Image.Image, path: Path) -> np.ndarray:
        """Keep the ids, whose colours name the same objects in later masks, but for a background that was given."""
        numbers = image.getpalette()
        colours = list(zip(numbers[::3], numbers[1::3], numbers[2::3]))
        self.palette = numbers + PALETTE[len(numbers) :]
        for index, colour in enumerate(colours[1:], 1):
            self._listed.setdefault(colour, index)
        for index in np.flatnonzero(np.bincount(mask.ravel())).tolist():
            colour = colours[index] if index < len(colours) else None
            if colour is not None and self._background == colour:
                return _swap(mask, index)
            if colour is not None and index > 0:
                self._check_index(index, colour, path)
                self._ids.add(colour, index, is_exact=True)
        return mask

    def _check_index(self, index: int, colour: Colour, path: Path) -> None:
        """Refuse an index whose colour is another object in earlier colour masks, or that another colour has there."""
        known = self._ids.find(colour, is_exact=True)
        if self._has_colours and known != index and (known is not None or self._ids.has_label(index)):
            cause = f"its index {index} means another object than the colours of earlier masks"
            raise InputError(f"{path}: {cause}; save all masks indexed, or all in colours")

    def _read_plain_ids(self, mask: np.ndarray, image: Image.Image, path: Path) -> np.ndarray:
        """Keep ids that have no colours: those of 1-bit and of 16-bit images."""
        if self._has_colours and mask.any():
            raise InputError(f"{path}: ids without colours after masks in colours; save all masks indexed")
        self._has_grey |= bool(mask.any())
        is_inverted = image.mode == "1" and self._background == WHITE and mask.any()
        return _swap(mask, 1) if is_inverted else mask

    def _read_grey_or_colour(self, image: Image.Image, path: Path) -> np.ndarray:
        pixels = flatten(image, self._background or BLACK)
        is_soft = is_smoothed(pixels, is_lossy=image.format == "JPEG")
        if pixels.ndim == 3 and not self._has_colours and is_grey(pixels, ALMOST_GREY if is_soft else 0):
            pixels = np.ascontiguousarray(pixels[..., 0])
        elif pixels.ndim == 2 and self._has_colours:
            pixels = np.repeat(pixels[..., None], 3, 2)
        painting = recognise(pixels) if is_soft else None
        is_exact = painting is None
        if is_exact:
            painting = _list_colours(pixels)
        ids = self._ids_of_levels if pixels.ndim == 2 else self._ids_of_colours
        mask = ids(painting, path, is_exact=is_exact)[painting.indices]
        if not is_exact:
            num_colours, num_objects = len(_list_colours(pixels).colours), np.count_nonzero(np.unique(mask))
            self._note(f"{path}: soft edges or a lossy format, {num_colours} colours read as {num_objects} object(s)")
        return mask

    def _ids_of_levels(self, painting: Painting, path: Path, *, is_exact: bool) -> np.ndarray:
        """Take grey levels as ids; white that is background gives its id to black."""
        levels = painting.colours[:, 0].astype(np.int32)
        if not is_exact:
            levels = np.array([self._steady_level(level) for level in levels.tolist()], np.int32)
        self._has_grey |= bool(levels.any())
        if self._background is not None:
            return _swap(levels, self._background[0])
        if self._ignore_id != 255 and _find_surrounding_white(painting) is not None:
            if not is_exact:
                self._note(f"{path}: white surrounds everything and is read as background")
                return _swap(levels, 255)
            self._note(f"{path}: white all around is read as object 255; set background to white if it is no object")
        return levels

    def _steady_level(self, level: int) -> int:
        """Find the id of a level that a lossy format may have changed."""
        if level <= SAME_COLOUR or level >= ALMOST_WHITE:
            return 0 if level <= SAME_COLOUR else 255
        known = self._ids.find((level,) * 3, is_exact=False)
        return self._ids.add((level,) * 3, level, is_exact=False) if known is None else known

    def _ids_of_colours(self, painting: Painting, path: Path, *, is_exact: bool) -> np.ndarray:
        """Give colours the ids that they had in earlier masks, or the next free ones."""
        if self._has_grey:
            raise InputError(f"{path}: colours after a mask of ids, grey or white only; save indexed masks instead")
        colours = [tuple(colour) for colour in painting.colours.tolist()]
        if not self._has_colours:
            self._set_background(painting, path, is_exact=is_exact)
        ids = np.zeros(len(colours), np.int32)
        for index in sorted(range(len(colours)), key=colours.__getitem__):
            known = self._ids.find(colours[index], is_exact=is_exact)
            ids[index] = self._add_object(colours[index], is_exact=is_exact) if known is None else known
        self._has_colours |= bool(ids.any())
        return ids

    def _set_background(self, painting: Painting, path: Path, *, is_exact: bool) -> None:
        """Settle which colour is background in all masks of the video."""
        white = _find_surrounding_white(painting)
        if self._background is not None:
            self._ids.set_background(self._background, is_exact=False)
        elif white is not None:
            self._note(f"{path}: white surrounds everything and is read as background")
            self._ids.set_background(white, is_exact=is_exact)
        else:
            self._ids.set_background(BLACK, is_exact=is_exact)

    def _add_object(self, colour: Colour, *, is_exact: bool) -> int:
        """Give a colour the id that it has in a palette, if no other colour has it, or else the next free one."""
        listed = self._listed.get(colour)
        is_free = listed is not None and not self._ids.has_label(listed)
        new_id = self._ids.add(colour, listed if is_free else self._ids.next_free, is_exact=is_exact)
        if new_id < 256:
            self.palette[3 * new_id : 3 * new_id + 3] = colour
        return new_id

    def _note(self, line: str) -> None:
        """Log a line, once."""
        if line not in self._noted:
            self._noted.add(line)
            log.warning("%s", line)


def describe_many_ids(pixels_of_id: Mapping[int, int], max_objects: int, masks: Path) -> str:
    """Explain, in one line, masks that hold more ids than are allowed.

    Args:
        pixels_of_id: how many pixels each id has.
        max_objects: the number of ids that are allowed.
        masks: the mask, or the folder of masks.
    """
    largest = sorted(pixels_of_id, key=pixels_of_id.get, reverse=True)[:MAX_LISTED]
    share = sum(pixels_of_id[label] for label in largest) / sum(pixels_of_id.values())
    listed = ", ".join(f"{label} ({pixels_of_id[label]} px)" for label in sorted(largest))
    more = len(pixels_of_id) - len(largest)
    if more:
        listed += f", and {more} more"
    if more and share < 0.5:
        look = "they look like a photograph; give masks, flat colours on a plain background"
    elif more and share > 0.9:
        look = "nearly all pixels have few ids, as in blurred or JPEG masks; paint with a hard brush and save as PNG"
    else:
        look = "remove the ids that are not wanted"
    return (
        f"{masks}: {len(pixels_of_id)} objects, more than max_objects {max_objects}; ids (pixels): {listed}; "
        f"{look}, or raise max_objects"
    )


def _parse_colour(name: str) -> Colour:
    try:
        return ImageColor.getrgb(name)[:3]
    except ValueError as e:
        raise InputError(f"background {name!r}: no colour; give a name such as white, or #rrggbb") from e


def _list_colours(pixels: np.ndarray) -> Painting:
    """List each colour that occurs, exactly."""
    unique, run_values, run_lengths = find_runs(pack(pixels).ravel())
    return Painting(np.repeat(run_values, run_lengths).reshape(pixels.shape[:2]), unpack(unique))


def _find_surrounding_white(painting: Painting) -> Colour | None:
    """Find the white of the largest region, if it fills most of the image's border and is not all there is."""
    indices, colours = painting
    largest = np.bincount(indices.ravel()).argmax()
    border = np.concatenate([indices[0], indices[-1], indices[:, 0], indices[:, -1]])
    if len(colours) == 1 or colours[largest].min() < ALMOST_WHITE or np.mean(border == largest) <= BORDER_SHARE:
        return None
    return tuple(colours[largest].tolist())


def _swap(ids: np.ndarray, label: int) -> np.ndarray:
    """Make an id the background, and the background that id."""
    return np.where(ids == label, 0, np.where(ids == 0, label, ids)).astype(np.int32)
