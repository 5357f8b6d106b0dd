"""Image files: list them, read their sizes, and decode them as frames or as what is stored."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from dataset.deep_images import is_deep, is_reduced, keep_ids, read_levels, reduce_levels
from util.errors import InputError
from util.files import natural_key
from util.limits import check_num_pixels, check_path, too_large

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}  # files that count as images of a folder
FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF", "PPM", "TGA")  # whatever a file's name says
UNREADABLE = (  # Pillow's errors for damaged files, and OpenCV's
    *(OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, OverflowError, struct.error),
    cv2.error,
)
ORIENTATION = 0x0112  # EXIF tag: how a camera was held
QUARTER_TURNS = {5, 6, 7, 8}  # orientations that swap width and height
SMOOTH_ABOVE = 1.2  # an image that is reduced further than this is averaged, not sampled


def is_image(path: Path) -> bool:
    """Tell images by their names; hidden files are none."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def list_images(folder: Path) -> dict[str, Path]:
    """List the images of a folder by base name, in natural order.

    Raises:
        InputError: two images share a base name.
    """
    images: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=lambda path: natural_key(path.name)):
        if is_image(path):
            if path.stem in images:
                raise InputError(f"{path}: shares its base name with {images[path.stem].name}; rename one of them")
            images[path.stem] = path
    return images


@contextmanager
def open_image(path: Path, kind: str = "image") -> Iterator[Image.Image]:
    """Open an image file; what is decoded inside the ``with`` block may fail as well.

    Args:
        kind: what the image is to the user, for the message: a frame, a mask.

    Raises:
        InputError: the file is missing, damaged, too large, of no format that is read, or a pipe or device.
    """
    check_path(path, "save or download it again")
    try:
        with Image.open(path, formats=FORMATS) as image:
            check_num_pixels(path, image.width, image.height)
            yield image
    except Image.DecompressionBombError as e:  # Pillow's own limit, before the size is known here
        raise too_large(path, "an image of very many pixels") from e
    except UNREADABLE as e:
        raise InputError(f"{path}: unreadable {kind} ({e}); save or download it again") from e


def read_size(path: Path) -> tuple[int, int]:
    """Read ``(height, width)`` of an image, as it is stored, from its header.

    Raises:
        InputError: it is unreadable.
    """
    with open_image(path) as image:
        return image.height, image.width


def read_frame_size(path: Path) -> tuple[int, int]:
    """Read ``(height, width)`` of a frame, upright, from its header.

    Raises:
        InputError: it is unreadable.
    """
    with open_image(path, "frame") as image:
        is_turned = "exif" in image.info and image.getexif().get(ORIENTATION) in QUARTER_TURNS
        return (image.width, image.height) if is_turned else (image.height, image.width)


def read_rgb(path: Path, depth: int = 16) -> np.ndarray:
    """Read a frame, upright: ``[H,W,3]`` uint8 RGB.

    Args:
        depth: bits that its levels use if 16 are stored; the upper 8 of them are kept.

    Raises:
        InputError: it is unreadable or truncated.
    """
    with open_image(path, "frame") as image:
        if image.mode == "F":
            raise InputError(f"{path}: a frame of floating-point numbers; save it with 8 or 16 bits")
        return np.array(_turn_upright(_to_rgb(image, path, depth)))


def find_highest_level(path: Path) -> int | None:
    """Find the highest level of a frame whose levels have 16 bits; None if they have not.

    Raises:
        InputError: it is unreadable or truncated.
    """
    with open_image(path, "frame") as image:
        if not is_deep(image):
            return None
        levels = read_levels(image, path)
        return int((levels if levels.ndim == 2 else levels[..., :3]).max())


def decode_image(path: Path, kind: str = "mask") -> Image.Image:
    """Decode an image, upright, in the mode in which it is stored; 16-bit ids are kept in whatever channels.

    Args:
        kind: what the image is to the user, for the message.

    Raises:
        InputError: it is unreadable or truncated.
    """
    with open_image(path, kind) as image:
        ids = keep_ids(read_levels(image, path), path) if is_reduced(image) else None
        image.load()
        if ids is not None:
            ids.info, image = image.info, ids
        return _turn_upright(image)


def read_image(path: Path, reduction: float) -> np.ndarray:
    """Read a photograph that a clip will shrink: ``[H,W,3]`` uint8 RGB, smaller by up to ``reduction``.

    JPEGs are decoded at a half, a quarter or an eighth of their size where that suffices. The pixels stay as stored,
    whatever EXIF says: the masks of published data sets were drawn on the stored pixels.

    Raises:
        InputError: it is unreadable or truncated.
    """
    with open_image(path) as image:
        width, height = (max(1, round(side / max(reduction, 1))) for side in image.size)
        image.draft("RGB", (width, height))
        rgb = np.asarray(_to_rgb(image, path))
    if rgb.shape[1] > SMOOTH_ABOVE * width:
        rgb = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
    return rgb


def _to_rgb(image: Image.Image, path: Path, depth: int = 16) -> Image.Image:
    """Convert to RGB; 16-bit images keep the upper 8 of the bits that they use, which Pillow would saturate."""
    if not is_deep(image):
        return image.convert("RGB")
    rgb = reduce_levels(read_levels(image, path), depth)
    rgb.info = image.info
    return rgb


def _turn_upright(image: Image.Image) -> Image.Image:
    """Apply the rotation that cameras note beside the pixels."""
    return ImageOps.exif_transpose(image) if "exif" in image.info else image
