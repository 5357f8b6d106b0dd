"""Training clips composed of several photographs.

A single warped photograph has no motion, no occlusion and no look-alikes. Here each clip is a scene of layers: a
photograph before another one, and in front of it objects cut out of other photographs or of the same one. Every layer
moves, bends and blurs on its own. Some of the objects are to be followed; the others pass before them or resemble them.
A video shows sides of an object that its first frame does not: here a part of the object may change its look from some
frame on.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from torch.utils.data import Dataset

from dataset.augmentation import (
    FILL,
    Augmentation,
    ColourRange,
    FrameTransform,
    apply_colours,
    draw_affine,
    draw_colour,
    draw_spline,
    scaling,
    translation,
)
from dataset.images import read_image, read_size
from dataset.static_dataset import StaticPair
from dataset.training_clip import (
    MAX_REDRAWS,
    Clip,
    ClipKey,
    ClipSpec,
    make_clip,
    make_generator,
)

LOOK_GRID = (8, 8)  # random numbers whose smooth interpolation gives the blobs of a new look
RESERVE = 2  # photographs are read this many times larger than they are first shown: they may come closer


@dataclass(frozen=True)
class SceneRanges:
    """The ranges that scenes are drawn from. Lengths without a unit are shares of the crop's side."""

    warp: Augmentation = Augmentation(  # drawn for each layer
        clip_colour=ColourRange(0.2, 0.15, 0.15, 0.05, grey=0.05),
        frame_colour=ColourRange(0.1, 0.05, 0.05),
        frame_rotation=15,
        frame_shear=10,
        frame_scale=(0.85, 1.15),
        spline=0.3,
        spline_noise=0.03,
    )
    whole: float = 0.9  # probability that the labels of a photograph are taken as one object
    object_area: tuple[float, float] = (0.004, 0.6)  # share of the photograph that an object may cover
    target_side: tuple[float, float] = (0.15, 0.7)  # size of a shown object, which decides on the magnification
    max_own: int = 3  # objects of the photograph itself, unless its labels are taken as one
    max_magnification: float = 2.5  # relative to the photograph that just fills the crop
    max_pasted: int = 3  # objects in front of the photograph
    pasted_side: tuple[float, float] = (0.15, 0.6)
    lookalike: float = 0.3  # probability that a pasted object is cut out of the scene's own photograph
    tail: float = 3  # degrees of freedom of Student's t, from which motion and growth are drawn: some are large
    drift: tuple[float, float] = (0.05, 0.25)  # scale and bound of a layer's motion from frame to frame along each axis
    growth: tuple[float, float, float] = (0.06, 0.1, 0.4)  # centre, scale, bound of the logarithm of its growth
    blur: float = 0.3  # probability that a layer is blurred along its motion
    new_look: float = 0.5  # probability that a part of a layer's object changes its look from one frame to the next
    borrowed_look: float = 0.5  # probability that the new look comes from another photograph
    look_colour: ColourRange = ColourRange(0.5, 0.4, 0.5, 0.3)  # how far its colours are changed
    visible_area: float = 0.003  # share of the crop that a followed object covers at least in the first frame


class Layer(NamedTuple):
    """A photograph, or an object cut out of one, with its motion."""

    images: list[np.ndarray]  # [h,w,3] uint8 RGB for each frame, as large as the photograph or smaller
    alpha: np.ndarray | None  # [h,w] uint8, 255 where the layer hides those behind it; None: everywhere
    objects: list[np.ndarray]  # [h,w] uint8 coverages of the objects on it
    size: np.ndarray  # (width, height) of the photograph
    transforms: list[FrameTransform]  # one for each frame
    smear: np.ndarray  # (x, y) pixels of motion blur


