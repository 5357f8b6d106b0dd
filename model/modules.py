"""Building blocks of the network, each written for all objects of a frame at once.

The *frame part* of a layer is what depends on the frame alone: it is computed once, ``[B, C, h, w]``, and serves all
objects of the frame. Features of the K objects of each frame lie in the batch dimension, objects of one frame side by
side: ``[B*K, C, h, w]``.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def add_frame_part(per_object: Tensor, frame_part: Tensor) -> Tensor:
    """Add each frame's feature to all of its objects, in place.

    Args:
        per_object: ``[B*K,C,h,w]``.
        frame_part: ``[B,C,h,w]``.

    Returns:
        ``[B*K,C,h,w]``.
    """
    num_frames = frame_part.shape[0]
    return per_object.unflatten(0, (num_frames, -1)).add_(frame_part.unsqueeze(1)).flatten(0, 1)


def convolve_frame_part(conv: nn.Conv2d, frame: Tensor, *, frame_first: bool = False) -> Tensor:
    """Convolve the channels of ``cat(per_object, frame)`` that are the same for all objects of a frame.

    A convolution is linear in its input channels. The result, completed by ``convolve_object_part``, equals the
    convolution of the concatenation up to rounding.

    Args:
        conv: a convolution of C1 + C2 input channels.
        frame: ``[B,C2,h,w]``.
        frame_first: whether the frame's channels come before the objects' in the weight.

    Returns:
        ``[B,C_out,h',w']``, with the bias.
    """
    if isinstance(conv, SplitConv2d):
        return conv.of_frame(frame)
    weight = _part_of_weight(conv, frame.shape[1], is_first=frame_first)
    return F.conv2d(frame, weight, conv.bias, conv.stride, conv.padding)


def convolve_object_part(
    conv: nn.Conv2d, per_object: Tensor, frame_part: Tensor, *, frame_first: bool = False
) -> Tensor:
    """Convolve the objects' channels of ``cat(per_object, frame)`` and add the frame part.

    Args:
        conv: a convolution of C1 + C2 input channels.
        per_object: ``[B*K,C1,h,w]``.
        frame_part: ``[B,C_out,h',w']``, from ``convolve_frame_part``.
        frame_first: whether the frame's channels come before the objects' in the weight.

    Returns:
        ``[B*K,C_out,h',w']``.
    """
    if isinstance(conv, SplitConv2d):
        return add_frame_part(conv.of_objects(per_object), frame_part)
    weight = _part_of_weight(conv, per_object.shape[1], is_first=not frame_first)
    return add_frame_part(F.conv2d(per_object, weight, None, conv.stride, conv.padding), frame_part)


def _part_of_weight(conv: nn.Conv2d, channels: int, *, is_first: bool) -> Tensor:
    """Take the first or the last input channels of a weight."""
    weight = conv.weight[:, :channels] if is_first else conv.weight[:, -channels:]
    return weight.contiguous() if weight.device.type == "mps" else weight  # its convolution ignores strides


class SplitConv2d(nn.Module):
    """A convolution of ``cat(per_object, frame)`` as two with weights of their own, for inference only.

    Parts of a common weight would be copied at every call.

    Args:
        conv: the convolution.
        frame_channels: C2, the number of the frame's channels.
        frame_first: whether the frame's channels come before the objects' in the weight.
    """

    def __init__(self, conv: nn.Conv2d, frame_channels: int, *, frame_first: bool = False) -> None:
        super().__init__()
        object_channels = conv.in_channels - frame_channels
        self.of_frame = self._part(conv, frame_channels, is_first=frame_first)
        self.of_objects = self._part(conv, object_channels, is_first=not frame_first)
        self.of_frame.bias = conv.bias

    @staticmethod
    def _part(conv: nn.Conv2d, channels: int, *, is_first: bool) -> nn.Conv2d:
        sizes = conv.kernel_size, conv.stride, conv.padding
        part = nn.Conv2d(channels, conv.out_channels, *sizes, bias=False, device="meta")
        part.weight = nn.Parameter(_part_of_weight(conv, channels, is_first=is_first).detach().clone())
        return part


class ResBlockFramePart(NamedTuple):
    """The frame part of a residual block."""

    residual: Tensor  # [B,C,h,w]
    skip: Tensor  # [B,C,h,w]

    def of_frame(self, index: int) -> "ResBlockFramePart":
        """Take that of one of the B frames."""
        return ResBlockFramePart(*(x[index : index + 1] for x in self))


class ResBlock(nn.Module):
    """Pre-activation residual block of two 3x3 convolutions.

    Its input may be ``cat(per_object, frame)``: ``frame_part`` then takes the frame's channels and ``forward`` the
    objects'. The skip path convolves the un-activated input if the number of channels changes.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        if in_channels != out_channels:
            self.downsample = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)

    def frame_part(self, frame: Tensor) -> ResBlockFramePart:
        """Compute what the frame's channels ``[B,C2,h,w]`` contribute."""
        residual = convolve_frame_part(self.conv1, F.relu(frame))
        return ResBlockFramePart(residual, convolve_frame_part(self.downsample, frame))

    def forward(self, x: Tensor, frame_part: ResBlockFramePart | None = None) -> Tensor:
        """Compute the block.

        Args:
            x: ``[B*K,C1,h,w]``.
            frame_part: from the method of that name; None if x has all of the input channels.

        Returns:
            ``[B*K,out_channels,h,w]``.
        """
        if frame_part is None:
            residual = self.conv1(F.relu(x))
            skip = self.downsample(x) if hasattr(self, "downsample") else x
        else:
            residual = convolve_object_part(self.conv1, F.relu(x), frame_part.residual)
            skip = convolve_object_part(self.downsample, x, frame_part.skip)
        residual = self.conv2(F.relu(residual, inplace=True))
        return residual.add_(skip)


