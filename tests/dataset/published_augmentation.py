"""The published augmentation of training clips step by step, with one resampling per step, as a naive twin.

It draws the same numbers as ``draw_clip`` from the same generator. Colours are left out.
"""

import cv2
import numpy as np
from PIL import Image

from dataset.augmentation import FILL, Augmentation, draw_affine, draw_colour, draw_crop, draw_spline
from dataset.training_clip import ClipSpec

Pair = tuple[Image.Image, Image.Image]  # an image and its mask


def affine(pair: Pair, matrix: np.ndarray, resamplings: tuple[Image.Resampling, Image.Resampling]) -> Pair:
    """Move image and mask on their own canvas, which loses what leaves it and is filled where it gets empty."""
    to_source = np.linalg.inv(matrix)[:2].ravel().tolist()
    moved = [
        picture.transform(picture.size, Image.Transform.AFFINE, to_source, resampling, fillcolor=fill)
        for picture, resampling, fill in zip(pair, resamplings, (FILL, 0))
    ]
    return moved[0], moved[1]


def resize(pair: Pair, size: tuple[int, int], box: tuple[int, int, int, int] | None = None) -> Pair:
    """Resize a part of image and mask."""
    return pair[0].resize(size, Image.Resampling.BICUBIC, box), pair[1].resize(size, Image.Resampling.NEAREST, box)


def mirror(pair: Pair) -> Pair:
    return tuple(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for picture in pair)


def bend(pair: Pair, spline: np.ndarray) -> Pair:
    """Black outside."""
    image, mask = (
        cv2.remap(np.array(picture), spline, None, interpolation)
        for picture, interpolation in zip(pair, (cv2.INTER_LINEAR, cv2.INTER_NEAREST))
    )
    return Image.fromarray(image), Image.fromarray(mask)


def draw_published(
    ranges: Augmentation, image: np.ndarray, mask: np.ndarray, spec: ClipSpec, generator: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Frames ``[crop,crop,3]`` and masks ``[crop,crop]`` of a clip of the same image."""
    pair, crop = (Image.fromarray(image), Image.fromarray(mask)), spec.crop
    draw_colour(ranges.clip_colour, generator)
    if ranges.crop_area is None:
        frames = _photograph(ranges, pair, spec, generator)
    else:
        frames = _video(ranges, pair, spec, generator)
    for index, frame in enumerate(frames):
        draw_colour(ranges.frame_colour, generator)
        if generator.random() < ranges.spline:
            frames[index] = bend(frame, draw_spline(ranges, crop, generator))
    return [tuple(np.array(picture) for picture in frame) for frame in frames]


def _photograph(ranges: Augmentation, pair: Pair, spec: ClipSpec, generator: np.random.Generator) -> list[Pair]:
    bicubic, nearest = Image.Resampling.BICUBIC, Image.Resampling.NEAREST
    width, height = pair[0].size
    pair = mirror(pair) if generator.random() < 0.5 else pair
    scale = generator.uniform(*ranges.clip_scale)
    about_centre = [[scale, 0, (1 - scale) * width / 2], [0, scale, (1 - scale) * height / 2], [0, 0, 1]]
    pair, frames = affine(pair, np.array(about_centre), (nearest, nearest)), []
    for _ in range(spec.num_frames):
        turned = affine(pair, draw_affine(ranges, (height, width), generator), (bicubic, bicubic))
        size = tuple(int(spec.crop * side / min(width, height)) for side in (width, height))
        x, y = (generator.integers(0, side - spec.crop + 1) for side in size)
        box = (x, y, x + spec.crop, y + spec.crop)
        frames.append(tuple(picture.crop(box) for picture in resize(turned, size)))
    return frames


def _video(ranges: Augmentation, pair: Pair, spec: ClipSpec, generator: np.random.Generator) -> list[Pair]:
    size = (spec.crop, spec.crop)
    x, y, width, height = draw_crop(ranges, pair[0].size[::-1], generator)
    pair = mirror(pair) if generator.random() < 0.5 else pair
    pair = resize(pair, size, (x, y, x + width, y + height))
    resamplings = Image.Resampling.BICUBIC, Image.Resampling.NEAREST
    return [affine(pair, draw_affine(ranges, size, generator), resamplings) for _ in range(spec.num_frames)]
