"""The network's input: normalised colours, sides that are multiples of its stride."""

import functools
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def normalise(images: Tensor) -> Tensor:
    """ImageNet normalisation of RGB images: ``[...,3,H,W]`` uint8 -> the same shape, float32."""
    mean, std = _statistics(images.device)
    return (images.float() / 255 - mean) / std


@functools.cache  # making a tensor on a GPU waits for all that it is busy with
@torch.inference_mode(False)
def _statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation, ``[3,1,1]``."""
    return tuple(torch.tensor(numbers, device=device).view(3, 1, 1) for numbers in (IMAGENET_MEAN, IMAGENET_STD))


def to_device(array: np.ndarray, device: torch.device) -> Tensor:
    """Move an array to a device. On CUDA the host does not wait for it."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


class ToHost:
    """A tensor on its way to host memory. On CUDA nothing waits until it is asked for."""

    def __init__(self, tensor: Tensor) -> None:
        is_cuda = tensor.is_cuda
        self._tensor = tensor.to("cpu", non_blocking=is_cuda)  # into pinned memory then
        self._event = torch.cuda.current_stream(tensor.device).record_event() if is_cuda else None

    def numpy(self) -> np.ndarray:
        """The numbers, once they are there."""
        if self._event is not None:
            self._event.synchronize()
        return self._tensor.numpy()


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
