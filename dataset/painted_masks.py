"""Masks painted by hand: find the few colours that were meant, where soft edges and lossy formats left thousands.

A painted mask consists of flat regions. Near their borders each pixel mixes the colours of the regions around it, and
it belongs to the region that prevails. JPEG and WebP store brightness sharply and hue coarsely, so the two mix
separately.
"""

from typing import NamedTuple

import cv2
import numpy as np
from scipy.optimize import nnls

# Which masks are smoothed
MAX_ID_LEVEL = 32  # levels below this are ids: nobody would see them when painting
MIN_STEP = 2  # a pixel lies between its neighbours if it is this many levels from the lowest and the highest
SOFT_SHARE = 0.05  # a mask is smoothed if more than this share of its edges' pixels lie between their neighbours

# Which colours were painted
COLOUR_REACH = 32  # two colours that differ by no more levels in any channel are one
FLAT_SIDE, FLAT_RANGE = 7, 16  # a square of this side in pixels is flat if its levels spread no further
MIN_FLAT_SHARE = 0.8  # a picture with a smaller share of flat pixels is a photograph
MIN_GROUP_SHARE = 1e-4  # a colour with a smaller share of flat pixels is noise
MAX_COLOURS = 255

# To which region an edge's pixel belongs
PLACE_REACH = 48  # it mixes regions that are no further away, in pixels
LEVELS_PER_PIXEL = 0.5  # a region that is a pixel further away must fit better by this many levels
MAX_RESIDUAL = 40  # a pixel that every mixture misses by more levels belongs to a colour that is not yet known
MIN_PIXELS = 16  # a colour without a flat square has at least so many pixels


class Painting(NamedTuple):
    """A mask as it was meant."""

    indices: np.ndarray  # [H,W] int16 into colours
    colours: np.ndarray  # [K,C] uint8


def is_smoothed(image: np.ndarray, *, is_lossy: bool = False) -> bool:
    """Tell soft edges and the noise of lossy formats from hard edges.

    At a hard edge every pixel has the colour of one side; at a soft one many lie strictly between their neighbours.

    Args:
        image: ``[H,W]`` or ``[H,W,3]`` uint8.
        is_lossy: whether its format is known to add noise.
    """
    if image.max() < MAX_ID_LEVEL:
        return False
    if is_lossy:
        return True
    lowest, highest = _extremes(image, 3)
    is_between = _over_channels(cv2.min(cv2.subtract(image, lowest), cv2.subtract(highest, image))) >= MIN_STEP
    is_edge = _over_channels(cv2.subtract(highest, lowest)) >= 2 * MIN_STEP
    if np.count_nonzero(is_between) <= SOFT_SHARE * np.count_nonzero(is_edge):
        return False
    return len(np.unique(pack(image)[is_between])) > 2  # a thin hard line between two regions has a single colour


def recognise(image: np.ndarray) -> Painting | None:
    """Find the colours that a smoothed mask was painted with, and the region that each pixel belongs to.

    Args:
        image: ``[H,W]`` or ``[H,W,3]`` uint8.

    Returns:
        The painting, or None if the image has too few flat regions or too many colours to be one.
    """
    lowest, highest = _extremes(image, FLAT_SIDE)
    is_flat = _over_channels(cv2.subtract(highest, lowest)) <= FLAT_RANGE
    if np.count_nonzero(is_flat) < MIN_FLAT_SHARE * is_flat.size:
        return None
    colours, indices = _cluster(image, is_flat)
    if len(colours) > MAX_COLOURS:
        return None
    edges = _Edges(image, indices < 0)
    for index, colour in enumerate(colours):
        edges.add(colour, indices == index)
    edges.find_missing_colours()
    indices[indices < 0] = edges.nearest
    return Painting(indices, np.array(edges.colours, np.uint8).reshape(len(edges.colours), -1))


def pack(colours: np.ndarray) -> np.ndarray:
    """Write each colour as one number, the same for the same colour; grey levels ``[..]`` stay as they are.

    Args:
        colours: ``[H,W,3]`` uint8 or, of grey levels, ``[H,W]``.

    Returns:
        ``[H,W]`` uint32, or uint8.
    """
    return colours if colours.ndim == 2 else cv2.cvtColor(colours, cv2.COLOR_RGB2RGBA).view(np.uint32)[..., 0]


