"""From strokes to a mask: one interface, three makers behind it.

A maker takes an image, the frame's previous mask and the strokes on it, and gives the probabilities of the background
and of K objects. Masks and strokes hold rows: 0 for background, 1 to K for objects.
"""

import logging
from pathlib import Path
from typing import NamedTuple, Protocol

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dataset.transforms import input_size
from interactive.strokes import NO_STROKE, draw_stroke, split_strokes
from model.aggregate import aggregate
from model.network import STRIDE
from model.s2m import S2M, load_s2m
from model.weights import S2M_WEIGHTS, SMALL_S2M_WEIGHTS
from util.errors import InputError
from util.tensor_util import Padding, normalise, to_device

log = logging.getLogger(__name__)

HARDNESS = 1000  # factor of the logits of the objects' probabilities: the mask becomes nearly certain everywhere
FIRST_SIDE = 320  # the small network saw photographs of this size: it finds whole objects better, edges worse
GRABCUT_SIDE = 240  # pixels of the short side at which GrabCut works
GRABCUT_ITERATIONS = 5
REGION_EDGE = 3  # pixels at the sides of a region that stay as they were


class Maker(Protocol):
    """Something that makes masks of strokes."""

    name: str  # for people
    needs_all_strokes: bool  # whether strokes that a former mask was made of must be given again

    def __call__(self, image: np.ndarray, previous: np.ndarray, strokes: np.ndarray, num_objects: int) -> Tensor:
        """Make a mask.

        Args:
            image: ``[H,W,3]`` uint8 RGB.
            previous: ``[H,W]`` rows.
            strokes: ``[H,W]`` rows, ``NO_STROKE`` elsewhere.
            num_objects: K.

        Returns:
            ``[1+K,H,W]`` float32 on the CPU, background first, sum 1.
        """


class S2MMaker:
    """Scribble to mask, all objects together: a stroke for one of them pushes the others back.

    Args:
        network: on the device to compute on.
        is_dilated: whether strokes are thickened by a pixel, as for the lines of the DAVIS interactive protocol.
        first_side: short side in pixels at which a frame without a mask is looked at; None: its own size.
    """

    needs_all_strokes = False

    def __init__(
        self, network: S2M, name: str = "S2M", *, is_dilated: bool = False, first_side: int | None = None
    ) -> None:
        self.name = name
        self._network, self._is_dilated, self._first_side = network, is_dilated, first_side

    @torch.inference_mode()
    def object_probabilities(
        self, image: np.ndarray, previous: np.ndarray, strokes: np.ndarray, num_objects: int
    ) -> Tensor:
        """Compute the independent probabilities of the objects: ``[K,H,W]`` float32; arguments as for calls."""
        parameter, size = next(self._network.parameters()), previous.shape
        rows = range(1, num_objects + 1)
        planes = [(previous == row, *split_strokes(strokes, row, is_dilated=self._is_dilated)) for row in rows]
        given = torch.from_numpy(np.stack([np.stack(plane) for plane in planes]).astype(np.float32))
        frame = normalise(to_device(image, parameter.device).permute(2, 0, 1))[None]
        if self._first_side is not None and self._first_side < min(size) and not previous.any():
            small = input_size(*size, self._first_side)
            frame = F.interpolate(frame, small, mode="bilinear", antialias=True)
            given = F.adaptive_max_pool2d(given, small)  # thin strokes stay
        padding = Padding.to_multiple(*frame.shape[2:], STRIDE)
        x = torch.cat([frame.expand(num_objects, -1, -1, -1), given.to(parameter.device)], dim=1)
        logits = torch.cat([self._network(row[None]) for row in padding.add(x).to(parameter.dtype)])
        found = padding.remove(torch.sigmoid(logits.float()))
        return F.interpolate(found, size, mode="bilinear", align_corners=False)[:, 0].cpu()

    def __call__(self, image: np.ndarray, previous: np.ndarray, strokes: np.ndarray, num_objects: int) -> Tensor:
        """Make a mask, as in ``Maker``."""
        found = self.object_probabilities(image, previous, strokes, num_objects)
        return (HARDNESS * aggregate(found)).softmax(0)


class GrabCutMaker:
    """OpenCV's GrabCut (Rother et al., SIGGRAPH 2004), which needs no weights: one cut for each object."""

    name = "GrabCut"
    needs_all_strokes = True

    def __call__(self, image: np.ndarray, previous: np.ndarray, strokes: np.ndarray, num_objects: int) -> Tensor:
        """Make a mask, as in ``Maker``."""
        height, width = previous.shape
        scale = min(1.0, GRABCUT_SIDE / min(height, width))
        size = round(width * scale), round(height * scale)
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        found = []
        for row in range(1, num_objects + 1):
            positive, negative = (_shrink(mask, size) for mask in split_strokes(strokes, row))
            cut = _cut(small, _shrink((previous == row).view(np.uint8), size), positive, negative)
            found.append(cv2.resize(cut, (width, height), interpolation=cv2.INTER_LINEAR))
        return aggregate(torch.from_numpy(np.stack(found))).softmax(0)


