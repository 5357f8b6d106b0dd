"""The places of network weights, and those that are taken when none are named."""

from pathlib import Path

from util.files import PROJECT_ROOT

DEFAULT_WEIGHTS = PROJECT_ROOT / "saves" / "stcn.pth"  # released by the authors; download_model.py fetches them
SMALL_WEIGHTS = PROJECT_ROOT / "pretrained" / "stcn_small.pth"  # the small network's, part of the repository

S2M_WEIGHTS = PROJECT_ROOT / "saves" / "s2m.pth"  # strokes to mask, released
SMALL_S2M_WEIGHTS = PROJECT_ROOT / "pretrained" / "s2m_small.pth"  # the small network's
FUSION_WEIGHTS = PROJECT_ROOT / "saves" / "fusion_stcn.pth"  # fusion of two results, released


def default_weights() -> Path:
    """Return the released weights if they are there, else the small network's."""
    return DEFAULT_WEIGHTS if DEFAULT_WEIGHTS.exists() else SMALL_WEIGHTS
