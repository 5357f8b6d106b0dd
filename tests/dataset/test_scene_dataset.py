"""Training clips composed of several photographs."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dataset.augmentation import Augmentation, ColourRange, FrameTransform
from dataset.images import read_image
from dataset.scene_dataset import Layer, SceneDataset, SceneRanges, compose
from dataset.static_dataset import find_pairs
from dataset.training_clip import ClipKey, ClipSpec
from output.masks import write_mask
from tests.dataset.clips import smooth_image, write_photographs

STILL = ColourRange()


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def still_layer(image: np.ndarray, alpha: np.ndarray | None, objects: list[np.ndarray], smear=(0, 0)) -> Layer:
    """A layer that lies in the crop as it is."""
    size = image.shape[:2]
    transforms = [FrameTransform(np.eye(3), None, (), size, size[0])]
    return Layer([image], alpha, objects, np.array(size[::-1]), transforms, np.array(smear))


def test_layers_hide_those_behind() -> None:
    """A left half in front of a whole object, and a soft edge of one half between."""
    grey = np.full((16, 16, 3), 100, np.uint8)
    whole, left = np.full((16, 16), 255, np.uint8), np.zeros((16, 16), np.uint8)
    left[:, :8], left[:, 8] = 255, 128
    frame, (behind, before) = compose([still_layer(grey, None, [whole]), still_layer(2 * grey, left, [left])], 0, 16)
    assert np.array_equal(before, left)
    assert np.abs(behind.astype(int) + before - 255).max() <= 1
    assert (frame[:, :8] == 200).all()
    assert (frame[:, 9:] == 100).all()
    assert np.abs(frame[:, 8].astype(int) - 150).max() <= 1


def test_a_layer_is_blurred_along_its_motion_with_its_mask() -> None:
    mask = np.zeros((32, 32), np.uint8)
    mask[8:24, 16:24] = 255
    image = np.repeat(mask[..., None], 3, 2)
    frame, (coverage,) = compose([still_layer(image, None, [mask], smear=(8, 0))], 0, 32)
    assert np.array_equal(frame[..., 0], coverage)
    assert 0 < coverage[16, 14] < coverage[16, 17] < 255  # across the motion's edges
    assert (coverage[8:24, 19:21] == coverage[16, 19]).all()  # and not along them
    assert not coverage[:8].any()


@pytest.fixture
def scenes(tmp_path: Path) -> Callable[..., SceneDataset]:
    pairs = find_pairs(write_photographs(tmp_path))
    return lambda **ranges: SceneDataset(pairs, ClipSpec(crop=64, num_objects=3, seed=3), SceneRanges(**ranges))


def test_scenes_hold_objects_of_photographs_and_pasted_ones(scenes: Callable) -> None:
    numbers = {}
    for max_pasted in (0, 3):
        data = scenes(max_pasted=max_pasted)
        clips = [data[ClipKey(epoch, index, 5)] for epoch in range(10) for index in range(2)]
        numbers[max_pasted] = np.mean([clip.object_exists.sum().item() for clip in clips])
        for clip in clips:
            assert clip.frames.shape == (3, 3, 64, 64)
            exists = clip.object_exists
            assert not clip.masks[:, ~exists].any()
            assert ((clip.masks[0, exists] > 127).sum((1, 2)) >= 0.003 * 64**2).all()  # visible in the first frame
            assert (clip.masks.int().sum(1) <= 256).all()  # no pixel shows two objects
            assert torch.equal(data[ClipKey(0, 0, 5)].frames, clips[0].frames)
    assert numbers[3] > numbers[0]


def test_a_part_of_an_object_may_change_its_look(scenes: Callable) -> None:
    """The change lasts, and shows in the object alone; without new looks all frames show the same."""
    histories = set()
    for new_look, seed in [(0.0, 0), *((0.5, seed) for seed in range(20))]:
        data = scenes(new_look=new_look)
        background = data.draw_layers(data.pairs[0], generator(seed))[1]  # before the backdrop
        changes = [(new != old).any(2) for old, new in pairwise(background.images)]
        coverage = background.objects[0]
        assert not any(changed[coverage == 0].any() for changed in changes)
        assert all(changed[coverage > 0].mean() < 0.98 for changed in changes)  # blobs
        histories.add((new_look, *(bool(changed.any()) for changed in changes)))
    assert len(histories) == 1 + 4  # each frame changes or not
    assert (0.0, False, False) in histories


def test_large_photographs_are_read_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scene is that of photographs read at full size."""
    for index in range(2):
        height, width = 960, 1280 + 320 * index
        Image.fromarray(smooth_image(height, width)).save(tmp_path / f"{index}.jpg", quality=98)
        mask = np.zeros((height, width), np.uint8)
        mask[300:700, 400:800] = 1 + index
        write_mask(tmp_path / f"{index}.png", mask)
    data = SceneDataset(find_pairs(tmp_path), ClipSpec(crop=64, seed=3), SceneRanges(max_pasted=1))
    key = ClipKey(0, 1, 5)
    layers = data.draw_layers(data.pairs[1], np.random.default_rng(0))
    assert all(4 * image.shape[1] < layer.size[0] for layer in layers for image in layer.images)
    smaller = data[key]
    monkeypatch.setattr("dataset.scene_dataset.read_image", lambda path, _: read_image(path, 1))
    larger = data[key]
    assert torch.equal(smaller.masks, larger.masks)
    assert (smaller.frames.int() - larger.frames.int()).abs().float().mean() < 2


def test_layers_of_a_scene_move_apart(scenes: Callable) -> None:
    """They stay without drift and growth; drift moves them in different directions, and growth magnifies them."""

    def matrices(**ranges: object) -> np.ndarray:
        still = {
            "drift": (0, 1),
            "growth": (0, 0, 1),
            "warp": Augmentation(STILL, STILL, 0, 0),
            "blur": 0.0,
            "new_look": 0.0,
        }
        data = scenes(**{**still, **ranges})
        layers = max((data.draw_layers(data.pairs[1], generator(seed)) for seed in range(5)), key=len)
        backdrop, *moving = [[transform.matrix for transform in layer.transforms] for layer in layers]
        assert len(moving) > 1
        assert np.allclose(np.diff(backdrop, axis=0), 0)
        return np.array(moving)

    assert np.allclose(np.diff(matrices(), axis=1), 0)
    steps = np.diff(matrices(drift=(0.2, 1)), axis=1)
    assert np.allclose(steps[:, 0], steps[:, 1])  # steadily
    assert np.ptp(steps[:, 0, :2, 2], axis=0).min() > 1
    areas = np.linalg.det(matrices(growth=(0, 0.2, 1))[..., :2, :2])
    assert np.allclose(areas[:, 1] / areas[:, 0], areas[:, 2] / areas[:, 1])
    assert (np.abs(np.log(areas[:, 1] / areas[:, 0])) > 0.01).all()
