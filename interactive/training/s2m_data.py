"""Training samples for scribble to mask: a photograph, one object, a wrong mask of it, and strokes that correct it."""

from dataclasses import replace

import numpy as np
from torch.utils.data import Dataset

from dataset.augmentation import Augmentation, ColourRange, FrameTransform, draw_clip
from dataset.images import read_image, read_size
from dataset.static_dataset import StaticPair
from dataset.training_clip import Clip, ClipKey, ClipSpec, make_clip, make_generator
from interactive.training.simulation import draw_strokes, perturb

PHOTOGRAPH = Augmentation(
    clip_scale=(0.8, 1.25),
    clip_colour=ColourRange(0.1, 0.03, 0.03, grey=0.05),
    frame_colour=ColourRange(),
    frame_rotation=20,
    frame_shear=10,
)
EMPTY_SHARE = 0.33  # share of the samples whose previous mask is empty
IOU = (0.4, 0.95)  # range for a previous mask with the ground truth
OTHER_IOU = 0.6  # bound for another object, as far as it is taken for this one
OTHER_SHARE = 0.75  # share of the samples with other objects in which these play a part
AREA = (0.002, 0.7)  # share of the picture that an object may cover
MAX_DRAWS = 4


class StrokeDataset(Dataset):
    """Samples as clips of two equal frames.

    The masks of the first frame are what the network sees: the previous mask, the positive and the negative strokes;
    the first mask of the second frame is the ground truth. So a sample suits the trainer of clips.

    Args:
        pairs: photographs with masks, which hold coverage or ids.
        spec: crop and seed count.
    """

    def __init__(self, pairs: list[StaticPair], spec: ClipSpec) -> None:
        self._pairs, self._spec = pairs, replace(spec, num_frames=1, keep_surroundings=True)

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, key: ClipKey) -> Clip:
        pair, generator = self._pairs[key.index], make_generator(self._spec.seed, key)
        coverages, size = pair.read_objects(), read_size(pair.image)
        for _ in range(MAX_DRAWS):
            transform = draw_clip(PHOTOGRAPH, size, self._spec, generator)[0]
            truth, others = draw_object(coverages, transform, generator)
            if AREA[0] <= truth.mean() <= AREA[1]:
                break
        image = transform.apply_to_image(read_image(pair.image, transform.reduction))
        given = draw_input(truth, others, generator)
        empty = np.zeros_like(truth)
        masks = [[255 * plane for plane in given], [255 * truth, empty, empty]]
        return make_clip([image, image], masks, [True, False, False], str(pair.image))


def draw_object(
    coverages: list[np.ndarray], transform: FrameTransform, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Choose what is the object: one of the labelled ones, some, or all of them together; and the others.

    Returns:
        the object and all others, ``[crop,crop]`` uint8, 0 or 1.
    """
    count = len(coverages)
    sizes = (1, count, generator.integers(1, count, endpoint=True)) if count else (0,)
    chosen = set(generator.permutation(count)[: generator.choice(sizes)].tolist())
    joined = np.zeros((2, *transform.size), np.uint8)
    for index, coverage in enumerate(coverages):
        target = joined[0 if index in chosen else 1]
        np.maximum(target, coverage, out=target)
    wanted, others = ((transform.apply_to_mask(mask, is_soft=True) > 127).view(np.uint8) for mask in joined)
    return wanted, others & (1 - wanted)


def draw_input(
    truth: np.ndarray, others: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw the previous mask, the positive and the negative strokes of a sample, each ``[H,W]`` uint8, 0 or 1."""
    previous = np.zeros_like(truth)
    if truth.any() and generator.random() >= EMPTY_SHARE:
        previous = perturb(truth, generator.uniform(*IOU), generator)
    positive, negative = draw_strokes(truth, previous, generator)
    if others.sum() > 0 and generator.random() < OTHER_SHARE:
        if generator.random() < 0.5:
            negative = negative | draw_strokes(others, np.zeros_like(others), generator)[0]
        elif previous.any():
            previous = previous | perturb(others, OTHER_IOU, generator)
            positive, negative = draw_strokes(truth, previous, generator)
    return previous, positive, negative
