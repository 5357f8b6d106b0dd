"""Augmentation of training clips: random geometry and colour, drawn first, applied at once.

All geometry of a frame is composed into one matrix (and, for some static frames, a spline), so that image and mask are
resampled once. The published code resamples at each step, and a step loses what leaves its canvas: what is turned in
from there later on is empty. Here each frame knows the rectangle that was left of it, and nothing else is read.

A matrix is 3 x 3 float64 and maps source pixels to output pixels, homogeneous, with pixel centres at halves.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np

from dataset.tps import spline_map
from dataset.training_clip import ClipSpec

FILL = (124, 116, 104)  # colour of empty areas, RGB: the mean of ImageNet
GREY_WEIGHTS = np.array([0.299, 0.587, 0.114])  # luma of R, G, B
SPLINE_POINTS = 12


class ColourRange(NamedTuple):
    """The ranges in which colours may move, as in torchvision's ColorJitter."""

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0  # turns of the colour circle
    grey: float = 0.0  # probability to lose all colour


class Colour(NamedTuple):
    """A drawn change of colour."""

    brightness: float
    contrast: float
    saturation: float
    hue: float


@dataclass(frozen=True)
class Augmentation:
    """The ranges for one kind of training data. ``clip_`` is drawn once for all frames, ``frame_`` for each of them."""

    clip_colour: ColourRange
    frame_colour: ColourRange
    frame_rotation: float  # degrees to either side
    frame_shear: float  # degrees to either side, along x
    frame_scale: tuple[float, float] = (1.0, 1.0)
    clip_scale: tuple[float, float] = (1.0, 1.0)
    crop_area: tuple[float, float] | None = None  # share of the frame that the clip is cropped to; None: a photograph
    crop_aspect: tuple[float, float] = (3 / 4, 4 / 3)
    spline: float = 0.0  # probability for each frame
    spline_noise: float = 0.02  # standard deviation of the control points' displacement, share of the side


STATIC = Augmentation(
    clip_scale=(0.8, 1.5),
    clip_colour=ColourRange(0.1, 0.05, 0.05, 0.05, grey=0.05),
    frame_rotation=20,
    frame_scale=(0.9, 1.1),
    frame_shear=10,
    frame_colour=ColourRange(0.1, 0.05, 0.05),
    spline=0.33,
)
VIDEO = Augmentation(
    crop_area=(0.36, 1.0),
    clip_colour=ColourRange(0.1, 0.03, 0.03, grey=0.05),
    frame_rotation=15,
    frame_shear=10,
    frame_colour=ColourRange(0.01, 0.01, 0.01),
)
BL30K = replace(VIDEO, crop_area=(0.25, 1.0))


class Rectangle(NamedTuple):
    """A part of a frame, in its pixels from the upper left corner."""

    left: float
    top: float
    right: float
    bottom: float


class FrameTransform(NamedTuple):
    """The drawn change of one frame, to be applied to its image and to its masks."""

    matrix: np.ndarray
    spline: np.ndarray | None  # [crop,crop,2] float32, the place in the straight output where each pixel comes from
    colours: tuple[Colour, ...]  # applied one after the other
    size: tuple[int, int]  # (height, width) of the frame that it was drawn for
    crop: int  # side of the output
    kept: Rectangle | None = None  # the part of the frame that cropping left; None: its surroundings are shown as well

    @property
    def reduction(self) -> float:
        """Source pixels per output pixel along a side."""
        return 1 / math.sqrt(abs(np.linalg.det(self.matrix[:2, :2])))

    def apply_to_image(self, image: np.ndarray) -> np.ndarray:
        """Warp and colour ``[h,w,3]`` uint8 RGB, the frame at any size; returns ``[crop,crop,3]``."""
        return self._blacken_beyond(apply_colours(self.warp(image, cv2.INTER_CUBIC, FILL), self.colours))

    def apply_to_mask(self, mask: np.ndarray, *, is_soft: bool) -> np.ndarray:
        """Warp ``[h,w]`` uint8: ids by nearest neighbour, or soft masks by bicubic interpolation."""
        return self._blacken_beyond(self.warp(mask, cv2.INTER_CUBIC if is_soft else cv2.INTER_NEAREST, 0))

    def warp(self, image: np.ndarray, interpolation: int, fill: object) -> np.ndarray:
        """Resample ``[h,w]`` or ``[h,w,C]`` uint8 by one of OpenCV's interpolations, ``fill`` where nothing is left."""
        x_scale, y_scale = image.shape[1] / self.size[1], image.shape[0] / self.size[0]
        kept = self.kept or Rectangle(0, 0, self.size[1], self.size[0])
        left, right = round(kept.left * x_scale), round(kept.right * x_scale)
        top, bottom = round(kept.top * y_scale), round(kept.bottom * y_scale)
        to_source = np.linalg.inv(self.matrix @ scaling(1 / x_scale, 1 / y_scale))
        to_source = translation(-0.5 - left, -0.5 - top) @ to_source @ translation(0.5, 0.5)  # centres at integers
        part, border = image[top:bottom, left:right], {"borderMode": cv2.BORDER_CONSTANT, "borderValue": fill}
        if self.spline is None:
            flags, size = interpolation | cv2.WARP_INVERSE_MAP, (self.crop, self.crop)
            return cv2.warpAffine(part, to_source[:2], size, flags=flags, **border)
        source = cv2.transform(self.spline, to_source[:2].astype(np.float32))
        return cv2.remap(part, source, None, interpolation, **border)

    def _blacken_beyond(self, output: np.ndarray) -> np.ndarray:
        """Set to 0 what the spline takes from beyond the output's edges, unless surroundings are shown."""
        if self.spline is None or self.kept is None:
            return output
        low, high = -0.5, self.crop - 0.5
        return cv2.bitwise_and(output, output, mask=cv2.inRange(self.spline, (low, low), (high, high)))


