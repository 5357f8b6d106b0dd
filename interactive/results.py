"""The current result of every frame: probabilities in half precision, packed, and ids."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from util.packing import LEVELS, PackedArray
from util.tensor_util import Padding

EMPTY_BACKGROUND = 1e-7  # probability of the background where there is no result yet; objects have 0


class FrameProbabilities(NamedTuple):
    """The stored probabilities of one frame."""

    objects: tuple[int, ...]  # the objects of the rows after the background's
    values: PackedArray | None  # [1+K,H+..,W+..] float16 or float32, on the padded frame; None: the rows are certain
    rows: PackedArray  # [H,W] uint8 or int32, the most likely row of each pixel
    present: frozenset[int]  # the objects of which there is a pixel

    def ids(self, labels: Mapping[int, int]) -> np.ndarray:
        """Read the most likely ids: ``[H,W]`` int32, 0 for background.

        Args:
            labels: ids by object; others count as background.
        """
        table = np.array([0, *(labels.get(name, 0) for name in self.objects)], np.int32)
        return table[self.rows.unpack()]

    def probabilities(self, objects: Sequence[int], padding: Padding) -> Tensor:
        """Read the probabilities of some objects, as ``Results.probabilities`` does."""
        if self.values is None:
            values = padding.add(spread(self.rows.unpack(), len(self.objects)))
        else:
            values = torch.from_numpy(self.values.unpack()).float()
        wanted = values.new_zeros(1 + len(objects), *values.shape[1:])
        for row, value in zip((0, *_rows_of(self.objects, objects)), values):
            wanted[row] += value
        return wanted


class Results:
    """Probabilities of the frames of a video, on the host.

    Objects are named by numbers that are never used again, so that a snapshot from before an object's removal can be
    read afterwards.

    Args:
        size: ``(height, width)`` of the frames.
        padding: around them, of the probabilities.
        is_exact: whether to keep float32, rather than float16 in steps of 1 / 2048.
    """

    def __init__(self, size: tuple[int, int], padding: Padding, *, is_exact: bool = False) -> None:
        self._size, self._padding, self._is_exact = size, padding, is_exact
        self._frames: dict[int, FrameProbabilities] = {}

    def __contains__(self, frame: int) -> bool:
        return frame in self._frames

    def set(self, frame: int, objects: Sequence[int], probabilities: Tensor) -> None:
        """Store probabilities ``[1+K,H,W]`` of a padded frame, background first, then those of ``objects``."""
        values = probabilities.float()
        rows = self._padding.remove(values.argmax(0)).to(torch.uint8 if len(values) <= 256 else torch.int32)
        if not self._is_exact:
            values = ((values * LEVELS).round() / LEVELS).half()
        packed = PackedArray.pack(values.cpu().numpy())
        self._frames[frame] = FrameProbabilities(tuple(objects), packed, *_pack_rows(rows.cpu().numpy(), objects))

    def set_rows(self, frame: int, objects: Sequence[int], rows: np.ndarray) -> None:
        """Store a mask ``[H,W]`` of rows as certain: 0 for background, else 1 + the position in ``objects``."""
        rows = rows.astype(np.uint8 if len(objects) < 256 else np.int32)
        self._frames[frame] = FrameProbabilities(tuple(objects), None, *_pack_rows(rows, objects))

    def probabilities(self, frame: int, objects: Sequence[int]) -> Tensor:
        """Read the probabilities of some objects on a padded frame: ``[1+K,H,W]`` float32, background first.

        Objects that came later have 0; those that are left out count as background.
        """
        if frame in self._frames:
            return self._frames[frame].probabilities(objects, self._padding)
        empty = self._padding.add(torch.zeros(1 + len(objects), *self._size))
        empty[0] = EMPTY_BACKGROUND
        return empty

    def ids(self, frame: int, labels: Mapping[int, int]) -> np.ndarray:
        """Read the most likely ids: ``[H,W]`` int32, all 0 without a result; ``labels`` as for one frame."""
        return self._frames[frame].ids(labels) if frame in self._frames else np.zeros(self._size, np.int32)

    def snapshot(self) -> dict[int, FrameProbabilities]:
        """Give all results, to ``restore`` them later; this copies no pixel."""
        return dict(self._frames)

    def restore(self, snapshot: dict[int, FrameProbabilities]) -> None:
        """Go back to a snapshot."""
        self._frames = dict(snapshot)


def spread(rows: np.ndarray, num_objects: int) -> Tensor:
    """Make probabilities ``[1+K,H,W]`` float32 of rows ``[H,W]``: 0 or 1."""
    rows = torch.from_numpy(rows.astype(np.int32))
    return torch.stack([rows == row for row in range(1 + num_objects)]).float()


def _pack_rows(rows: np.ndarray, objects: Sequence[int]) -> tuple[PackedArray, frozenset[int]]:
    """Pack rows ``[H,W]``, and find the objects that have a pixel in them."""
    counts = np.bincount(rows.ravel(), minlength=1 + len(objects))[1:]
    return PackedArray.pack(rows), frozenset(name for name, count in zip(objects, counts) if count)


def _rows_of(stored: Sequence[int], wanted: Sequence[int]) -> list[int]:
    """Find the row of each stored object among the wanted ones; the background's row stands for those left out."""
    place = {name: row for row, name in enumerate(wanted, 1)}
    return [place.get(name, 0) for name in stored]