def unpack(values: np.ndarray) -> np.ndarray:
    """Read ``[N]`` numbers that ``pack`` made as colours ``[N,3]`` uint8, or as grey levels ``[N,1]``."""
    return values[:, None] if values.dtype == np.uint8 else values.view(np.uint8).reshape(-1, 4)[:, :3]


def find_runs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the distinct values of ``[N]``, where neighbours are mostly equal.

    Returns:
        ``[U]`` the values, sorted; ``[R]`` the index of each run's value; ``[R]`` the run's length.
    """
    is_head = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=is_head[1:])
    heads = np.flatnonzero(is_head)
    unique, indices = np.unique(values[heads], return_inverse=True)
    return unique, indices, np.diff(heads, append=len(values))


def _extremes(image: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the lowest and the highest level in the square around each pixel, channel by channel."""
    square = np.ones((side, side), np.uint8)
    return cv2.erode(image, square), cv2.dilate(image, square)


def _over_channels(levels: np.ndarray) -> np.ndarray:
    """Take the largest of the channels: ``[H,W]``."""
    if levels.ndim == 2:
        return levels
    red, green, blue = cv2.split(levels)
    return cv2.max(cv2.max(red, green), blue)


def _cluster(image: np.ndarray, is_flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Group the colours of the flat pixels.

    Returns:
        ``[K,C]`` the most frequent colour of each group; ``[H,W]`` int16 its index, -1 elsewhere and for specks.
    """
    unique, run_values, run_lengths = find_runs(pack(image)[is_flat])
    counts = np.bincount(run_values, run_lengths)
    candidates = unpack(unique).astype(np.int16)
    group = np.full(len(unique), -1, np.int16)
    colours, left = [], counts.copy()
    while left.any() and len(colours) <= MAX_COLOURS:
        distance = np.abs(candidates - candidates[left.argmax()]).max(1)
        members = (distance <= COLOUR_REACH) & (left > 0)
        if counts[members].sum() >= MIN_GROUP_SHARE * is_flat.size:
            group[members] = len(colours)
            colours.append(candidates[left.argmax()])
        left[members] = 0
    indices = np.full(is_flat.shape, -1, np.int16)
    indices[is_flat] = np.repeat(group[run_values], run_lengths)
    return np.array(colours), indices


class _Edges:
    """The N pixels outside the flat regions, and the best explanation of each as a mixture of colours around it."""

    def __init__(self, image: np.ndarray, is_edge: np.ndarray) -> None:
        self._is_edge = is_edge
        self._pixels = image[self._is_edge].reshape(np.count_nonzero(self._is_edge), -1)  # [N,C]
        self._shades = _to_shades(self._pixels)
        self._cost = np.full(len(self._pixels), np.inf, np.float32)  # misfit in colour and place
        self._residual = self._cost.copy()  # misfit in colour alone
        self._distances: list[np.ndarray] = []  # [N] pixels to the region of each colour
        self.colours: list[np.ndarray] = []
        self.nearest = np.zeros(len(self._pixels), np.uint8)  # index of the colour that prevails

    def add(self, colour: np.ndarray, region: np.ndarray) -> None:
        """Explain pixels by a colour, or by another ``[H,W]`` bool region of a colour that is known."""
        outside = np.where(region, np.uint8(0), np.uint8(1))
        distance = cv2.distanceTransform(outside, cv2.DIST_L2, 3)[self._is_edge]
        index = self._index_of(colour)
        if index == len(self.colours):
            self.colours.append(colour)
            self._distances.append(distance)
        self._distances[index] = distance = np.minimum(distance, self._distances[index])
        near = np.flatnonzero(distance <= PLACE_REACH)
        for other in range(len(self.colours)):
            self._mix(index, other, near[self._distances[other][near] <= PLACE_REACH])

    def find_missing_colours(self) -> None:
        """Add the colours of thin and small objects, which have no flat region."""
        unexplained = np.flatnonzero(self._residual > MAX_RESIDUAL)
        while len(unexplained) >= MIN_PIXELS and len(self.colours) < MAX_COLOURS:
            colour, members = self._most_missed(unexplained)
            region = self._connect(members)
            if np.count_nonzero(region) >= MIN_PIXELS and not self._is_mixture(colour, members):
                self.add(colour, region)
            self._residual[members] = 0
            unexplained = unexplained[self._residual[unexplained] > MAX_RESIDUAL]

    def _connect(self, members: np.ndarray) -> np.ndarray:
        """Map, ``[H,W]`` bool, the members beside at least two others, as in a line; noise lies scattered."""
        region = np.zeros(self._is_edge.shape, np.uint8)
        region.flat[np.flatnonzero(self._is_edge)[members]] = 1
        return (region > 0) & (cv2.boxFilter(region, -1, (3, 3), normalize=False) >= 3)

    def _index_of(self, colour: np.ndarray) -> int:
        """Find the index of a known colour, or the next free one."""
        for index, known in enumerate(self.colours):
            if np.abs(known - colour).max() <= COLOUR_REACH:
                return index
        return len(self.colours)

    def _mix(self, first: int, second: int, where: np.ndarray) -> None:
        """Try two colours, mixed in any proportion, on the pixels ``where``; or a single one, twice."""
        start, end = _to_shades(np.stack([self.colours[first], self.colours[second]]))
        span, offset = end - start, self._shades[where] - start
        brightness = _project(offset[:, :1], span[:1])
        hue = _project(offset[:, 1:], span[1:])
        mixed = np.concatenate([brightness * span[:1], hue * span[1:]], 1)
        residual = np.linalg.norm(offset - mixed, axis=1)
        prevails = np.array([2, 1, 1]) * span  # brightness tells more: lossy formats store it sharply
        is_second = mixed @ prevails > 0.5 * (span @ prevails)
        cost = residual + LEVELS_PER_PIXEL * (self._distances[first][where] + self._distances[second][where])
        is_better = cost < self._cost[where]
        where = where[is_better]
        self._cost[where], self._residual[where] = cost[is_better], residual[is_better]
        self.nearest[where] = np.where(is_second[is_better], second, first)

    def _most_missed(self, unexplained: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find the colour that the mixtures miss most, and the unexplained pixels of about this colour."""
        pixels = self._pixels[unexplained]
        bins, inverse = np.unique(pixels >> 4, axis=0, return_inverse=True)
        missed = np.bincount(inverse, np.minimum(self._residual[unexplained], 255), len(bins)).argmax()
        colour = np.median(pixels[inverse == missed], 0).astype(np.int32)
        return colour, unexplained[np.abs(pixels - colour).max(1) <= COLOUR_REACH]

    def _is_mixture(self, colour: np.ndarray, members: np.ndarray) -> bool:
        """Tell whether three or more colours that lie near nearly all members mix to this one."""
        near = [index for index, far in enumerate(self._distances) if np.mean(far[members] <= PLACE_REACH) > 0.9]
        if len(near) < 3:
            return False
        shades, shade = _to_shades(np.stack([self.colours[index] for index in near])), _to_shades(colour[None])[0]
        _, misfit = nnls(np.vstack([shades[:, 1:].T, np.full(len(near), 255)]), np.append(shade[1:], 255))
        below, above = shades[:, 0].min() - shade[0], shade[0] - shades[:, 0].max()
        return max(misfit, below, above) <= MAX_RESIDUAL / 2


def _to_shades(colours: np.ndarray) -> np.ndarray:
    """Split colours ``[N,1]`` or ``[N,3]`` into brightness and two coordinates of hue: ``[N,3]`` float32, in levels."""
    colours = colours.astype(np.float32)
    if colours.shape[1] == 1:
        return np.pad(colours, ((0, 0), (0, 2)))
    brightness = colours @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.stack([brightness, 0.564 * (colours[:, 2] - brightness), 0.713 * (colours[:, 0] - brightness)], 1)


def _project(offsets: np.ndarray, span: np.ndarray) -> np.ndarray:
    """Find the position ``[N,1]`` of each offset along a span, 0 to 1."""
    return np.clip(offsets @ span[:, None] / max(span @ span, 1e-3), 0, 1)