class FeatureFuser(nn.Module):
    """Fuse an object's feature with the frame's key-encoder feature, with or without CBAM attention."""

    def __init__(self, in_channels: int, out_channels: int, attention: nn.Module | None) -> None:
        super().__init__()
        self.block1 = ResBlock(in_channels, out_channels)
        self.attention = attention
        self.block2 = ResBlock(out_channels, out_channels)

    def forward(self, x: Tensor, frame_part: ResBlockFramePart) -> Tensor:
        """Fuse x ``[B*K,C1,h,w]`` with the frame part of ``block1``: ``[B*K,out_channels,h,w]``."""
        x = self.block1(x, frame_part)
        if self.attention is not None:
            x = x + self.attention(x)
        return self.block2(x)


class UpsampleBlock(nn.Module):
    """Double the resolution of the decoder's feature and add the frame's finer feature."""

    def __init__(self, skip_channels: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.skip_conv = nn.Conv2d(skip_channels, in_channels, 3, padding=1)
        self.out_conv = ResBlock(in_channels, out_channels)

    def forward(self, x: Tensor, frame_part: Tensor) -> Tensor:
        """Compute the block.

        Args:
            x: ``[B*K,in_channels,h,w]``.
            frame_part: ``[B,in_channels,2h,2w]``, from ``skip_conv`` of the frame's finer feature
                ``[B,skip_channels,2h,2w]``.

        Returns:
            ``[B*K,out_channels,2h,2w]``.
        """
        with torch.autocast(x.device.type, enabled=False):  # it would interpolate in float32
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        return self.out_conv(add_frame_part(x, frame_part))


class KeyProjection(nn.Module):
    """Project the key encoder's stride-16 feature to keys."""

    def __init__(self, in_channels: int, key_channels: int) -> None:
        super().__init__()
        self.key_proj = nn.Conv2d(in_channels, key_channels, 3, padding=1)
        nn.init.orthogonal_(self.key_proj.weight)
        nn.init.zeros_(self.key_proj.bias)

    def forward(self, f16: Tensor) -> Tensor:
        """Compute keys: ``[B,in_channels,h,w] -> [B,key_channels,h,w]``."""
        return self.key_proj(f16)


class DecoderFramePart(NamedTuple):
    """The frame part of the decoder."""

    at_16: ResBlockFramePart
    at_8: Tensor  # [B,C,H/8,W/8]
    at_4: Tensor  # [B,C,H/4,W/4]

    def of_frame(self, index: int) -> "DecoderFramePart":
        """Take that of one of the B frames."""
        finer = (x[index : index + 1] for x in (self.at_8, self.at_4))
        return DecoderFramePart(self.at_16.of_frame(index), *finer)


class Decoder(nn.Module):
    """Turn the memory readout of each object, with the frame's features, into a logit per pixel.

    Args:
        in_channels: channels of the memory readout and the frame's stride-16 feature together.
        c8: channels of the frame's stride-8 feature.
        c4: channels of the frame's stride-4 feature.
        channels: channels of the decoder at strides 16, 8, 4.
    """

    def __init__(self, in_channels: int, c8: int, c4: int, channels: tuple[int, int, int]) -> None:
        super().__init__()
        at_16, at_8, at_4 = channels
        self.compress = ResBlock(in_channels, at_16)
        self.up_16_8 = UpsampleBlock(c8, at_16, at_8)
        self.up_8_4 = UpsampleBlock(c4, at_8, at_4)
        self.pred = nn.Conv2d(at_4, 1, 3, padding=1)

    def frame_part(self, thin: Tensor, f8: Tensor, f4: Tensor) -> DecoderFramePart:
        """Compute what is the same for all objects of the frames.

        Args:
            thin: ``[B,CV,H/16,W/16]``.
            f8: ``[B,c8,H/8,W/8]``.
            f4: ``[B,c4,H/4,W/4]``.
        """
        return DecoderFramePart(self.compress.frame_part(thin), self.up_16_8.skip_conv(f8), self.up_8_4.skip_conv(f4))

    def forward(self, memory_readout: Tensor, frame_part: DecoderFramePart) -> Tensor:
        """Decode.

        Args:
            memory_readout: ``[B*K,CV,H/16,W/16]``.
            frame_part: the frame part of the same B frames.

        Returns:
            logits ``[B*K,1,H,W]``, float32.
        """
        x = self.compress(memory_readout, frame_part.at_16)
        x = self.up_16_8(x, frame_part.at_8)
        x = self.up_8_4(x, frame_part.at_4)
        x = self.pred(F.relu(x, inplace=True)).float()
        return F.interpolate(x, scale_factor=4, mode="bilinear", align_corners=False)
