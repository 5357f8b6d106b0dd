"""Training clips of photographs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dataset.static_dataset import StaticTransformDataset, find_pairs, is_soft_mask
from dataset.training_clip import ClipKey, ClipSpec, collate
from output.masks import write_mask
from tests.dataset.clips import smooth_image, write_photographs


@pytest.mark.parametrize(
    ("values", "is_soft"),
    [([0, 255], True), ([0, 1, 254, 255], True), ([0, 1], False), ([0, 1, 2, 255], False), ([0], False)]
    + [([0, 60, 255, 255], True), ([0, 60, 60, 255], False)],  # a dark edge pixel; an unlabelled one
)
def test_grey_levels_are_told_from_ids(values: list[int], is_soft: bool) -> None:
    assert is_soft_mask(np.array([values], np.uint8)) == is_soft


def test_pairs_are_found_below_class_folders(tmp_path: Path) -> None:
    photographs = write_photographs(tmp_path)
    assert [pair.image.name for pair in find_pairs(photographs)] == ["0.jpg", "1.jpg"]


def test_clips_of_photographs(tmp_path: Path) -> None:
    data = StaticTransformDataset(find_pairs(write_photographs(tmp_path)), ClipSpec(crop=48, num_objects=2))
    soft, ids = (data[ClipKey(0, index, 0)] for index in range(2))
    assert soft.frames.shape == (3, 3, 48, 48)
    assert soft.object_exists.tolist() == [True, False]
    assert len(soft.masks[:, 0].unique()) > 2  # soft at the edges
    assert ids.object_exists.tolist() == [True, True]
    assert ((ids.masks > 127).sum(1) <= 1).all()
    assert not torch.equal(ids.frames[0], ids.frames[1])  # each frame is warped anew
    batch = collate([soft, ids])
    assert batch.masks.shape == (2, 3, 2, 48, 48)
    assert batch.object_exists.shape == (2, 2)


def test_a_photograph_without_objects_is_all_background(tmp_path: Path) -> None:
    Image.fromarray(smooth_image(40, 40)).save(tmp_path / "a.jpg")
    write_mask(tmp_path / "a.png", np.zeros((40, 40), np.uint8), None)
    clip = StaticTransformDataset(find_pairs(tmp_path), ClipSpec(crop=32, num_objects=2))[ClipKey(0, 0, 0)]
    assert clip.object_exists.tolist() == [True, False]
    assert not clip.masks.any()


@pytest.mark.parametrize("num_objects", [1, 3])
def test_clips_begin_with_an_object_that_can_be_seen(tmp_path: Path, num_objects: int) -> None:
    """A small object often lies outside of the crop: then the clip is drawn anew."""
    Image.fromarray(smooth_image(200, 300)).save(tmp_path / "a.jpg")
    mask = np.zeros((200, 300), np.uint8)
    mask[90:110, 60:80], mask[-20:, -20:], mask[90:110, 140:160] = 1, 2, 3
    mask[mask > num_objects] = 0
    write_mask(tmp_path / "a.png", mask, None)
    data = StaticTransformDataset(find_pairs(tmp_path), ClipSpec(crop=96))
    visible = [bool((data[ClipKey(epoch, 0, 0)].masks[0] > 127).any()) for epoch in range(40)]
    assert sum(visible) >= 38
