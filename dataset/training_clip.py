"""What all training data sets give: a clip of a few frames with the masks of its objects, from one key."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

UNLABELLED = 255  # an id that is no object, unless it is the only one of a photograph or clip
MAX_REDRAWS = 5  # of a clip whose first frame shows no object


class ClipKey(NamedTuple):
    """All that a clip depends on, beside the data and the seed: whoever draws it, in whatever order, draws the same."""

    epoch: int
    index: int  # of the item in the data set
    max_jump: int  # between frames of a video


class Clip(NamedTuple):
    """A training sample, or a batch of them with a leading dimension B."""

    frames: Tensor  # [T,3,H,W] uint8 RGB
    masks: Tensor  # [T,K,H,W] uint8, 0 to 255
    object_exists: Tensor  # [K] bool
    name: str


def make_generator(seed: int, key: ClipKey) -> np.random.Generator:
    """The random stream of one clip."""
    return np.random.default_rng((seed, key.epoch, key.index))


def make_clip(frames: list[np.ndarray], masks: list[list[np.ndarray]], object_exists: list[bool], name: str) -> Clip:
    """Stack frames ``[H,W,3]`` and masks, K of ``[H,W]`` uint8 for each frame.

    A clip that shows no object is one whose first object covers nothing.
    """
    object_exists = [True, *object_exists[1:]]
    stacked = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).contiguous()
    return Clip(stacked, torch.from_numpy(np.stack([np.stack(m) for m in masks])), torch.tensor(object_exists), name)


def collate(clips: list[Clip]) -> Clip:
    """Batch clips; the names joined by commas."""
    tensors = (torch.stack(column) for column in list(zip(*clips))[:3])
    return Clip(*tensors, ", ".join(clip.name for clip in clips))
