"""Training clips: a few frames with the masks of their objects. All training data sets draw them from a ``ClipKey``."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

MAX_REDRAWS = 5  # how often a clip is drawn anew if its first frame shows no object


@dataclass(frozen=True)
class ClipSpec:
    """The settings by which a data set draws its clips."""

    crop: int = 384  # side of the frames in pixels, a multiple of 16
    num_frames: int = 3  # T
    num_objects: int = 1  # K; a clip that has fewer marks the others as absent
    seed: int = 0  # the random numbers of all clips follow from it
    keep_surroundings: bool = False  # show real pixels, not empty ones, where a turn moves in what the crop left out
    keep_scale: bool = False  # a smaller crop shows less of a video's frame, not the same at a smaller size
    ignore_unlabelled: bool = False  # clips tell which pixels are 255 beside ids; else these are background
    fit_jumps: bool = False  # in a short video jumps are shorter, so that clips lie anywhere in it without repetition


class ClipKey(NamedTuple):
    """The name of a clip. Data, ``ClipSpec`` and key determine it, whoever draws it and in whatever order."""

    epoch: int
    index: int  # number of the item in the data set
    max_jump: int  # longest step between two frames of a video


class Clip(NamedTuple):
    """A training sample, or a batch of them with a leading dimension B."""

    frames: Tensor  # [T,3,H,W] uint8 RGB
    masks: Tensor  # [T,K,H,W] uint8 coverage, 0 to 255
    object_exists: Tensor  # [K] bool
    name: str  # shown in messages about the clip
    unlabelled: Tensor | None = None  # [T,H,W] bool, pixels that do not count; None: all do


def make_generator(seed: int, key: ClipKey) -> np.random.Generator:
    """Make the random stream of one clip."""
    return np.random.default_rng((seed, key.epoch, key.index))


def make_clip(
    frames: list[np.ndarray],
    masks: list[list[np.ndarray]],
    object_exists: list[bool],
    name: str,
    unlabelled: list[np.ndarray] | None = None,
) -> Clip:
    """Stack frames ``[H,W,3]``, masks, for each frame K of ``[H,W]`` uint8, and unlabelled pixels ``[H,W]``.

    In a clip without objects the first object counts as present, and covers nothing.
    """
    object_exists = [True, *object_exists[1:]]
    stacked = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).contiguous()
    ignored = None if unlabelled is None else torch.from_numpy(np.stack(unlabelled)).bool()
    coverage = torch.from_numpy(np.stack([np.stack(m) for m in masks]))
    return Clip(stacked, coverage, torch.tensor(object_exists), name, ignored)


def collate(clips: list[Clip]) -> Clip:
    """Stack clips to a batch and join their names by commas."""
    tensors = (torch.stack(column) for column in list(zip(*clips))[:3])
    return Clip(*tensors, ", ".join(clip.name for clip in clips), _stack_unlabelled(clips))


def _stack_unlabelled(clips: list[Clip]) -> Tensor | None:
    if all(clip.unlabelled is None for clip in clips):
        return None
    none = torch.zeros_like(clips[0].masks[:, 0], dtype=torch.bool)
    return torch.stack([none if clip.unlabelled is None else clip.unlabelled for clip in clips])
