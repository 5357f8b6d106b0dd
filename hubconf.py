"""Entry points for ``torch.hub``.

import torch

tracker = torch.hub.load("path/to/this/folder", "tracker", source="local")     # a VideoTracker
network = torch.hub.load("path/to/this/folder", "network", source="local")     # the network alone, an STCN
"""

from pathlib import Path

from model.checkpoint import load_network
from model.network import STCN
from model.weights import default_weights
from tracker import VideoTracker
from util.device import choose_device

dependencies = ["torch", "torchvision", "numpy", "scipy", "PIL", "cv2", "av"]


def tracker(*args: object, **settings: object) -> VideoTracker:
    """Make a tracker; the arguments are those of ``VideoTracker.load``."""
    return VideoTracker.load(*args, **settings)


def network(weights: Path | str | None = None, device: str = "auto") -> STCN:
    """Load a network for inference, in float32.

    Args:
        weights: a .pth; None: ``saves/stcn.pth`` if it is there, else the small network's.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    """
    return load_network(default_weights() if weights is None else weights, choose_device(device))
