"""Training clips from photographs with masks: each frame of a clip is the same image, warped anew."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch.utils.data import Dataset

from dataset.augmentation import STATIC, draw_clip
from dataset.images import read_image, read_size
from dataset.stored_masks import read_grey, read_mask
from dataset.training_clip import (
    MAX_REDRAWS,
    Clip,
    ClipKey,
    ClipSpec,
    make_clip,
    make_generator,
)
from util.ids import UNLABELLED_ID


class StaticPair(NamedTuple):
    """An image and its mask."""

    image: Path
    mask: Path
    is_coverage: bool = False  # whether the grey levels are known to be coverage; if not, they are judged by their look

    def read_objects(self) -> list[np.ndarray]:
        """Read the coverage ``[H,W]`` uint8 of each object: the mask itself, or one coverage for each id in it."""
        mask = self._read()
        if self.is_coverage or is_soft_mask(mask):
            return [mask]
        labels = np.setdiff1d(np.flatnonzero(np.bincount(mask.ravel())), [0, UNLABELLED_ID])
        return [np.where(mask == label, np.uint8(255), np.uint8(0)) for label in labels]

    def read_unlabelled(self) -> np.ndarray | None:
        """Read which pixels nobody labelled, 255 beside ids: ``[H,W]`` uint8, 0 or 255; None: masks of coverage."""
        mask = self._read()
        if self.is_coverage or is_soft_mask(mask):
            return None
        return np.where(mask == UNLABELLED_ID, np.uint8(255), np.uint8(0))

    def _read(self) -> np.ndarray:
        return read_grey(self.mask) if self.is_coverage else read_mask(self.mask)


def find_pairs(folder: Path, *, is_coverage: bool = False) -> list[StaticPair]:
    """List all ``name.jpg`` with a ``name.png`` beside it, anywhere below a folder, by path."""
    images = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    pairs = [StaticPair(path, path.with_suffix(".png"), is_coverage) for path in images]
    return [pair for pair in pairs if pair.mask.exists()]


def is_soft_mask(mask: np.ndarray) -> bool:
    """Tell whether grey levels mean coverage, with 255 for all of it, rather than ids.

    Ids are small numbers, with 255 perhaps for unlabelled pixels, of which there are fewer.
    """
    counts = np.bincount(mask.ravel(), minlength=256)
    return bool(counts[128:255].any() or counts[255] > counts[1:128].sum())


class StaticTransformDataset(Dataset):
    """Clips of single images.

    Items are indexed by ``ClipKey``; ``max_jump`` does not matter.

    Args:
        pairs: images with masks, which hold coverage or ids. If there are more ids than objects, some are drawn.
        spec: how clips are drawn.
    """

    def __init__(self, pairs: list[StaticPair], spec: ClipSpec) -> None:
        self.pairs, self._spec = pairs, spec

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, key: ClipKey) -> Clip:
        pair, generator = self.pairs[key.index], make_generator(self._spec.seed, key)
        objects, size = pair.read_objects(), read_size(pair.image)
        empty = np.zeros((self._spec.crop, self._spec.crop), np.uint8)
        for _ in range(1 + MAX_REDRAWS):
            transforms = draw_clip(STATIC, size, self._spec, generator)
            coverages = self._draw_objects(objects, generator)
            masks = [
                [
                    empty if coverage is None else transform.apply_to_mask(coverage, is_soft=True)
                    for coverage in coverages
                ]
                for transform in transforms
            ]
            if pair.is_coverage or not objects or max(mask.max() for mask in masks[0]) > 127:
                break  # published sets are taken as they come
        image = read_image(pair.image, min(transform.reduction for transform in transforms))
        frames = [transform.apply_to_image(image) for transform in transforms]
        object_exists = [coverage is not None for coverage in coverages]
        ignored = pair.read_unlabelled() if self._spec.ignore_unlabelled else None
        if ignored is not None:
            ignored = [transform.apply_to_mask(ignored, is_soft=True) > 127 for transform in transforms]
        return make_clip(frames, masks, object_exists, str(pair.image), ignored)

    def _draw_objects(self, objects: list[np.ndarray], generator: np.random.Generator) -> list[np.ndarray | None]:
        """Draw K coverages ``[H,W]`` uint8; None stands for objects that are not there."""
        drawn = [objects[index] for index in generator.permutation(len(objects))[: self._spec.num_objects]]
        return drawn + [None] * (self._spec.num_objects - len(drawn))
