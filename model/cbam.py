"""CBAM: a channel gate, then a spatial gate (Woo et al., "CBAM: Convolutional Block Attention Module", ECCV 2018).

Module names are those of the released weights.
"""

import torch
from torch import Tensor, nn


class ChannelGate(nn.Module):
    """Scale each channel by a gate computed from its average and its maximum over the image."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = channels // reduction
        self.mlp = nn.Sequential(nn.Flatten(), nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Gate the channels: ``[B,C,h,w] -> [B,C,h,w]``."""
        gate = self.mlp(x.mean((2, 3))) + self.mlp(x.amax((2, 3)))
        return x * torch.sigmoid(gate)[:, :, None, None]


class GateConv(nn.Module):
    """The spatial gate's convolution of the two pooled maps."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, pooled: Tensor) -> Tensor:
        """Convolve: ``[B,2,h,w] -> [B,1,h,w]``."""
        return self.conv(pooled)


class SpatialGate(nn.Module):
    """Scale each position by a gate computed from the maximum and the average over the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.spatial = GateConv()

    def forward(self, x: Tensor) -> Tensor:
        """Gate the positions: ``[B,C,h,w] -> [B,C,h,w]``."""
        pooled = torch.stack([x.amax(1), x.mean(1)], dim=1)
        return x * torch.sigmoid(self.spatial(pooled))


class CBAM(nn.Module):
    """Channel gate followed by spatial gate."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.ChannelGate = ChannelGate(channels)
        self.SpatialGate = SpatialGate()

    def forward(self, x: Tensor) -> Tensor:
        """Apply both gates: ``[B,C,h,w] -> [B,C,h,w]``."""
        return self.SpatialGate(self.ChannelGate(x))
