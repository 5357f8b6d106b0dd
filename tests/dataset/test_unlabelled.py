"""Pixels that nobody labelled: clips tell where they are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset

from dataset.pasted_dataset import Cutout, paste
from dataset.static_dataset import StaticTransformDataset, find_pairs
from dataset.training_clip import Clip, ClipKey, ClipSpec, collate
from dataset.vos_dataset import VOSDataset, find_videos
from output.masks import write_mask
from tests.dataset.clips import smooth_image

SPEC = ClipSpec(crop=32, num_objects=2, seed=3, ignore_unlabelled=True)


def make_data(root: Path, kind: str, second: int, spec: ClipSpec) -> Dataset:
    """Write a video, or a photograph, of object 1 and a smaller area of id ``second``."""
    mask = np.zeros((48, 64), np.uint8)
    mask[4:40, 4:34], mask[10:36, 40:60] = 1, second
    for folder in ("JPEGImages/v", "Annotations/v"):
        (root / folder).mkdir(parents=True)
    for index in range(3):
        Image.fromarray(smooth_image(48, 64)).save(root / f"JPEGImages/v/{index}.jpg")
        write_mask(root / f"Annotations/v/{index}.png", mask)
    if kind == "video":
        return VOSDataset(find_videos(root / "JPEGImages", root / "Annotations"), spec)
    write_mask(root / "JPEGImages/v/0.png", mask)
    return StaticTransformDataset(find_pairs(root / "JPEGImages"), spec)


@pytest.mark.parametrize("kind", ["video", "photograph"])
def test_unlabelled_pixels_lie_where_an_object_of_their_own_would(tmp_path: Path, kind: str) -> None:
    labelled, spoiled, plain = (
        make_data(tmp_path / str(number), kind, second, spec)
        for number, (second, spec) in enumerate([(2, SPEC), (255, SPEC), (255, replace(SPEC, ignore_unlabelled=False))])
    )
    seen = 0
    for epoch in range(8):
        key = ClipKey(epoch, 0, 5)
        both, clip = labelled[key], spoiled[key]
        objects = (both.masks > 127).any(1)
        assert torch.equal((clip.masks[:, 0] > 127) | clip.unlabelled, objects)
        assert not ((clip.masks[:, 0] > 127) & clip.unlabelled).any()
        assert clip.object_exists.tolist() == [True, False]
        seen += int(clip.unlabelled.sum())
        assert plain[key].unlabelled is None
        assert torch.equal(plain[key].masks, clip.masks)
    assert seen > 0


def clip_with(unlabelled: torch.Tensor | None) -> Clip:
    frames, masks = torch.zeros(3, 3, 8, 8, dtype=torch.uint8), torch.zeros(3, 2, 8, 8, dtype=torch.uint8)
    return Clip(frames, masks, torch.tensor([True, True]), "c", unlabelled)


def test_batches_of_clips_with_and_without_them() -> None:
    some = torch.zeros(3, 8, 8, dtype=torch.bool)
    some[:, 2] = True
    assert collate([clip_with(None), clip_with(None)]).unlabelled is None
    assert torch.equal(collate([clip_with(None), clip_with(some)]).unlabelled, torch.stack([some & False, some]))


def test_pasted_objects_are_labelled() -> None:
    alpha = np.zeros((3, 8, 8), np.uint8)
    alpha[:, :, :4] = 255
    all_pixels = torch.ones(3, 8, 8, dtype=torch.bool)
    result = paste(clip_with(all_pixels), Cutout(np.full((3, 8, 8, 3), 9, np.uint8), alpha), is_followed=False)
    assert not result.unlabelled[..., :4].any()
    assert result.unlabelled[..., 4:].all()
