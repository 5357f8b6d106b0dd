"""Object masks from image files, in every common way of storing them.

A mask is ``[H,W]`` int32 object ids, 0 for background.
"""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor

from dataset.images import decode_image
from dataset.painted_masks import COLOUR_REACH, Painting, find_runs, is_smoothed, pack, recognise, unpack
from dataset.stored_masks import Colour, find_ids, flatten, is_grey
from util.errors import InputError
from util.palette import PALETTE

log = logging.getLogger(__name__)

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
BORDER_SHARE = 0.75  # white that fills more of an image's border, and most of the image, is background
SAME_COLOUR = COLOUR_REACH // 2  # levels by which a lossy format may change a colour from mask to mask
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
        self._ids = _ColourIds()
        self._has_colours = False
        self._has_grey = False  # whether a grey image with objects was read
        self._noted: set[str] = set()

    def read(self, path: Path) -> np.ndarray:
        """Read a mask: ``[H,W]`` int32.

        Raises:
            InputError: the file is unreadable or holds no ids.
        """
        image = decode_image(path)
        mask = None if image.format == "GIF" else find_ids(image, path)  # the indices of a GIF mean nothing
        if mask is None:
            mask = self._read_grey_or_colour(image, path)
        elif image.mode in ("P", "1"):
            mask = self._read_indexed(mask, image)
        return mask if self._ignore_id is None else np.where(mask == self._ignore_id, 0, mask)

    def _read_indexed(self, mask: np.ndarray, image: Image.Image) -> np.ndarray:
        """Keep the ids, whose colours name the same objects in later masks, but for a background that was given."""
        colours = [*BLACK, *WHITE] if image.mode == "1" else image.getpalette()
        if image.mode == "P":
            self.palette = colours + PALETTE[len(colours) :]
        for index in np.flatnonzero(np.bincount(mask.ravel())).tolist():
            colour = tuple(colours[3 * index : 3 * index + 3])
            if self._background == colour:
                return _swap(mask, index)
            if image.mode == "P" and index > 0 and len(colour) == 3:
                self._ids.add(colour, index, is_exact=True)
        return mask

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
            raise InputError(f"{path}: colours after a mask of grey and white only; save indexed masks instead")
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
        new_id = self._ids.add(colour, self._ids.next_free, is_exact=is_exact)
        if new_id < 256:
            self.palette[3 * new_id : 3 * new_id + 3] = colour
        return new_id

    def _note(self, line: str) -> None:
        """Log a line, once."""
        if line not in self._noted:
            self._noted.add(line)
            log.warning("%s", line)


class _ColourIds:
    """Keep the colours of a video's masks and their ids, in the order in which they were met."""

    def __init__(self) -> None:
        self._ids: dict[Colour, int] = {}
        self._inexact: dict[Colour, int] = {}  # those that smoothed masks gave
        self.next_free = 1  # above all others

    def find(self, colour: Colour, *, is_exact: bool) -> int | None:
        """Find the id of the first colour that is the same; or nearly so, where a smoothed mask is involved."""
        if is_exact and colour in self._ids:
            return self._ids[colour]
        for known, label in (self._inexact if is_exact else self._ids).items():
            if max(abs(ours - theirs) for ours, theirs in zip(colour, known)) <= SAME_COLOUR:
                return label
        return None

    def add(self, colour: Colour, label: int, *, is_exact: bool) -> int:
        """Add a colour if it is new, and return its id."""
        if colour not in self._ids:
            self._ids[colour] = label
            self.next_free = max(self.next_free, label + 1)
            if not is_exact:
                self._inexact[colour] = label
        return self._ids[colour]

    def set_background(self, colour: Colour, *, is_exact: bool) -> None:
        """Make a colour the background, before all others."""
        self._ids = {colour: 0} | {known: label for known, label in self._ids.items() if label > 0 and known != colour}
        if not is_exact:
            self._inexact = {colour: 0} | self._inexact


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
