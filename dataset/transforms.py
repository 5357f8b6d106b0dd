"""From images and masks to the network's input."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from util.tensor_util import normalise, to_device


def input_size(height: int, width: int, short_side: int | None) -> tuple[int, int]:
    """Compute the size ``(height, width)`` of the network's input.

    Args:
        height, width: of the video, in pixels.
        short_side: of the input, in pixels; None: the video's own size.
    """
    if short_side is None:
        return height, width
    native = min(height, width)
    return int(short_side * height / native), int(short_side * width / native)


def prepare_image(image: np.ndarray, size: tuple[int, int], device: torch.device) -> Tensor:
    """Normalise a frame and resize it to the network's input.

    The normalised values are interpolated bicubically without antialiasing or clamping, as for the published results.

    Args:
        image: ``[H,W,3]`` uint8 RGB.
        size: ``(height, width)``.

    Returns:
        ``[3,height,width]`` float32 on ``device``.
    """
    normalised = normalise(to_device(image, device).permute(2, 0, 1))
    if size == normalised.shape[1:]:
        return normalised.contiguous()
    return F.interpolate(normalised[None], size, mode="bicubic", align_corners=False)[0]


def prepare_mask(mask: np.ndarray, size: tuple[int, int], device: torch.device) -> Tensor:
    """Resize object ids by nearest neighbour: ``[H,W]`` -> ``[height,width]`` int32 on ``device``."""
    ids = torch.from_numpy(mask)[None, None].double()  # exact for any id
    return to_device(F.interpolate(ids, size, mode="nearest")[0, 0].int().numpy(), device)
