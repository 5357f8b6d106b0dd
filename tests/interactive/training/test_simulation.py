"""Simulated users: masks as wrong as asked for, strokes where they belong, samples that the keys determine."""

from pathlib import Path

import numpy as np
import pytest
import torch

from dataset.static_dataset import find_pairs
from dataset.training_clip import ClipKey, ClipSpec
from interactive.training.s2m_data import StrokeDataset
from interactive.training.simulation import draw_strokes, perturb
from tests.dataset.clips import write_photographs


@pytest.fixture
def disc() -> np.ndarray:
    y, x = np.mgrid[:96, :128]
    return ((x - 60) ** 2 + (y - 50) ** 2 < 900).view(np.uint8)


@pytest.mark.parametrize("iou", [0.5, 0.7, 0.9])
def test_a_spoiled_mask_overlaps_as_asked(disc: np.ndarray, iou: float) -> None:
    spoiled = perturb(disc, iou, np.random.default_rng(0))
    found = (spoiled & disc).sum() / (spoiled | disc).sum()
    assert iou - 0.1 < found <= iou


@pytest.mark.parametrize("seed", range(8))
def test_strokes_tell_the_object_from_the_background(disc: np.ndarray, seed: int) -> None:
    generator = np.random.default_rng(seed)
    previous = perturb(disc, 0.6, generator) if seed % 2 else np.zeros_like(disc)
    positive, negative = draw_strokes(disc, previous, generator)
    assert positive.any() or negative.any()
    assert positive[disc == 1].sum() >= positive[disc == 0].sum()  # curves may leave it
    assert negative[disc == 0].sum() >= negative[disc == 1].sum()


def test_a_key_determines_the_sample(tmp_path: Path) -> None:
    data = StrokeDataset(find_pairs(write_photographs(tmp_path)), ClipSpec(crop=64, seed=3))
    first, again, other = (data[ClipKey(epoch, 1, 5)] for epoch in (0, 0, 1))
    assert torch.equal(first.masks, again.masks)
    assert not torch.equal(first.masks, other.masks)
    assert (first.frames.shape, first.masks.shape) == ((2, 3, 64, 64), (2, 3, 64, 64))
    assert first.object_exists.tolist() == [True, False, False]
    assert set(first.masks.unique().tolist()) == {0, 255}
    assert first.masks[0, 1:].any()
    assert first.masks[1, 0].any()
