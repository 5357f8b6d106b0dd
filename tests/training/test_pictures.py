"""Pictures of training clips."""

import numpy as np
import torch

from dataset.training_clip import Clip
from training.pictures import draw_clips


def test_pictures_show_truth_above_prediction_for_each_clip() -> None:
    masks = torch.zeros(6, 3, 1, 16, 16, dtype=torch.uint8)
    masks[:, :, :, :8] = 255
    frames = torch.full((6, 3, 3, 16, 16), 100, dtype=torch.uint8)
    clips = Clip(frames, masks, torch.ones(6, 1, dtype=torch.bool), "c")
    picture = draw_clips(clips, torch.tensor([1.0, 0.0]).view(1, 1, 2, 1, 1).expand(6, 2, 2, 16, 16))
    assert picture.shape == (6 * 32, 48, 3)
    assert (picture[:8] != 100).any(2).all()  # the object, tinted
    assert (picture[8:16] == 100).all()  # its outline lies within it
    assert (picture[16:24, :16] != 100).any(2).all()  # the given mask
    assert (picture[16:32, 16:] == 100).all()  # nothing predicted
    assert np.array_equal(picture[:32], picture[-32:])


def test_outlines_are_one_pixel_wide_and_cover_nothing_else() -> None:
    masks = torch.zeros(1, 2, 1, 48, 48, dtype=torch.uint8)
    masks[..., 8:40, 8:40] = 255
    clips = Clip(torch.full((1, 2, 3, 48, 48), 100, dtype=torch.uint8), masks, torch.ones(1, 1, dtype=torch.bool), "c")
    first = draw_clips(clips, torch.zeros(1, 1, 2, 48, 48))[:48, :48]
    inside = first[9:39, 9:39].reshape(-1, 3)
    assert (inside == inside[0]).all()  # one tint, without a number in it
    rim = first[8, 8:40]
    assert (rim == rim[0]).all()
    assert (rim[0] != inside[0]).any()
