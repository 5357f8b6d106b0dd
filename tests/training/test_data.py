"""The data of the training stages."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataset.training_clip import ClipSpec
from tests.dataset.clips import smooth_image
from training.data import DataPlaces, static_data, vos_data
from util.errors import InputError


def test_masks_of_the_published_sets_are_coverage(tmp_path: Path) -> None:
    """Grey levels and image mode do not matter."""
    folder = tmp_path / "ecssd"
    folder.mkdir()
    Image.fromarray(smooth_image(40, 40)).save(folder / "a.jpg")
    levels = np.full((40, 40), 60, np.uint8)
    levels[0, 0] = 61
    Image.fromarray(levels).convert("RGB").save(folder / "a.png")
    (pair,) = static_data(tmp_path, ClipSpec()).pairs
    (coverage,) = pair.read_objects()
    assert np.array_equal(coverage, levels)


@pytest.mark.parametrize("place", ["davis", "youtube"])
def test_a_folder_that_was_given_must_be_there(tmp_path: Path, place: str) -> None:
    with pytest.raises(InputError, match=f"{tmp_path}.*: no such folder"):
        vos_data(DataPlaces(**{place: tmp_path}), ClipSpec())


def test_without_any_data_the_settings_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(InputError, match="no training video was found; set davis_root, yv_root or vos_root"):
        vos_data(DataPlaces(), ClipSpec())
