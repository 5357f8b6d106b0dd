"""Difference-aware fusion of two results for one frame (Cheng, Tai, Tang, MiVOS, CVPR 2021).

A frame between two interacted frames has the result of earlier rounds, and a new one. The network weighs them by what
the new interaction changed, carried to the frame by attention, and by how near the two interacted frames are.
State-dict names are those of the released weights.
"""

from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.checkpoint import check_names, load_for_inference, read_state_dict
from model.memory import get_affinity, get_similarity, readout
from model.modules import convolve_frame_part, convolve_object_part
from model.network import STRIDE

WIDTH = 32
OBJECT_CHANNELS = 6  # both results, the attention to what was added and taken away, and both distances


class Distances(NamedTuple):
    """Distances of a frame as shares of that between the two interacted frames around it; their sum is 1."""

    to_neighbour: float  # the frame interacted before
    to_interacted: float  # the frame of this round


class FusionNetwork(nn.Module):
    """Choose, at each pixel and for each object, between two results or what lies between."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(_convolution(3 + OBJECT_CHANNELS), nn.ReLU(inplace=True))
        self.conv2 = nn.Sequential(_convolution(WIDTH), nn.ReLU(inplace=True), _convolution(WIDTH))
        self.conv3 = nn.Sequential(_convolution(WIDTH), nn.ReLU(inplace=True), _convolution(WIDTH))
        self.final_conv = _convolution(WIDTH, 1)

    def forward(self, images: Tensor, old: Tensor, new: Tensor, attention: Tensor, distances: Tensor) -> Tensor:
        """Fuse the results of K objects in each of B frames.

        Args:
            images: ``[B,3,H,W]``, ImageNet-normalised.
            old, new: ``[B,K,H,W]``, probabilities of earlier rounds and of this one.
            attention: ``[B,K,2,H,W]`` from ``attend``: what was added, and what was taken away.
            distances: ``[B,2]``, the fields of ``Distances``.

        Returns:
            logits ``[B,K,H,W]``; a sigmoid makes them independent object probabilities.
        """
        results = torch.stack([old, new], dim=2)
        planes = distances[:, None, :, None, None].expand_as(results)
        per_object = torch.cat([results, attention, planes], dim=2).flatten(0, 1)  # [B*K,6,H,W]
        frame_part = convolve_frame_part(self.conv1[0], images, frame_first=True)
        x = self.conv1[1](convolve_object_part(self.conv1[0], per_object, frame_part, frame_first=True))
        x = F.relu(x + self.conv2(x))
        x = F.relu(x + self.conv3(x))
        return self.final_conv(x).unflatten(0, old.shape[:2])[:, :, 0]


def difference(mask: Tensor, old: Tensor) -> Tensor:
    """Compute what an interaction added to the former result of its frame and what it took away.

    Args:
        mask: ``[K,H,W]`` in [0, 1], the frame's new masks; H and W multiples of 16.
        old: ``[K,H,W]`` in [0, 1], their probabilities before.

    Returns:
        ``[K,2,H/16,W/16]``, means over cells of 16 x 16 pixels.
    """
    change = mask - old
    return F.avg_pool2d(torch.stack([change, -change], dim=1).clamp(min=0), STRIDE)


def attend(interacted_key: Tensor, key: Tensor, differences: Tensor, similarity: str = "l2") -> Tensor:
    """Carry the differences of the interacted frame to another frame.

    Args:
        interacted_key, key: ``[1,CK,h,w]``, the keys of the two frames.
        differences: ``[K,2,h,w]``, from ``difference``.
        similarity: of the keys' network, one of ``model.memory.SIMILARITIES``.

    Returns:
        ``[K,2,16h,16w]``, float32.
    """
    affinity = get_affinity(get_similarity(interacted_key.flatten(2), key.flatten(2), similarity))
    carried = readout(affinity, differences.float().flatten(0, 1).flatten(1)[None])[0]
    carried = carried.view(*differences.shape[:2], *key.shape[2:])
    return F.interpolate(carried, scale_factor=STRIDE, mode="bilinear", align_corners=False)


def blend(old: Tensor, new: Tensor, distances: Distances) -> Tensor:
    """Fuse two results ``[K,H,W]`` without a network: the nearer interaction counts for more."""
    return distances.to_neighbour * new + distances.to_interacted * old


def load_fusion(path: Path | str, device: torch.device | str = "cpu") -> FusionNetwork:
    """Read the weights of a fusion network, for inference: in eval mode on ``device``, float32.

    Raises:
        InputError: no such file, not a file of weights, or weights of another network.
    """
    state_dict = read_state_dict(Path(path))
    network = FusionNetwork()
    check_names(Path(path), network.state_dict(), state_dict, "the fusion network")
    return load_for_inference(network, state_dict, device)


def _convolution(in_channels: int, out_channels: int = WIDTH) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, padding=1)
