"""Image files: list them, read their sizes, and decode them as frames or as what is stored."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from util.errors import InputError
from util.files import natural_key

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}  # files that count as images of a folder
FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF", "PPM", "TGA")  # whatever a file's name says
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)  # Pillow's errors for damaged files
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
        InputError: the file is missing, damaged, or of no format that is read.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            yield image
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


def read_rgb(path: Path) -> np.ndarray:
    """Read a frame, upright: ``[H,W,3]`` uint8 RGB; 16-bit grey images keep their upper 8 bits.

    Raises:
        InputError: it is unreadable or truncated.
    """
    with open_image(path, "frame") as image:
        return np.array(_turn_upright(_to_rgb(image)))


def decode_image(path: Path, kind: str = "mask") -> Image.Image:
    """Decode an image, upright, in the mode in which it is stored.

    Args:
        kind: what the image is to the user, for the message.

    Raises:
        InputError: it is unreadable or truncated.
    """
    with open_image(path, kind) as image:
        image.load()
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
        rgb = np.asarray(_to_rgb(image))
    if rgb.shape[1] > SMOOTH_ABOVE * width:
        rgb = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
    return rgb


def _to_rgb(image: Image.Image) -> Image.Image:
    """Convert to RGB; 16-bit grey images keep their upper 8 bits, which Pillow would saturate."""
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image.convert("RGB")


def _turn_upright(image: Image.Image) -> Image.Image:
    """Apply the rotation that cameras note beside the pixels."""
    return ImageOps.exif_transpose(image) if "exif" in image.info else image
