"""Training clips from photographs with masks: each frame of a clip is the same image, warped anew."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch.utils.data import Dataset

from dataset.augmentation import STATIC, draw_clip
from dataset.images import read_image, read_size
from dataset.stored_masks import read_grey, read_mask
from dataset.training_clip import (
    UNLABELLED,
    Clip,
    ClipKey,
    make_clip,
    make_generator,
)

COPIES = {"fss": 1, "DUTS-TR": 1, "DUTS-TE": 1, "ecssd": 1, "BIG_small": 5, "HRSOD_small": 5}  # the published sets


class StaticPair(NamedTuple):
    """An image and its mask."""

    image: Path
    mask: Path
    is_coverage: bool = False  # the mask's grey levels are known to be coverage; else they tell themselves

    def read_objects(self) -> list[np.ndarray]:
        """Coverages ``[H,W]`` uint8 of the objects: the mask itself, or one of each id in it."""
        mask = read_grey(self.mask) if self.is_coverage else read_mask(self.mask)
        if self.is_coverage or is_soft_mask(mask):
            return [mask]
        labels = np.setdiff1d(np.flatnonzero(np.bincount(mask.ravel())), [0, UNLABELLED])
        return [np.where(mask == label, np.uint8(255), np.uint8(0)) for label in labels]


def find_pairs(folder: Path, *, is_coverage: bool = False) -> list[StaticPair]:
    """All ``name.jpg`` with a ``name.png`` beside it, below a folder, by path."""
    images = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    pairs = [StaticPair(path, path.with_suffix(".png"), is_coverage) for path in images]
    return [pair for pair in pairs if pair.mask.exists()]


def is_soft_mask(mask: np.ndarray) -> bool:
    """Whether grey levels mean coverage, 255 all of it, rather than ids.

    Ids are small numbers, with 255 perhaps for unlabelled pixels, of which there are fewer.
    """
    counts = np.bincount(mask.ravel(), minlength=256)
    return bool(counts[128:255].any() or counts[255] > counts[1:128].sum())


class StaticTransformDataset(Dataset):
    """Clips of single images.

    Items are asked for by ``ClipKey``; ``max_jump`` does not matter.

    Args:
        pairs: images with masks, of coverage or of ids. Of several ids some are drawn.
        crop: side of the frames.
        num_frames: of a clip.
        num_objects: K; objects that an image lacks are marked.
        seed: of all drawing.
    """

    def __init__(
        self, pairs: list[StaticPair], *, crop: int = 384, num_frames: int = 3, num_objects: int = 1, seed: int = 0
    ) -> None:
        self.pairs = pairs
        self._crop, self._num_frames, self._num_objects, self._seed = crop, num_frames, num_objects, seed

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, key: ClipKey) -> Clip:
        pair, generator = self.pairs[key.index], make_generator(self._seed, key)
        transforms = draw_clip(STATIC, read_size(pair.image), self._num_frames, self._crop, generator)
        image = read_image(pair.image, min(transform.reduction for transform in transforms))
        frames = [transform.apply_to_image(image) for transform in transforms]
        coverages = self._draw_objects(pair, generator)
        object_exists = [coverage is not None for coverage in coverages]
        empty = np.zeros((self._crop, self._crop), np.uint8)
        masks = [
            [empty if coverage is None else transform.apply_to_mask(coverage, is_soft=True) for coverage in coverages]
            for transform in transforms
        ]
        return make_clip(frames, masks, object_exists, str(pair.image))

    def _draw_objects(self, pair: StaticPair, generator: np.random.Generator) -> list[np.ndarray | None]:
        """K coverages ``[H,W]`` uint8; None for objects that are not there."""
        objects = pair.read_objects()
        drawn = [objects[index] for index in generator.permutation(len(objects))[: self._num_objects]]
        return drawn + [None] * (self._num_objects - len(drawn))