class DrawingMaker:
    """Drawing by hand: what a stroke covers belongs to its object, or to the background."""

    name = "drawing"
    needs_all_strokes = False

    def __call__(self, image: np.ndarray, previous: np.ndarray, strokes: np.ndarray, num_objects: int) -> Tensor:
        """Make a mask, as in ``Maker``."""
        rows = torch.from_numpy(np.where(strokes == NO_STROKE, previous, strokes).astype(np.int64))
        return F.one_hot(rows, 1 + num_objects).permute(2, 0, 1).float()


def default_s2m() -> Path | None:
    """Return S2M's released weights if they are there, else the small network's, if they are."""
    return next((path for path in (S2M_WEIGHTS, SMALL_S2M_WEIGHTS) if path.exists()), None)


def load_maker(weights: Path | None = None, device: torch.device | str = "cpu", *, is_dilated: bool = False) -> Maker:
    """Choose what makes masks of strokes: S2M where there are weights, else GrabCut. A note tells which.

    Args:
        weights: a file of S2M's weights; None: the released ones if they are in place, else the small network's.
        is_dilated: as for ``S2MMaker``.

    Raises:
        InputError: weights that cannot be used.
    """
    weights = weights or default_s2m()
    if weights is None:
        log.info("strokes become masks by GrabCut; `python download_model.py` fetches s2m, which is better")
        return GrabCutMaker()
    log.info("strokes become masks by %s", weights)
    network = load_s2m(weights, device)
    first_side = FIRST_SIDE if network.is_small else None
    return S2MMaker(network, f"S2M ({weights.name})", is_dilated=is_dilated, first_side=first_side)


class Region(NamedTuple):
    """A part of a frame, in pixels; the last row and the last column belong to it."""

    left: int
    top: int
    right: int
    bottom: int

    def scaled(self, scale: float, size: tuple[int, int]) -> "Region":
        """Give it for frames that are scaled to ``size``, cut to them.

        Raises:
            InputError: it is empty, or lies outside.
        """
        height, width = size
        left, right = (min(max(round(x * scale), 0), width - 1) for x in (self.left, self.right))
        top, bottom = (min(max(round(y * scale), 0), height - 1) for y in (self.top, self.bottom))
        if right - left < 1 or bottom - top < 1:
            raise InputError(f"region {tuple(self)}: too small, or outside the frame; draw a larger one")
        return Region(left, top, right, bottom)

    def crop(self, array: np.ndarray) -> np.ndarray:
        """Cut it out of ``[H,W]`` or ``[H,W,3]``, as a view."""
        return array[self.top : self.bottom + 1, self.left : self.right + 1]

    def paste(self, part: Tensor, whole: Tensor) -> Tensor:
        """Put probabilities that were made in this part into a frame's; a large part's edges stay as they were.

        Args:
            part: ``[1+K,h,w]``, of this region.
            whole: ``[1+K,H,W]``, of the frame.

        Returns:
            ``[1+K,H,W]``, aggregated anew.
        """
        edge = REGION_EDGE if min(part.shape[1:]) > 2 * REGION_EDGE else 0
        inner = np.s_[:, edge : part.shape[1] - edge, edge : part.shape[2] - edge]
        pasted = whole[1:].clone()
        pasted[:, self.top : self.bottom + 1, self.left : self.right + 1][inner] = part[1:][inner]
        return aggregate(pasted, background=0.5).softmax(0)


def draw_box(strokes: np.ndarray, box: Region, row: int) -> None:
    """Mark an object by the box around it, in place: the outline is background, a cross in the middle the object."""
    x, y = (box.left + box.right) // 2, (box.top + box.bottom) // 2
    across, down = (box.right - box.left) // 8, (box.bottom - box.top) // 8
    corners = [(box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom)]
    draw_stroke(strokes, [*corners, corners[0]], 0)
    draw_stroke(strokes, [(x - across, y), (x + across, y)], row)
    draw_stroke(strokes, [(x, y - down), (x, y + down)], row)


def _shrink(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a mask uint8 so that thin lines stay."""
    return (cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.1).view(np.uint8)


def _cut(image: np.ndarray, previous: np.ndarray, positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Cut one object out: ``[h,w]`` float32, 0 or 1. Strokes are certain, the rest is likely what it was."""
    likely = previous
    if not previous.any() and positive.any():
        distances = [cv2.distanceTransform(1 - mask, cv2.DIST_L2, 3) for mask in (positive, negative)]
        likely = (distances[0] < distances[1]).view(np.uint8)
    labels = np.where(likely, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[negative > 0] = cv2.GC_BGD
    labels[positive > 0] = cv2.GC_FGD
    is_object = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if is_object.any() and not is_object.all():
        cv2.grabCut(image, labels, None, None, None, GRABCUT_ITERATIONS, cv2.GC_INIT_WITH_MASK)
    return np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
