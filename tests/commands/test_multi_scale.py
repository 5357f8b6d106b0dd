"""Testing at several scales and mirrored: the published averages, and the same from runs made apart."""

from pathlib import Path

import numpy as np
import pytest
import torch

from dataset.videos import Frame
from evaluation.options import Settings, View
from inference_core import InferenceConfig
from model.network import STCN
from tests.conftest import TESTS
from tests.deterministic import synthetic_video
from tracker import ViewSegmenter


@pytest.mark.long
def test_published_multi_scale_average(network: STCN) -> None:
    """99.99 % of the pixels, of each view and of the mean; probabilities within 2e-5 where they are well-conditioned.

    Noise of 1e-7 in the input exchanges single memory positions among the top-k at these sizes, which moves the mean
    probabilities of some pixels by up to 1e-3.
    """
    expected = dict(np.load(TESTS / "golden" / "multi_scale.npz"))
    views = {
        "480": View(480),
        "480_mirrored": View(480, is_mirrored=True),
        "600": View(600, kernel_sigma=7),
        "600_mirrored": View(600, is_mirrored=True, kernel_sigma=7),
    }
    settings = Settings(Path(), torch.device("cpu"), InferenceConfig(mem_every=2), views=tuple(views.values()))
    segmenters = [ViewSegmenter(network, view, settings) for view in views.values()]
    video, masks = synthetic_video(5, 96, 128, 2, seed=61)
    found = []
    for index, image in enumerate(video):
        mask = masks[0].astype(np.int32) if index == 0 else None
        frame = Frame(str(index), image, mask, (1, 2) if index == 0 else (), is_wanted=True)
        found.append(torch.stack([next(segmenter.run([frame])) for segmenter in segmenters]))
    by_view = torch.stack(found)  # [T,views,1+K,H,W]
    for index, name in enumerate(views):
        assert (by_view[:, index].argmax(1).numpy() == expected[f"masks_{name}"]).mean() >= 0.9999
    mean = by_view.mean(1)
    assert (mean.argmax(1).numpy() == expected["masks_mean"]).mean() >= 0.9999
    difference = np.abs(mean[[1, 4], :, ::2, ::2].numpy() - expected["prob_mean"])
    assert (difference <= 2e-5).mean() >= 0.98
    assert difference.max() <= 2e-3
