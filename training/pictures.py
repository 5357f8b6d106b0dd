"""Pictures of training clips."""

import numpy as np
import torch
from torch import Tensor

from dataset.training_clip import Clip
from output.overlay import draw_overlay
from training.trainer import class_maps


def draw_clips(batch: Clip, logits: Tensor) -> np.ndarray:
    """Draw the clips of a batch, each with the ground truth above and the prediction below.

    The prediction's first frame shows the mask that was given.

    Args:
        batch: B clips.
        logits: ``[B,T-1,1+K,H,W]``, from the network.

    Returns:
        ``[2*B*H,T*W,3]`` uint8 RGB.
    """
    pictures, labels = [], range(1, logits.shape[2])
    for frames, masks, found in zip(batch.frames, batch.masks, logits):
        images, truth = frames.permute(0, 2, 3, 1).numpy(), class_maps(masks[None])[0].byte()
        prediction = torch.cat([truth[:1], found.argmax(1).byte().cpu()])
        rows = (
            [draw_overlay(image, ids, labels, is_thin=True) for image, ids in zip(images, m.numpy())]
            for m in (truth, prediction)
        )
        pictures += [np.hstack(row) for row in rows]
    return np.vstack(pictures)
