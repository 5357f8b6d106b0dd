"""Figures of the published system, and the weights and videos that they were made with.

Two environment variables put another set of figures in the place of the usual one:

    GOLDEN_DIR     the folder of the figures (default: tests/golden)
    GOLDEN_SEED    the number added to the seeds of the weights and of every synthetic video (default: 0)

Each test that compares with these figures has ``golden`` in its name: ``pytest -k golden`` runs exactly those.
"""

import json
import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from model.network import STCN
from tests.conftest import filled_network
from tests.deterministic import synthetic_video
from util.tensor_util import normalise

GOLDEN_DIR = Path(os.environ.get("GOLDEN_DIR", Path(__file__).parent / "golden"))
GOLDEN_SEED = int(os.environ.get("GOLDEN_SEED", 0))


def golden(name: str) -> dict[str, np.ndarray]:
    """Read the arrays of a file of figures."""
    return dict(np.load(GOLDEN_DIR / f"{name}.npz"))


def golden_json(name: str) -> dict:
    """Read a file of facts."""
    return json.loads((GOLDEN_DIR / f"{name}.json").read_text())


def golden_network(**variant: bool | str) -> STCN:
    """Make a network that holds the weights of the figures."""
    return filled_network(GOLDEN_SEED, **variant)


def golden_video(
    num_frames: int, height: int, width: int, num_objects: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Make a video of the figures: frames ``[T,H,W,3]`` and ids ``[T,H,W]``, both uint8."""
    return synthetic_video(num_frames, height, width, num_objects, seed=seed + GOLDEN_SEED)


def frames_of(video: np.ndarray) -> Tensor:
    """Make the network's input of a video: ``[T,H,W,3]`` uint8 -> ``[T,3,H,W]`` float32, normalised."""
    return normalise(torch.from_numpy(video).permute(0, 3, 1, 2))
