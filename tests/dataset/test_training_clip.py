"""Files of training clips: images that are read smaller, masks that are read as stored."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataset.images import read_image, read_size
from dataset.stored_masks import read_mask
from output.masks import write_mask
from tests.conftest import write_clip
from tests.dataset.clips import smooth_image
from util.errors import InputError


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.full((4, 4), 300, np.uint16), r"m\.png: holds id 300; training takes ids up to 255"),
        (np.tile(np.array([255, 0, 0], np.uint8), (4, 4, 1)), r"m\.png: a colour mask, and colours are no ids"),
    ],
)
def test_masks_that_training_cannot_take_are_named(tmp_path: Path, mask: np.ndarray, message: str) -> None:
    Image.fromarray(mask).save(tmp_path / "m.png")
    with pytest.raises(InputError, match=message):
        read_mask(tmp_path / "m.png")


def test_images_are_read_smaller_where_that_suffices(tmp_path: Path) -> None:
    Image.fromarray(smooth_image(400, 640)).save(tmp_path / "a.jpg", quality=95)
    assert read_size(tmp_path / "a.jpg") == (400, 640)
    assert read_image(tmp_path / "a.jpg", 0.5).shape == (400, 640, 3)
    assert read_image(tmp_path / "a.jpg", 1.1).shape == (400, 640, 3)
    third = read_image(tmp_path / "a.jpg", 3)
    assert third.shape == (133, 213, 3)
    assert np.abs(third.astype(int) - smooth_image(133, 213)).max() <= 4


def test_masks_are_read_as_stored(tmp_path: Path) -> None:
    ids = np.array([[0, 3, 200]], np.uint8)
    for palette in ([0] * 768, None):
        write_mask(tmp_path / "m.png", ids, palette)
        assert np.array_equal(read_mask(tmp_path / "m.png"), ids)


@pytest.mark.parametrize("read", [read_size, read_mask, lambda path: read_image(path, 1)])
def test_unreadable_files_are_named(tmp_path: Path, read: Callable) -> None:
    frames, _ = write_clip(tmp_path, 1)
    path = frames / "00000.jpg"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"00000\.jpg: unreadable"):
        read(path)
