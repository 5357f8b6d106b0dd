"""Building blocks of the network, each written for all objects of a frame at once.

Features that depend on the frame alone are called *shared*: ``[B, C, h, w]``. Features of the K objects of each
frame lie in the batch dimension, objects of one frame side by side: ``[B*K, C, h, w]``.
"""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn


def add_shared(per_object: Tensor, shared: Tensor) -> Tensor:
    """Add each frame's feature to all of its objects, in place: ``[B*K,C,h,w] + [B,C,h,w] -> [B*K,C,h,w]``."""
    num_frames = shared.shape[0]
    return per_object.unflatten(0, (num_frames, -1)).add_(shared.unsqueeze(1)).flatten(0, 1)


def convolve_shared(conv: nn.Conv2d, shared: Tensor, *, shared_first: bool = False) -> Tensor:
    """The part of a convolution of ``cat(per_object, shared)`` that is the same for all objects of a frame.

    A convolution is linear in its input channels: with ``convolve_objects`` it is done once per frame, and the sum
    equals the convolution of the concatenation, up to rounding.

    Args:
        conv: a convolution of C1 + C2 input channels.
        shared: ``[B,C2,h,w]``.
        shared_first: whether the shared channels come before the others in the weight.

    Returns:
        ``[B,C_out,h',w']``, with the bias.
    """
    channels = shared.shape[1]
    weight = conv.weight[:, :channels] if shared_first else conv.weight[:, -channels:]
    return F.conv2d(shared, weight, conv.bias, conv.stride, conv.padding)


def convolve_objects(conv: nn.Conv2d, per_object: Tensor, shared_part: Tensor, *, shared_first: bool = False) -> Tensor:
    """The rest of that convolution, added up: ``[B*K,C1,h,w]`` and ``[B,C_out,h',w']`` -> ``[B*K,C_out,h',w']``."""
    channels = per_object.shape[1]
    weight = conv.weight[:, -channels:] if shared_first else conv.weight[:, :channels]
    return add_shared(F.conv2d(per_object, weight, None, conv.stride, conv.padding), shared_part)


class SharedInput(NamedTuple):
    """What a residual block computes once for all objects of a frame."""

    residual: Tensor  # [B,C,h,w]
    skip: Tensor  # [B,C,h,w]


class ResBlock(nn.Module):
    """Pre-activation residual block of two 3x3 convolutions.

    Its input may be ``cat(x, shared)``; ``share`` then does the shared channels' part. The skip path convolves the
    un-activated input if the number of channels changes.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        if in_channels != out_channels:
            self.downsample = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)

    def share(self, shared: Tensor) -> SharedInput:
        """The part of shared channels ``[B,C2,h,w]``."""
        return SharedInput(convolve_shared(self.conv1, F.relu(shared)), convolve_shared(self.downsample, shared))

    def forward(self, x: Tensor, shared: SharedInput | None = None) -> Tensor:
        """``[B*K,C1,h,w]``, and what ``share`` gave if C1 < in_channels -> ``[B*K,out_channels,h,w]``."""
        if shared is None:
            residual = self.conv1(F.relu(x))
            skip = self.downsample(x) if hasattr(self, "downsample") else x
        else:
            residual = convolve_objects(self.conv1, F.relu(x), shared.residual)
            skip = convolve_objects(self.downsample, x, shared.skip)
        residual = self.conv2(F.relu(residual, inplace=True))
        return residual.add_(skip)


class FeatureFuser(nn.Module):
    """Fuse an object's feature with the frame's key-encoder feature, with or without CBAM attention."""

    def __init__(self, in_channels: int, out_channels: int, attention: nn.Module | None) -> None:
        super().__init__()
        self.block1 = ResBlock(in_channels, out_channels)
        self.attention = attention
        self.block2 = ResBlock(out_channels, out_channels)

    def forward(self, x: Tensor, f16_part: SharedInput) -> Tensor:
        """x ``[B*K,C1,h,w]``, and what ``block1`` shares of the other channels -> ``[B*K,out_channels,h,w]``."""
        x = self.block1(x, f16_part)
        return self.block2(x if self.attention is None else x + self.attention(x))


class UpsampleBlock(nn.Module):
    """Double the resolution of the decoder's feature and add the frame's finer feature."""

    def __init__(self, skip_channels: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.skip_conv = nn.Conv2d(skip_channels, in_channels, 3, padding=1)
        self.out_conv = ResBlock(in_channels, out_channels)

    def forward(self, skip: Tensor, x: Tensor) -> Tensor:
        """skip ``[B,in_channels,2h,2w]``, x ``[B*K,in_channels,h,w]`` -> ``[B*K,out_channels,2h,2w]``.

        The skip is what ``skip_conv`` made of the frame's finer feature ``[B,skip_channels,2h,2w]``.
        """
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        return self.out_conv(add_shared(x, skip))


class KeyProjection(nn.Module):
    """Project the key encoder's stride-16 feature to keys."""

    def __init__(self, in_channels: int, key_channels: int) -> None:
        super().__init__()
        self.key_proj = nn.Conv2d(in_channels, key_channels, 3, padding=1)
        nn.init.orthogonal_(self.key_proj.weight)
        nn.init.zeros_(self.key_proj.bias)

    def forward(self, f16: Tensor) -> Tensor:
        """``[B,in_channels,h,w] -> [B,key_channels,h,w]``."""
        return self.key_proj(f16)


class SharedFeatures(NamedTuple):
    """What the decoder computes once for all objects of a frame."""

    at_16: SharedInput
    at_8: Tensor  # [B,C,H/8,W/8]
    at_4: Tensor  # [B,C,H/4,W/4]


class Decoder(nn.Module):
    """Turn the memory readout of each object, with the frame's features, into a logit per pixel.

    Args:
        in_channels: of the memory readout and the frame's stride-16 feature together.
        c8, c4: of the frame's finer features.
        channels: of the decoder at strides 16, 8, 4.
    """

    def __init__(self, in_channels: int, c8: int, c4: int, channels: tuple[int, int, int]) -> None:
        super().__init__()
        at_16, at_8, at_4 = channels
        self.compress = ResBlock(in_channels, at_16)
        self.up_16_8 = UpsampleBlock(c8, at_16, at_8)
        self.up_8_4 = UpsampleBlock(c4, at_8, at_4)
        self.pred = nn.Conv2d(at_4, 1, 3, padding=1)

    def share(self, thin: Tensor, f8: Tensor, f4: Tensor) -> SharedFeatures:
        """The part that is the same for all objects.

        Args:
            thin: ``[B,CV,H/16,W/16]``.
            f8: ``[B,c8,H/8,W/8]``.
            f4: ``[B,c4,H/4,W/4]``.
        """
        return SharedFeatures(self.compress.share(thin), self.up_16_8.skip_conv(f8), self.up_8_4.skip_conv(f4))

    def forward(self, memory_readout: Tensor, shared: SharedFeatures) -> Tensor:
        """memory_readout ``[B*K,CV,H/16,W/16]``, shared of the B frames -> logits ``[B*K,1,H,W]``, float32."""
        x = self.compress(memory_readout, shared.at_16)
        x = self.up_16_8(shared.at_8, x)
        x = self.up_8_4(shared.at_4, x)
        x = self.pred(F.relu(x, inplace=True)).float()
        return F.interpolate(x, scale_factor=4, mode="bilinear", align_corners=False)
