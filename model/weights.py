"""Where network weights lie, and which are taken when none are named."""

from pathlib import Path

from util.files import PROJECT_ROOT

DEFAULT_WEIGHTS = PROJECT_ROOT / "saves" / "stcn.pth"  # released, to be downloaded
SMALL_WEIGHTS = PROJECT_ROOT / "pretrained" / "stcn_small.pth"  # of the small network, part of the repository


def default_weights() -> Path:
    """The released weights if they are there, else the small network's."""
    return DEFAULT_WEIGHTS if DEFAULT_WEIGHTS.exists() else SMALL_WEIGHTS
