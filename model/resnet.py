"""The two encoders' backbones (He et al., "Deep Residual Learning for Image Recognition", CVPR 2016).

The key encoder is torchvision's ResNet-50, or ResNet-18 in the small network. The value encoder is a ResNet-18 whose
convolutions all have a bias: the released weights hold these biases, so torchvision's class does not fit.
"""

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import get_model

from model.modules import convolve_object_part


class KeyEncoder(nn.Module):
    """A ResNet up to its third stage.

    Args:
        name: torchvision's name, ``resnet50`` or ``resnet18``.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        backbone = get_model(name, weights=None)
        widen = backbone.fc.in_features // 512  # ratio of a block's output channels to those of its 3x3 convolutions
        self.out_channels = 256 * widen, 128 * widen, 64 * widen  # C16, C8, C4
        self.conv1, self.bn1 = backbone.conv1, backbone.bn1
        self.relu, self.maxpool = backbone.relu, backbone.maxpool
        self.res2, self.layer2, self.layer3 = backbone.layer1, backbone.layer2, backbone.layer3

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode frames ``[B,3,H,W]``.

        Returns:
            f16 ``[B,C16,H/16,W/16]``, f8 ``[B,C8,H/8,W/8]``, f4 ``[B,C4,H/4,W/4]``.
        """
        x = self.maxpool(self.relu(self.bn1(self.conv1(frames))))
        f4 = self.res2(x)
        f8 = self.layer2(f4)
        f16 = self.layer3(f8)
        return f16, f8, f4


class BasicBlock(nn.Module):
    """ResNet's block of two 3x3 convolutions, with biases."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(out_channels)
        if stride != 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Compute the block: ``[B,in_channels,h,w] -> [B,out_channels,h/stride,w/stride]``."""
        residual = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)), inplace=True)))
        skip = self.downsample(x) if hasattr(self, "downsample") else x
        return F.relu(residual.add_(skip), inplace=True)


class ValueBackbone(nn.Module):
    """ResNet-18 up to its third stage, over the image and each object's mask channels."""

    out_channels = 256

    def __init__(self, mask_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3 + mask_channels, 64, 7, stride=2, padding=3)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(BasicBlock(64, 64, 1), BasicBlock(64, 64, 1))
        self.layer2 = nn.Sequential(BasicBlock(64, 128, 2), BasicBlock(128, 128, 1))
        self.layer3 = nn.Sequential(BasicBlock(128, 256, 2), BasicBlock(256, 256, 1))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(module.bias)

    def forward(self, masks: Tensor, frame_part: Tensor) -> Tensor:
        """Encode masks.

        Args:
            masks: ``[B*K,mask_channels,H,W]``.
            frame_part: ``[B,64,H/2,W/2]``, the frame part of ``conv1``.

        Returns:
            ``[B*K,256,H/16,W/16]``.
        """
        x = convolve_object_part(self.conv1, masks, frame_part, frame_first=True)
        x = F.max_pool2d(F.relu(self.bn1(x), inplace=True), 3, stride=2, padding=1)
        return self.layer3(self.layer2(self.layer1(x)))