class SceneDataset(Dataset):
    """Clips of composed scenes, one of each photograph per epoch.

    Items are indexed by ``ClipKey``; ``max_jump`` does not matter. Layers always show a photograph's surroundings.

    Args:
        pairs: images with masks, which hold coverage or ids.
        spec: how clips are drawn.
        ranges: what to draw from.
    """

    def __init__(self, pairs: list[StaticPair], spec: ClipSpec, ranges: SceneRanges = SceneRanges()) -> None:
        self.pairs, self._spec, self._ranges = pairs, spec, ranges

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, key: ClipKey) -> Clip:
        pair, generator = self.pairs[key.index], make_generator(self._spec.seed, key)
        crop, num_objects = self._spec.crop, self._spec.num_objects
        for _ in range(1 + MAX_REDRAWS):
            layers = self.draw_layers(pair, generator)
            frames, coverages = zip(*(compose(layers, index, crop) for index in range(self._spec.num_frames)))
            areas = [np.count_nonzero(coverage > 127) for coverage in coverages[0]]
            visible = np.flatnonzero(np.array(areas) >= self._ranges.visible_area * crop**2)
            if len(visible):
                break
        drawn = generator.permutation(visible)[:num_objects].tolist()
        object_exists = [index < len(drawn) for index in range(num_objects)]
        empty = [np.zeros((crop, crop), np.uint8)] * (num_objects - len(drawn))
        masks = [[objects[index] for index in drawn] + empty for objects in coverages]
        colours = [draw_colour(self._ranges.warp.frame_colour, generator) for _ in frames]
        frames = [apply_colours(frame, (colour,)) for frame, colour in zip(frames, colours)]
        return make_clip(frames, masks, object_exists, str(pair.image))

    def draw_layers(self, pair: StaticPair, generator: np.random.Generator) -> list[Layer]:
        """Draw the layers of a scene: a backdrop, the scene's photograph, and objects, the foremost last."""
        backdrop = self.pairs[generator.integers(len(self.pairs))]
        layers = [self._draw_backdrop(backdrop, generator), self._draw_photograph(pair, generator)]
        for _ in range(generator.integers(0, self._ranges.max_pasted + 1)):
            is_lookalike = generator.random() < self._ranges.lookalike
            source = pair if is_lookalike else self.pairs[generator.integers(len(self.pairs))]
            objects = self._draw_objects(source, generator)
            if objects:
                layers.append(self._draw_pasted(source, objects[0], generator))
        return layers

    def _draw_photograph(self, pair: StaticPair, generator: np.random.Generator) -> Layer:
        """Draw the background, magnified to show one of its objects, wherever it lies, at some size."""
        objects, crop, size = self._draw_objects(pair, generator), self._spec.crop, _read_size(pair)
        fitting = crop / size.min()
        zoom, focus = fitting, generator.uniform(0, size)
        if objects:
            side = generator.uniform(*self._ranges.target_side) * crop
            points = _pixels(objects[0], size)
            zoom = np.clip(side / _side(objects[0], size), fitting, self._ranges.max_magnification * fitting)
            focus = generator.choice(points)
        corner = np.clip(focus * zoom - generator.uniform(0.3, 0.7, 2) * crop, 0, size * zoom - crop)
        placed = translation(*-corner) @ scaling(zoom, zoom)
        image = read_image(pair.image, 1 / (RESERVE * zoom))
        images = self._draw_looks(image, objects[0], generator) if objects else [image] * self._spec.num_frames
        whole = np.full(image.shape[:2], 255, np.uint8)
        layer = Layer(images, whole, objects, size, [], np.zeros(2))
        return self._draw_motion(layer, placed, np.full(2, crop / 2), generator)

    def _draw_backdrop(self, pair: StaticPair, generator: np.random.Generator) -> Layer:
        """Draw the photograph that is seen where the scene's own recedes or moves away. It stands still."""
        size, crop = _read_size(pair), self._spec.crop
        zoom = crop / size.min()
        corner = generator.uniform(0, 1, 2) * (size * zoom - crop)
        matrix = translation(*-corner) @ scaling(zoom, zoom)
        transform = FrameTransform(matrix, None, (), tuple(size[::-1]), crop)
        images = [read_image(pair.image, 1 / (RESERVE * zoom))] * self._spec.num_frames
        return Layer(images, None, [], size, [transform] * self._spec.num_frames, np.zeros(2))

    def _draw_pasted(self, source: StaticPair, alpha: np.ndarray, generator: np.random.Generator) -> Layer:
        """Draw an object's place in the crop and its size."""
        size = _read_size(source)
        zoom = generator.uniform(*self._ranges.pasted_side) * self._spec.crop / _side(alpha, size)
        centre = _pixels(alpha, size).mean(0)
        position = generator.uniform(0, self._spec.crop, 2)
        placed = translation(*position) @ scaling(zoom, zoom) @ translation(*-centre)
        images = self._draw_looks(read_image(source.image, 1 / (RESERVE * zoom)), alpha, generator)
        layer = Layer(images, alpha, [alpha], size, [], np.zeros(2))
        return self._draw_motion(layer, placed, position, generator)

    def _draw_looks(self, image: np.ndarray, coverage: np.ndarray, generator: np.random.Generator) -> list[np.ndarray]:
        """Draw how a photograph looks in each frame: blobs of its object may change from some frame on."""
        looks = [image]
        for _ in range(1, self._spec.num_frames):
            is_new = generator.random() < self._ranges.new_look
            looks.append(self._draw_new_look(looks[-1], coverage, generator) if is_new else looks[-1])
        return looks

    def _draw_new_look(self, image: np.ndarray, coverage: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        ranges, size = self._ranges, image.shape[1::-1]
        is_borrowed = generator.random() < ranges.borrowed_look
        other = image
        if is_borrowed:
            pair = self.pairs[generator.integers(len(self.pairs))]
            other = read_image(pair.image, (_read_size(pair) / size).min())
        look = apply_colours(cv2.resize(other, size), (draw_colour(ranges.look_colour, generator),))
        blobs = cv2.resize(generator.normal(size=LOOK_GRID), size, interpolation=cv2.INTER_CUBIC) > 0
        return blend(image, look, cv2.resize(coverage, size) * blobs)

    def _draw_motion(
        self, layer: Layer, placed: np.ndarray, centre: np.ndarray, generator: np.random.Generator
    ) -> Layer:
        """Let a layer that a matrix places in the crop drift and grow steadily, and turn, bend and blur at random."""
        ranges, crop = self._ranges, self._spec.crop
        spread, bound = ranges.drift
        drift = crop * np.clip(spread * generator.standard_t(ranges.tail, 2), -bound, bound)
        centre_of_growth, spread, bound = ranges.growth
        growth = np.clip(centre_of_growth + spread * generator.standard_t(ranges.tail), -bound, bound)
        colour = draw_colour(ranges.warp.clip_colour, generator)
        transforms = []
        for index in range(self._spec.num_frames):
            affine = draw_affine(ranges.warp, (2 * centre[1], 2 * centre[0]), generator)
            spline = draw_spline(ranges.warp, crop, generator) if generator.random() < ranges.warp.spline else None
            grown = translation(*centre) @ scaling(*[math.exp(growth * index)] * 2) @ translation(*-centre)
            matrix = translation(*(drift * index)) @ affine @ grown @ placed
            transforms.append(FrameTransform(matrix, spline, (colour,), tuple(layer.size[::-1]), crop))
        smear = drift * generator.uniform(0.1, 0.6) if generator.random() < ranges.blur else np.zeros(2)
        return layer._replace(transforms=transforms, smear=smear)

    def _draw_objects(self, pair: StaticPair, generator: np.random.Generator) -> list[np.ndarray]:
        """Draw coverages of a photograph's objects of suitable size, in random order; or all its labels as one."""
        objects = pair.read_objects()
        low, high = (share * objects[0].size for share in self._ranges.object_area) if objects else (0, 0)
        if generator.random() < self._ranges.whole and objects:
            union = np.maximum.reduce(objects)
            if low <= np.count_nonzero(union > 127) <= high:
                return [union]
        fitting = [coverage for coverage in objects if low <= np.count_nonzero(coverage > 127) <= high]
        return [fitting[index] for index in generator.permutation(len(fitting))[: self._ranges.max_own]]


def compose(layers: list[Layer], index: int, crop: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Lay the layers over one another in one frame.

    Returns:
        the frame ``[crop,crop,3]`` uint8 RGB, and the visible coverage ``[crop,crop]`` uint8 of each object.
    """
    frame, coverages = np.zeros((crop, crop, 3), np.uint8), []
    for layer in layers:
        transform, kernel = layer.transforms[index], _smear_kernel(layer.smear)
        image = apply_colours(transform.warp(layer.images[index], cv2.INTER_LINEAR, FILL), transform.colours)
        masks = [transform.warp(mask, cv2.INTER_LINEAR, 0) for mask in layer.objects]
        alpha = None if layer.alpha is None else transform.warp(layer.alpha, cv2.INTER_LINEAR, 0)
        if kernel is not None:
            image, masks = cv2.filter2D(image, -1, kernel), [cv2.filter2D(mask, -1, kernel) for mask in masks]
            alpha = None if alpha is None else cv2.filter2D(alpha, -1, kernel)
        if alpha is None:
            frame = image
        else:
            frame = blend(frame, image, alpha)
            coverages = [(coverage * (1 - alpha / np.float32(255))).astype(np.uint8) for coverage in coverages]
        coverages += masks
    return frame, coverages


def blend(image: np.ndarray, other: np.ndarray, coverage: np.ndarray) -> np.ndarray:
    """Lay another image over one, both ``[h,w,3]`` uint8, where a ``[h,w]`` uint8 coverage is above 0."""
    weight = coverage.astype(np.float32)[..., None] / 255
    return (image + weight * (other.astype(np.float32) - image)).round().astype(np.uint8)


def _smear_kernel(smear: np.ndarray) -> np.ndarray | None:
    """Make a filter that averages along a line of ``(x, y)`` pixels; None if it is shorter than a pixel."""
    reach = int(np.abs(smear).max() / 2)
    if reach < 1:
        return None
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    x, y = (int(round(half)) for half in smear / 2)
    cv2.line(kernel, (reach - x, reach - y), (reach + x, reach + y), 1.0)
    return kernel / kernel.sum()


def _read_size(pair: StaticPair) -> np.ndarray:
    """Read the ``(width, height)`` of a photograph."""
    return np.array(read_size(pair.image)[::-1])


def _pixels(coverage: np.ndarray, size: np.ndarray) -> np.ndarray:
    """List an object's pixels (x, y) in a photograph of ``(width, height)``: ``[n,2]``."""
    return np.argwhere(coverage > 127)[:, ::-1] * (size / coverage.shape[::-1])


def _side(coverage: np.ndarray, size: np.ndarray) -> float:
    """Compute the side of a square as large as an object, in pixels of a photograph of ``(width, height)``."""
    return math.sqrt(np.count_nonzero(coverage > 127) * size.prod() / coverage.size)
