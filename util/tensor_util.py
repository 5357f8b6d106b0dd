"""Padding to the network's stride."""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor


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
