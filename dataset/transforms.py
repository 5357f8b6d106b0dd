"""From images and masks to the network's input."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from util.tensor_util import normalise, to_device


def input_size(height: int, width: int, short_side: int | None) -> tuple[int, int]:
    """Size ``(height, width)`` of the network's input; without a ``short_side`` it is the native one."""
    if short_side is None:
        return height, width
    scale_to = min(height, width)
    return int(short_side * height / scale_to), int(short_side * width / scale_to)


def prepare_image(image: np.ndarray, size: tuple[int, int], device: torch.device) -> Tensor:
    """Normalise a frame and resize it to the network's input.

    Bicubic interpolation of the normalised values without antialiasing or clamping, as the published results were
    made.

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