def draw_clip(
    ranges: Augmentation, size: tuple[int, int], spec: ClipSpec, generator: np.random.Generator
) -> list[FrameTransform]:
    """Draw the transforms of a clip's frames.

    Args:
        size: ``(height, width)`` of the frames.
    """
    clip_colour = draw_colour(ranges.clip_colour, generator)
    draw_geometry = _static_geometry if ranges.crop_area is None else _video_geometry
    matrices, kept = draw_geometry(ranges, size, spec, generator)
    transforms = []
    for matrix in matrices:
        frame_colour = draw_colour(ranges.frame_colour, generator)
        spline = draw_spline(ranges, spec.crop, generator) if generator.random() < ranges.spline else None
        colours, shown = (clip_colour, frame_colour), None if spec.keep_surroundings else kept
        transforms.append(FrameTransform(matrix, spline, colours, size, spec.crop, shown))
    return transforms


def _static_geometry(
    ranges: Augmentation, size: tuple[int, int], spec: ClipSpec, generator: np.random.Generator
) -> tuple[list[np.ndarray], Rectangle]:
    """Scale and mirror; for each frame an affine change, the short side brought to the crop's, a random crop.

    Returns:
        each frame's matrix, and the part of the image that the scaling leaves on the image's own canvas.
    """
    height, width = size
    mirroring, scale = _draw_mirroring(width, generator), generator.uniform(*ranges.clip_scale)
    common = mirroring @ _centred(scaling(scale, scale), size)
    new_height, new_width = (int(spec.crop * side / min(size)) for side in size)
    resize = scaling(new_width / width, new_height / height)
    matrices = []
    for _ in range(spec.num_frames):
        affine = draw_affine(ranges, size, generator)
        x, y = generator.integers(0, new_width - spec.crop + 1), generator.integers(0, new_height - spec.crop + 1)
        matrices.append(translation(-x, -y) @ resize @ affine @ common)
    margin = max(0, 1 - 1 / scale) / 2  # share of a side that the scaling pushes out, to either side
    return matrices, Rectangle(margin * width, margin * height, (1 - margin) * width, (1 - margin) * height)


def _video_geometry(
    ranges: Augmentation, size: tuple[int, int], spec: ClipSpec, generator: np.random.Generator
) -> tuple[list[np.ndarray], Rectangle]:
    """Mirror and a random crop brought to size; for each frame an affine change.

    Returns:
        each frame's matrix, and the part of the frame that was cropped.
    """
    x, y, width, height = draw_crop(ranges, size, generator)
    mirroring = _draw_mirroring(size[1], generator)
    common = scaling(spec.crop / width, spec.crop / height) @ translation(-x, -y) @ mirroring
    matrices = [draw_affine(ranges, (spec.crop, spec.crop), generator) @ common for _ in range(spec.num_frames)]
    left, right = sorted((mirroring @ (side, 0, 1))[0] for side in (x, x + width))  # mirrored back
    return matrices, Rectangle(left, y, right, y + height)


