"""Decode an object only where it may be: in boxes around the cells for which the memory shows it.

What lies far from a box cannot change what the decoder computes inside it. Each box is decoded with a margin that is
just as wide as the decoder looks, and so to the same numbers as the whole frame.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from model.modules import Decoder, DecoderFramePart, ResBlockFramePart

PRESENT = 0.3  # an object may be where the memory shows more of it than this
GROWTH = 2  # cells by which a box is larger than what the memory shows
MARGIN_16, MARGIN_16_INNER, MARGIN_8 = 5, 3, 3  # positions of strides 16 and 8 that the next layers see around a box
WORK = 0.19, 0.31, 0.5  # shares of the decoder's work at strides 16, 8 and 4
BUCKET = 8  # cells by which the sizes of boxes differ on a GPU, which wants few sizes and many boxes at once
ABSENT = -30.0  # logit outside the boxes


class Box(NamedTuple):
    """A rectangle of positions on a grid, the ends excluded."""

    top: int
    left: int
    bottom: int
    right: int

    def grown(self, margin: int, size: tuple[int, int]) -> "Box":
        """Widen it on each side, within a grid of ``size``, height and width."""
        top, left = max(0, self.top - margin), max(0, self.left - margin)
        return Box(top, left, min(size[0], self.bottom + margin), min(size[1], self.right + margin))

    def scaled(self, factor: int) -> "Box":
        """Give the same rectangle on a finer grid."""
        return Box(*(factor * side for side in self))

    def bucketed(self, size: tuple[int, int]) -> "Box":
        """Widen it to a height and a width of whole buckets, or of the whole grid of ``size``, within the grid."""
        rows, columns = (
            min(side, -(-length // BUCKET) * BUCKET)
            for side, length in zip(size, (self.bottom - self.top, self.right - self.left))
        )
        top, left = min(self.top, size[0] - rows), min(self.left, size[1] - columns)
        return Box(top, left, top + rows, left + columns)

    def joined(self, other: "Box") -> "Box":
        """Give the smallest rectangle around both."""
        return Box(*map(min, self[:2], other[:2]), *map(max, self[2:], other[2:]))

    def cut(self, x: Tensor, origin: tuple[int, int] = (0, 0)) -> Tensor:
        """Cut it out of ``[..., H, W]``, whose first position lies at ``origin`` on the grid."""
        top, left = origin
        return x[..., self.top - top : self.bottom - top, self.left - left : self.right - left]

    @property
    def area(self) -> int:
        """Number of its positions."""
        return (self.bottom - self.top) * (self.right - self.left)


def segment_boxes(decoder: Decoder, memory_readout: Tensor, presence: Tensor, frame_part: DecoderFramePart) -> Tensor:
    """Decode the objects of one frame where they may be.

    Args:
        memory_readout: ``[K,CV,h,w]``.
        presence: ``[K,h,w]``, how much the memory shows of each object, in [0, 1].
        frame_part: of the same frame.

    Returns:
        logits ``[K,16*h,16*w]``, float32.
    """
    num_objects, height, width = presence.shape
    logits = torch.full((num_objects, 16 * height, 16 * width), ABSENT, device=presence.device)
    for index, is_present in enumerate((presence > PRESENT).cpu().numpy()):
        for box in find_boxes(is_present):
            box.scaled(16).cut(logits[index]).copy_(decode_box(decoder, memory_readout[index, None], frame_part, box))
    return logits


def segment_buckets(
    decoder: Decoder, memory_readout: Tensor, presence: Tensor, frame_part: DecoderFramePart, *, pixels_at_once: int
) -> Tensor:
    """Decode the objects of one frame where they may be, as ``segment_boxes`` does, in boxes of few sizes.

    All boxes of a size are decoded together, each with the same margin at all strides. The host waits for the presence.

    Args:
        memory_readout, presence, frame_part: as for ``segment_boxes``.
        pixels_at_once: bound on what is decoded together.

    Returns:
        logits ``[K,16*h,16*w]``, float32.
    """
    num_objects, *size = presence.shape
    logits = torch.full((num_objects, 16 * size[0], 16 * size[1]), ABSENT, device=presence.device)
    by_shape: dict[tuple[int, int], list[tuple[int, Box, Box]]] = defaultdict(list)
    for index, is_present in enumerate((presence > PRESENT).cpu().numpy()):
        for box in find_boxes(is_present):
            outer = box.grown(MARGIN_16, size).bucketed(size)
            by_shape[outer.bottom - outer.top, outer.right - outer.left].append((index, box, outer))
    for items in by_shape.values():
        at_once = max(1, pixels_at_once // (256 * items[0][2].area))
        for first in range(0, len(items), at_once):
            _decode_together(decoder, memory_readout, frame_part, items[first : first + at_once], logits)
    return logits


def _decode_together(
    decoder: Decoder,
    memory_readout: Tensor,
    frame_part: DecoderFramePart,
    items: Sequence[tuple[int, Box, Box]],
    logits: Tensor,
) -> None:
    """Write the logits of boxes whose outer boxes have one size: number of the object, box, outer box."""
    outers = [outer for _, _, outer in items]
    readouts = torch.stack([outer.cut(memory_readout[index]) for index, _, outer in items])
    part = DecoderFramePart(
        ResBlockFramePart(*(torch.cat([outer.cut(x) for outer in outers]) for x in frame_part.at_16)),
        *(
            torch.cat([outer.scaled(scale).cut(x) for outer in outers])
            for scale, x in ((2, frame_part.at_8), (4, frame_part.at_4))
        ),
    )
    for (index, box, outer), found in zip(items, decoder(readouts, part)[:, 0]):
        inside = box.scaled(16)
        inside.cut(logits[index]).copy_(inside.cut(found, outer.scaled(16)[:2]))


def find_boxes(is_present: np.ndarray) -> list[Box]:
    """Find boxes around the cells ``[h,w]`` where an object may be; a box is cut in two wherever that spares work."""
    whole = _box_around(is_present)
    if whole is None:
        return []
    least, parts = work_of(whole, is_present.shape), None
    for axis, (start, stop) in enumerate((whole[::2], whole[1::2])):
        for cut in range(start + 1, stop):
            first, second = is_present.copy(), is_present.copy()
            first.swapaxes(0, axis)[cut:] = second.swapaxes(0, axis)[:cut] = False
            boxes = _box_around(first), _box_around(second)
            if None in boxes:  # the cut goes through the rim
                continue
            work = sum(work_of(box, is_present.shape) for box in boxes)
            if work < least:
                least, parts = work, (first, second)
    return [whole] if parts is None else [box for part in parts for box in find_boxes(part)]


def _box_around(is_present: np.ndarray) -> Box | None:
    """Find the smallest box around cells, and widen it; None: there are none."""
    rows, columns = is_present.any(1).nonzero()[0], is_present.any(0).nonzero()[0]
    if not len(rows):
        return None
    tight = Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
    return tight.grown(GROWTH, is_present.shape)


def work_of(box: Box, size: tuple[int, int]) -> float:
    """Tell the work of decoding a box, in cells of a frame of ``size``."""
    at_16, at_8, at_4 = (box.grown(margin, size).area for margin in (MARGIN_16, MARGIN_16_INNER, 1))
    return WORK[0] * at_16 + WORK[1] * at_8 + WORK[2] * at_4


def decode_box(decoder: Decoder, memory_readout: Tensor, frame_part: DecoderFramePart, box: Box) -> Tensor:
    """Decode one object in one box, layer by layer with the margin that the following layers see.

    Args:
        memory_readout: ``[1,CV,h,w]``.
        frame_part: of the same frame.
        box: in cells.

    Returns:
        logits ``[16*rows,16*columns]`` of the box, float32.
    """
    height, width = memory_readout.shape[-2:]
    at_16, inner = box.grown(MARGIN_16, (height, width)), box.grown(MARGIN_16_INNER, (height, width))
    x = decoder.compress(at_16.cut(memory_readout), ResBlockFramePart(*map(at_16.cut, frame_part.at_16)))
    at_8, inner_8 = inner.scaled(2), box.scaled(2).grown(MARGIN_8, (2 * height, 2 * width))
    x = decoder.up_16_8(inner.cut(x, at_16[:2]), at_8.cut(frame_part.at_8))
    at_4 = inner_8.scaled(2)
    x = decoder.up_8_4(inner_8.cut(x, at_8[:2]), at_4.cut(frame_part.at_4))
    x = decoder.pred(F.relu(x, inplace=True)).float()
    x = F.interpolate(x, scale_factor=4, mode="bilinear", align_corners=False)[0, 0]
    return box.scaled(16).cut(x, at_4.scaled(4)[:2])
