"""The places of network weights, and those that are taken when none are named."""

from pathlib import Path

from util.files import PROJECT_ROOT

DEFAULT_WEIGHTS = PROJECT_ROOT / "saves" / "stcn.pth"  # released by the authors; download_model.py fetches them
SMALL_WEIGHTS = PROJECT_ROOT / "pretrained" / "stcn_small.pth"  # the small network's, part of the repository


def default_weights() -> Path:
    """Return the released weights if they are there, else the small network's."""
    return DEFAULT_WEIGHTS if DEFAULT_WEIGHTS.exists() else SMALL_WEIGHTS
