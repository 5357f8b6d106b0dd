"""Copies of videos with a short side of 480, from which training on YouTube-VOS or on own videos reads."""

import logging
from functools import partial
from pathlib import Path
from shutil import copyfile

from PIL import Image

from dataset.images import decode_image, list_images, read_rgb
from dataset.transforms import input_size
from util.errors import InputError
from util.files import make_folder, write_then_rename
from util.progress import map_in_threads

log = logging.getLogger(__name__)

SHORT_SIDE = 480
JPEG_QUALITY = 95


def resize_videos(source: Path, output: Path, short_side: int = SHORT_SIDE) -> int:
    """Write ``JPEGImages/<video>/*.jpg`` and ``Annotations/<video>/*.png`` with another short side.

    Frames are resized bicubically. Masks are resized by nearest neighbour and keep their ids and palettes. ``output``
    appears when all is done; until then the files gather in a hidden folder beside it, where the next call goes on.

    Args:
        source: folder of the same layout.
        output: folder that is not there yet.
        short_side: in pixels.

    Returns:
        The number of unreadable files; they are left out, with a note.

    Raises:
        InputError: the output is there already, or the source has another layout.
    """
    if output.exists():
        raise InputError(f"{output}: is there already, and nothing is overwritten; choose another folder")
    folders = [folder for kind in ("JPEGImages", "Annotations") for folder in _list_videos(source / kind)]
    gathered = output.with_name(f".{output.name}.{short_side}.partial")
    resize = partial(_resize_folder, source=source, output=gathered, short_side=short_side)
    num_unreadable = sum(map_in_threads(resize, folders))
    gathered.rename(output)
    return num_unreadable


def _list_videos(folder: Path) -> list[Path]:
    videos = sorted(path for path in folder.glob("*") if path.is_dir() and not path.name.startswith("."))
    if not videos:
        raise InputError(f"{folder}: no videos; expected JPEGImages/<video> and Annotations/<video>")
    return videos


def _resize_folder(folder: Path, source: Path, output: Path, short_side: int) -> int:
    """Resize the images of a folder that are not there yet; returns the number of unreadable files."""
    is_frame = folder.parent.name == "JPEGImages"
    target, num_unreadable = output / folder.relative_to(source), 0
    make_folder(target)
    for name, path in list_images(folder).items():
        resized = target / (name + (".jpg" if is_frame else ".png"))
        if not resized.exists():
            try:
                _resize_image(path, resized, short_side, is_frame=is_frame)
            except InputError as e:
                log.error("%s: left out", e)
                num_unreadable += 1
    return num_unreadable


def _resize_image(path: Path, target: Path, short_side: int, *, is_frame: bool) -> None:
    image = Image.fromarray(read_rgb(path)) if is_frame else decode_image(path)
    height, width = input_size(image.height, image.width, short_side)
    with write_then_rename(target) as temporary:
        if image.size == (width, height) and path.suffix == target.suffix:
            copyfile(path, temporary)
        else:
            method = Image.Resampling.BICUBIC if is_frame else Image.Resampling.NEAREST
            image.resize((width, height), method).save(temporary, quality=JPEG_QUALITY)
