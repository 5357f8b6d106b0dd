"""Image files: which of them count, frames upright, and errors that name the file."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataset.frames import FrameFolder
from dataset.images import ORIENTATION, decode_image, list_images, read_frame_size, read_image, read_rgb, read_size
from dataset.masks import MaskReader
from util.errors import InputError

TURNS = {  # EXIF orientation -> the transformation that shows the stored pixels upright
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).swapaxes(0, 1),
    8: lambda stored: np.rot90(stored, 1),
}


def boxes() -> np.ndarray:
    """``[40,64]`` uint8 with two ids; no turn maps it onto itself."""
    mask = np.zeros((40, 64), np.uint8)
    mask[5:20, 5:30], mask[25:38, 40:60] = 1, 2
    return mask


def save_turned(image: Image.Image, path: Path, orientation: int) -> Path:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image.save(path, exif=exif)
    return path


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_frames_are_read_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    levels = np.repeat(boxes()[..., None] * 100, 3, 2)
    path = save_turned(Image.fromarray(levels), tmp_path / f"0{suffix}", orientation)
    upright = TURNS[orientation](levels)
    assert read_frame_size(path) == upright.shape[:2] == FrameFolder(tmp_path).size
    found = read_rgb(path)
    assert found.shape == upright.shape
    assert np.abs(found.astype(int) - upright).mean() < 3


@pytest.mark.parametrize("orientation", TURNS)
def test_masks_are_read_upright(tmp_path: Path, orientation: int) -> None:
    path = save_turned(Image.fromarray(boxes()), tmp_path / "0.png", orientation)
    np.testing.assert_array_equal(MaskReader().read(path), TURNS[orientation](boxes()))


def test_photographs_to_train_with_stay_as_their_masks_were_drawn(tmp_path: Path) -> None:
    path = save_turned(Image.fromarray(boxes()), tmp_path / "0.jpg", 6)
    assert read_size(path) == boxes().shape == read_image(path, 1).shape[:2]


def test_images_share_no_base_name(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg"):
        Image.fromarray(boxes()).save(tmp_path / name)
    with pytest.raises(InputError, match=r"a\.png: shares its base name with a\.jpg; rename one of them"):
        list_images(tmp_path)


@pytest.mark.parametrize("content", [b"", b"text", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"])
@pytest.mark.parametrize(
    ("read", "kind"),
    [
        *((read_rgb, "frame"), (read_frame_size, "frame"), (read_size, "image")),
        *((lambda path: read_image(path, 1), "image"), (decode_image, "mask")),
    ],
)
def test_every_reader_names_file_cause_and_remedy(tmp_path: Path, read, kind: str, content: bytes) -> None:
    path = tmp_path / "0.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"0\.png: unreadable {kind} \(.+\); save or download it again"):
        read(path)