def draw_crop(ranges: Augmentation, size: tuple[int, int], generator: np.random.Generator) -> tuple[int, int, int, int]:
    """Draw a crop ``(x, y, width, height)`` by area and aspect; take the largest central one after ten misses."""
    height, width = size
    low, high = np.log(ranges.crop_aspect)
    for _ in range(10):
        area = height * width * generator.uniform(*ranges.crop_area)
        aspect = math.exp(generator.uniform(low, high))
        crop_width, crop_height = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < crop_width <= width and 0 < crop_height <= height:
            x = generator.integers(0, width - crop_width + 1)
            y = generator.integers(0, height - crop_height + 1)
            return int(x), int(y), crop_width, crop_height
    aspect = min(max(width / height, ranges.crop_aspect[0]), ranges.crop_aspect[1])
    crop_width, crop_height = min(width, round(height * aspect)), min(height, round(width / aspect))
    return (width - crop_width) // 2, (height - crop_height) // 2, crop_width, crop_height


def draw_spline(ranges: Augmentation, size: int, generator: np.random.Generator) -> np.ndarray:
    """Draw a thin-plate spline: ``[size,size,2]`` float32, each pixel's origin (x, y), pixel centres at integers."""
    pixels = generator.choice(size * size, SPLINE_POINTS, replace=False)
    points = np.stack([pixels % size, pixels // size], 1) / (size - 1)
    return spline_map(points, points + generator.normal(0, ranges.spline_noise, points.shape), size)


def draw_colour(ranges: ColourRange, generator: np.random.Generator) -> Colour:
    """Draw factors around 1 and a shift of hue around 0."""
    brightness, contrast, saturation = (generator.uniform(1 - x, 1 + x) for x in ranges[:3])
    hue = generator.uniform(-ranges.hue, ranges.hue)
    return Colour(brightness, contrast, 0.0 if generator.random() < ranges.grey else saturation, hue)


def apply_colours(image: np.ndarray, colours: tuple[Colour, ...]) -> np.ndarray:
    """Change hue, then brightness, contrast and saturation of ``[H,W,3]`` uint8 RGB.

    The last three are linear in the pixel, and so are all of them together: one matrix.
    """
    hue = sum(colour.hue for colour in colours)
    if hue:
        image = _shift_hue(image, hue)
    matrix, offset = np.eye(3), np.zeros(3)
    mean = np.array(cv2.mean(image)[:3])
    for colour in colours:
        grey = GREY_WEIGHTS @ (matrix @ mean + offset) * colour.brightness  # mean grey level that contrast keeps
        mix = colour.saturation * np.eye(3) + (1 - colour.saturation) * GREY_WEIGHTS
        matrix = colour.brightness * colour.contrast * mix @ matrix
        offset = mix @ (colour.brightness * colour.contrast * offset + (1 - colour.contrast) * grey)
    return cv2.transform(image, np.column_stack([matrix, offset]))


def _shift_hue(image: np.ndarray, turns: float) -> np.ndarray:
    hue, saturation, value = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL))
    hue += np.uint8(round(turns * 256) % 256)  # wraps around
    return cv2.cvtColor(cv2.merge([hue, saturation, value]), cv2.COLOR_HSV2RGB_FULL)


def draw_affine(ranges: Augmentation, size: tuple[int, int], generator: np.random.Generator) -> np.ndarray:
    """Draw a shear along x, a scaling and a rotation about the centre, applied in this order."""
    angle = math.radians(generator.uniform(-ranges.frame_rotation, ranges.frame_rotation))
    shear = math.tan(math.radians(generator.uniform(-ranges.frame_shear, ranges.frame_shear)))
    scale = generator.uniform(*ranges.frame_scale)
    cos, sin = math.cos(angle), math.sin(angle)
    rotation = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    return _centred(rotation @ scaling(scale, scale) @ np.array([[1, shear, 0], [0, 1, 0], [0, 0, 1]]), size)


def _draw_mirroring(width: int, generator: np.random.Generator) -> np.ndarray:
    """The matrix that exchanges left and right, or with probability one half the identity."""
    return np.array([[-1.0, 0, width], [0, 1, 0], [0, 0, 1]]) if generator.random() < 0.5 else np.eye(3)


def _centred(matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Move a map's fixed point from the corner to the centre of an image of ``(height, width)``."""
    height, width = size
    return translation(width / 2, height / 2) @ matrix @ translation(-width / 2, -height / 2)


def translation(x: float, y: float) -> np.ndarray:
    """Return the matrix that moves by x and y."""
    return np.array([[1.0, 0, x], [0, 1, y], [0, 0, 1]])


def scaling(x: float, y: float) -> np.ndarray:
    """Return the matrix that magnifies by x and y."""
    return np.diag([x, y, 1.0])
