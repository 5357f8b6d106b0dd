"""Masks as they are stored: ids, grey levels or colours, without any interpretation."""

from pathlib import Path

import numpy as np
from PIL import Image

from dataset.images import decode_image
from util.errors import InputError
from util.ids import MAX_ID

Colour = tuple[int, int, int]  # 0 to 255


def read_stored_ids(path: Path, *, allow_colours: bool = False) -> np.ndarray:
    """Read a mask by itself, as it is stored: ``[H,W]`` int32 indices or grey levels.

    Args:
        allow_colours: whether colours may be read, as any numbers above 0.

    Raises:
        InputError: the file is unreadable, or has colours.
    """
    image = decode_image(path)
    mask = find_ids(image, path)
    if mask is not None:
        return mask
    pixels = flatten(image, (0, 0, 0))
    if pixels.ndim == 3 and is_grey(pixels):
        pixels = pixels[..., 0]
    if pixels.ndim == 2:
        return pixels.astype(np.int32)
    if not allow_colours:
        raise InputError(f"{path}: a colour mask, and colours are no ids; save indexed masks")
    return pixels.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)


def read_mask(path: Path) -> np.ndarray:
    """Read a mask to train with, as it is stored: ``[H,W]`` uint8, indices or grey levels.

    Raises:
        InputError: the file is unreadable, or has colours or ids above 255.
    """
    mask = read_stored_ids(path)
    if mask.max() > 255:
        raise InputError(f"{path}: holds id {mask.max()}; training takes ids up to 255")
    return mask.astype(np.uint8)


def read_grey(path: Path) -> np.ndarray:
    """Read an image's grey levels: ``[H,W]`` uint8.

    Raises:
        InputError: it is unreadable.
    """
    return np.asarray(decode_image(path).convert("L"))


def find_labels(ids: np.ndarray) -> tuple[int, ...]:
    """Ids in a mask, sorted, without the background's."""
    return tuple(np.unique(ids[ids != 0]).tolist())


def find_ids(image: Image.Image, path: Path) -> np.ndarray | None:
    """Ids ``[H,W]`` int32 of an indexed, 1-bit or 16-bit image; None for grey levels and colours.

    Raises:
        InputError: its numbers are no ids.
    """
    if image.mode == "F":
        raise InputError(f"{path}: a mask of floating-point numbers; save object ids as an indexed or 16-bit PNG")
    if image.mode not in ("P", "1", "I", "I;16", "I;16B"):
        return None
    mask = np.asarray(image).astype(np.int32)
    if not 0 <= mask.min() <= mask.max() <= MAX_ID:
        raise InputError(f"{path}: ids from {mask.min()} to {mask.max()}; 0 to {MAX_ID} can be written")
    return mask


def flatten(image: Image.Image, background: Colour) -> np.ndarray:
    """Grey levels ``[H,W]``, or colours ``[H,W,3]`` with ``background`` where they are transparent; uint8."""
    if image.mode == "L" and "transparency" not in image.info:
        return np.asarray(image)
    if image.mode == "RGB" and "transparency" not in image.info:
        return np.asarray(image)
    pixels = np.asarray(image.convert("RGBA"))
    return np.where(pixels[..., 3:] >= 128, pixels[..., :3], np.array(background, np.uint8))


def is_grey(pixels: np.ndarray, tolerance: int = 0) -> bool:
    """Whether the channels of ``[H,W,3]`` uint8 differ by no more levels than ``tolerance``."""
    red, green, blue = np.moveaxis(pixels, 2, 0)
    if tolerance == 0:
        return bool(np.array_equal(red, green) and np.array_equal(red, blue))
    return bool((pixels.max(2) - pixels.min(2)).max() <= tolerance)
