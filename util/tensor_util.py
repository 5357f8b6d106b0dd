"""The network's input: normalised colours, sides that are multiples of its stride."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def normalise(images: Tensor) -> Tensor:
    """ImageNet normalisation of RGB images: ``[...,3,H,W]`` uint8 -> the same shape, float32."""
    mean = torch.tensor(IMAGENET_MEAN, device=images.device).view(3, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=images.device).view(3, 1, 1)
    return (images.float() / 255 - mean) / std


class Padding(NamedTuple):
    """Zeros added on each side, in pixels."""

    left: int
    right: int
    top: int
    bottom: int

    @classmethod
    def to_multiple(cls, height: int, width: int, multiple: int) -> "Padding":
        """Padding of an image to multiples of ``multiple``; of an odd sum, the smaller half goes left and top."""
        horizontal, vertical = -width % multiple, -height % multiple
        return cls(horizontal // 2, horizontal - horizontal // 2, vertical // 2, vertical - vertical // 2)

    def add(self, x: Tensor) -> Tensor:
        """``[...,H,W] -> [...,H+top+bottom,W+left+right]``."""
        return F.pad(x, self)

    def remove(self, x: Tensor) -> Tensor:
        """The inverse of ``add``, as a view."""
        height, width = x.shape[-2:]
        return x[..., self.top : height - self.bottom, self.left : width - self.right]
