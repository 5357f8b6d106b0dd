"""The data of the training stages."""

from pathlib import Path

import numpy as np
from PIL import Image

from dataset.training_clip import ClipSpec
from tests.dataset.clips import smooth_image
from training.data import static_data


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
