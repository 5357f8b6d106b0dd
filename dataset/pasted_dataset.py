"""Training clips in which the object of one video passes before another video.

Videos with a single object have no look-alikes and few occlusions. Pasting gives both: the second object hides parts
of the first, and is followed itself or has to be told from it.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from dataset.augmentation import scaling, translation
from dataset.training_clip import Clip, ClipKey, ClipSpec

SIDE = 0.15, 0.6  # square root of the pasted object's area in the first frame, as a share of the crop's side
DRIFT = 0.08  # standard deviation of its motion from frame to frame along each axis, as a share of the crop's side
FOLLOWED = 0.6  # probability that it takes the place of an absent object, and is followed
STREAM = 1  # number of the random stream, beside that of the clips themselves


@dataclass(frozen=True)
class Cutout:
    """An object of a clip."""

    frames: np.ndarray  # [T,H,W,3] uint8 RGB
    masks: np.ndarray  # [T,H,W] uint8 coverage


class PastedDataset(Dataset):
    """Clips of a data set, each with an object of another one of its clips pasted in. Items are indexed by ``ClipKey``.

    Args:
        data: maps a ``ClipKey`` to a ``Clip``.
        spec: how its clips are drawn.
    """

    def __init__(self, data: Dataset, spec: ClipSpec) -> None:
        self._data, self._spec = data, spec

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, key: ClipKey) -> Clip:
        generator = np.random.default_rng((self._spec.seed, key.epoch, key.index, STREAM))
        other = ClipKey(key.epoch, int(generator.integers(len(self._data))), key.max_jump)
        clip, source = self._data[key], self._data[other]
        cutout = _cut_out(source)
        if cutout.masks[0].max() < 128:  # the other clip's first frame shows no object
            return clip
        cutout, is_followed = _place(cutout, self._spec.crop, generator), generator.random() < FOLLOWED
        return clip if _hides(cutout, clip) else paste(clip, cutout, is_followed=is_followed)


def paste(clip: Clip, cutout: Cutout, *, is_followed: bool) -> Clip:
    """Lay an object over a clip.

    Args:
        is_followed: whether it becomes an object of the clip, if there is an absent one whose place it can take.
    """
    alpha = torch.from_numpy(cutout.masks)[:, None].float() / 255  # [T,1,H,W]
    pasted = torch.from_numpy(cutout.frames).permute(0, 3, 1, 2)
    frames = _blend(clip.frames, pasted, alpha)
    masks = _blend(clip.masks, torch.zeros_like(clip.masks), alpha)
    exists = clip.object_exists.clone()
    absent = torch.nonzero(~exists).flatten().tolist()
    if is_followed and absent:
        masks[:, absent[0]] = torch.from_numpy(cutout.masks)
        exists[absent[0]] = True
    unlabelled = None if clip.unlabelled is None else clip.unlabelled & (alpha[:, 0] < 0.5)
    return Clip(frames, masks, exists, clip.name, unlabelled)


def _blend(below: Tensor, above: Tensor, alpha: Tensor) -> Tensor:
    """Mix uint8 ``[T,C,H,W]`` by ``[T,1,H,W]`` in [0, 1]."""
    return (below + alpha * (above.float() - below)).round().byte()


def _hides(cutout: Cutout, clip: Clip) -> bool:
    """Tell whether an object would hide more than half of one that the clip's first frame shows."""
    shown = clip.masks[0].numpy() > 127  # [K,H,W]
    hidden = shown & (cutout.masks[0] > 127)
    return bool((2 * hidden.sum((1, 2)) > shown.sum((1, 2))).any())


def _cut_out(clip: Clip) -> Cutout:
    """Take the first object of a clip."""
    return Cutout(clip.frames.permute(0, 2, 3, 1).numpy(), np.ascontiguousarray(clip.masks[:, 0].numpy()))


def _place(cutout: Cutout, crop: int, generator: np.random.Generator) -> Cutout:
    """Draw a size and a path across the crop for an object."""
    points = np.argwhere(cutout.masks[0] > 127)[:, ::-1]
    zoom = generator.uniform(*SIDE) * crop / np.sqrt(len(points))
    position, drift = generator.uniform(0, crop, 2), generator.normal(0, DRIFT * crop, 2)
    placed = translation(*position) @ scaling(zoom, zoom) @ translation(*-points.mean(0))
    matrices = [(translation(*(drift * index)) @ placed)[:2] for index in range(len(cutout.masks))]
    frames = [cv2.warpAffine(frame, matrix, (crop, crop)) for frame, matrix in zip(cutout.frames, matrices)]
    masks = [cv2.warpAffine(mask, matrix, (crop, crop)) for mask, matrix in zip(cutout.masks, matrices)]
    return Cutout(np.stack(frames), np.stack(masks))
