"""Tensors on their way to the network and back: normalising, padding, moving between devices."""

import functools
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def normalise(images: Tensor) -> Tensor:
    """Normalise RGB images by ImageNet's statistics: ``[...,3,H,W]`` uint8 in 0 to 255 -> float32 of the same shape."""
    mean, std = _statistics(images.device)
    return (images.float() / 255 - mean) / std


@functools.cache  # the host waits for a GPU to finish its work when it makes a tensor there
@torch.inference_mode(False)
def _statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    """Give mean and standard deviation, each ``[3,1,1]``."""
    mean, std = torch.tensor(IMAGENET_MEAN, device=device), torch.tensor(IMAGENET_STD, device=device)
    return mean.view(3, 1, 1), std.view(3, 1, 1)


def to_device(array: np.ndarray, device: torch.device) -> Tensor:
    """Move an array to a device. On CUDA the host does not wait for it."""
    tensor = torch.from_numpy(array)
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)  # pinned memory stays as it is
    return tensor.to(device)


def pinned_for(array: np.ndarray, device: torch.device) -> np.ndarray:
    """Copy an array, as a thread beside the main one may do, into memory that a GPU reads by itself; on CUDA alone."""
    return torch.from_numpy(array).pin_memory().numpy() if device.type == "cuda" else array


class ToHost:
    """A tensor on its way to host memory. On CUDA the host waits only once it asks for the numbers."""

    def __init__(self, tensor: Tensor) -> None:
        is_cuda = tensor.is_cuda
        self._tensor = tensor.to("cpu", non_blocking=is_cuda)  # then PyTorch copies into pinned memory
        self._event = torch.cuda.current_stream(tensor.device).record_event() if is_cuda else None

    def numpy(self) -> np.ndarray:
        """Wait for the numbers and give them."""
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
        """Compute the padding of an image to multiples of ``multiple``.

        The smaller half of an odd padding goes to the left or the top.
        """
        horizontal, vertical = -width % multiple, -height % multiple
        return cls(horizontal // 2, horizontal - horizontal // 2, vertical // 2, vertical - vertical // 2)

    def add(self, x: Tensor) -> Tensor:
        """Pad: ``[...,H,W] -> [...,H+top+bottom,W+left+right]``."""
        return F.pad(x, self)

    def remove(self, x: Tensor) -> Tensor:
        """Take the padding away: the inverse of ``add``, as a view."""
        height, width = x.shape[-2:]
        return x[..., self.top : height - self.bottom, self.left : width - self.right]
