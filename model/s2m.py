"""S2M, scribble to mask: strokes on an image become one object's mask (Cheng, Tai, Tang, MiVOS, CVPR 2021).

DeepLabV3+ (Chen et al., ECCV 2018) on torchvision's ResNets. State-dict names are those of the released weights.
"""

from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import get_model
from torchvision.models.segmentation.deeplabv3 import ASPP

from model.checkpoint import check_names, load_for_inference, read_state_dict

INPUT_CHANNELS = 6  # the image, the object's previous mask, its positive and its negative strokes
PROJECTED_CHANNELS = 48  # channels of the stride-4 feature in the head
RATES = (6, 12, 18)  # dilations of the pyramid
DROPOUT = 0.1  # published; it matters in training only


class S2MSize(NamedTuple):
    """The measures of a network."""

    backbone: str  # torchvision's name
    last_layer: str  # the backbone's last stage, at stride 16
    fine_channels: int  # channels of ``layer1``, at stride 4
    coarse_channels: int  # channels of the last stage
    head_channels: int  # width of the pyramid and of the head
    options: dict[str, object]  # for the backbone


SIZES = {
    "full": S2MSize(  # as published, 40 M parameters
        "resnet50", "layer4", 256, 2048, 256, {"replace_stride_with_dilation": [False, False, True]}
    ),
    "small": S2MSize("resnet18", "layer3", 64, 256, 96, {}),  # 3.7 M parameters
}


class Backbone(nn.Sequential):
    """A ResNet up to a stage, over ``INPUT_CHANNELS`` channels."""

    def __init__(self, size: S2MSize) -> None:
        resnet = get_model(size.backbone, weights=None, **size.options)
        resnet.conv1 = nn.Conv2d(INPUT_CHANNELS, 64, 7, stride=2, padding=3, bias=False)
        children = list(resnet.named_children())
        last = [name for name, _ in children].index(size.last_layer)
        super().__init__(OrderedDict(children[: last + 1]))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Encode ``[B,6,H,W]``: the features of ``layer1`` at stride 4, and those of the last stage at stride 16."""
        fine = x
        for name, layer in self.named_children():
            x = layer(x)
            if name == "layer1":
                fine = x
        return fine, x


class Head(nn.Module):
    """The pyramid of dilated convolutions, and the classifier that joins it with the stride-4 feature."""

    def __init__(self, size: S2MSize) -> None:
        super().__init__()
        width = size.head_channels
        self.project = nn.Sequential(
            nn.Conv2d(size.fine_channels, PROJECTED_CHANNELS, 1, bias=False),
            nn.BatchNorm2d(PROJECTED_CHANNELS),
            nn.ReLU(inplace=True),
        )
        self.aspp = ASPP(size.coarse_channels, RATES, width)
        self.aspp.project[-1].p = DROPOUT
        self.classifier = nn.Sequential(
            nn.Conv2d(PROJECTED_CHANNELS + width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, 1, 1),
        )

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """Compute logits ``[B,1,H/4,W/4]`` of the backbone's two features."""
        fine = self.project(fine)
        coarse = F.interpolate(self.aspp(coarse), size=fine.shape[2:], mode="bilinear", align_corners=False)
        return self.classifier(torch.cat([fine, coarse], dim=1))


class S2M(nn.Module):
    """The network.

    Args:
        size: a key of ``SIZES``.
    """

    def __init__(self, size: str = "full") -> None:
        super().__init__()
        self.is_small = size == "small"
        self.backbone = Backbone(SIZES[size])
        self.classifier = Head(SIZES[size])

    def forward(self, x: Tensor) -> Tensor:
        """Segment one object per row of the batch.

        Args:
            x: ``[B,6,H,W]`` float32, H and W multiples of 16: the ImageNet-normalised image, the object's previous mask
                as 0 or 1, its positive strokes as 0 or 1, and its negative strokes as 0 or 1.

        Returns:
            logits ``[B,1,H,W]``; a sigmoid makes them independent object probabilities.
        """
        return F.interpolate(self.classifier(*self.backbone(x)), size=x.shape[2:], mode="bilinear", align_corners=False)


def load_s2m(path: Path | str, device: torch.device | str = "cpu") -> S2M:
    """Build the network that a file of weights belongs to, for inference: in eval mode on ``device``, float32.

    Raises:
        InputError: no such file, not a file of weights, or weights of another network.
    """
    state_dict = read_state_dict(Path(path))
    is_small = "backbone.layer4.0.conv1.weight" not in state_dict
    with torch.device("meta"):
        network = S2M("small" if is_small else "full")
    check_names(Path(path), network.state_dict(), state_dict, "S2M")
    return load_for_inference(network, state_dict, device)
