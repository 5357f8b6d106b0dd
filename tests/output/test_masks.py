"""Masks as they are written: palettes, and whole or not at all."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from output.masks import write_mask
from tests.conftest import read_ids
from util.palette import PALETTE, make_palette

DAVIS_COLOURS = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128)]
RED, GREEN = (255, 0, 0), (0, 255, 0)


def two_boxes(first: int, second: int) -> np.ndarray:
    """``[48,64]`` uint8 with a box of each id."""
    mask = np.zeros((48, 64), np.uint8)
    mask[5:20, 5:30] = first
    mask[20:40, 30:60] = second
    return mask


def test_palette_is_that_of_davis() -> None:
    assert list(zip(*[iter(PALETTE[:15])] * 3)) == DAVIS_COLOURS
    assert len(PALETTE) == 768
    assert len(set(zip(*[iter(PALETTE)] * 3))) == 256
    assert make_palette(5) == PALETTE[:15]


OTHER_PALETTE = [0, 0, 0, *RED, *GREEN] + [7] * 759


@pytest.mark.parametrize(
    ("arguments", "mode", "palette"),
    [((), "P", PALETTE), ((OTHER_PALETTE,), "P", OTHER_PALETTE), ((None,), "L", None)],
)
def test_written_mask_is_indexed_with_the_palette_or_grey(
    tmp_path: Path, arguments: tuple, mode: str, palette: list[int] | None
) -> None:
    mask = two_boxes(1, 2)
    write_mask(tmp_path / "mask.png", mask, *arguments)
    with Image.open(tmp_path / "mask.png") as image:
        assert image.mode == mode
        assert image.getpalette() == palette
        np.testing.assert_array_equal(np.asarray(image), mask)


@pytest.mark.parametrize("old", [None, b"old"])
def test_failing_write_leaves_the_folder_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bytes | None
) -> None:
    def fail(_, temporary: Path, **options: int) -> None:
        Path(temporary).write_bytes(b"half")
        raise OSError("No space left on device")

    path = tmp_path / "mask.png"
    if old is not None:
        path.write_bytes(old)
    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="No space"):
        write_mask(path, two_boxes(1, 2))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == ({} if old is None else {"mask.png": old})


def test_write_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    for label in (1, 2):
        write_mask(tmp_path / "mask.png", two_boxes(label, label))
    assert [file.name for file in tmp_path.iterdir()] == ["mask.png"]
    np.testing.assert_array_equal(read_ids(tmp_path / "mask.png"), two_boxes(2, 2))
