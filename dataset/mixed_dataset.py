"""Training clips of several data sets, mixed by fixed shares."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch.utils.data import Dataset

from dataset.training_clip import Clip, ClipKey


class Source(NamedTuple):
    """A data set of a mixture."""

    data: Dataset  # maps a ``ClipKey`` to a ``Clip``
    share: float  # part of the clips, relative to the other sources


class MixedDataset(Dataset):
    """Clips of several sources, each with its own augmentation. Items are indexed by ``ClipKey``.

    An epoch is as long as the source that lasts longest takes to show each of its items once. The others repeat their
    items within it, drawn anew each time.

    Args:
        sources: data sets that are not empty, with positive shares.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = [source.data for source in sources]
        shares = np.array([source.share for source in sources]) / sum(source.share for source in sources)
        longest = max(len(source.data) / share for source, share in zip(sources, shares))
        self._ends = np.maximum(1, (longest * shares).round()).astype(int).cumsum()

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, key: ClipKey) -> Clip:
        number = int(np.searchsorted(self._ends, key.index, side="right"))
        first = int(self._ends[number - 1]) if number else 0
        data, size = self._sources[number], int(self._ends[number]) - first
        position = key.epoch * size + key.index - first  # among all the clips of the source
        epoch, index = divmod(position, len(data))
        return data[ClipKey(epoch, index, key.max_jump)]
