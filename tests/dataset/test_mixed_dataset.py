"""Training clips of several sources: shares, repetition, pasted objects."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from dataset.mixed_dataset import MixedDataset, Source
from dataset.pasted_dataset import Cutout, PastedDataset, paste
from dataset.training_clip import Clip, ClipKey, ClipSpec
from dataset.vos_dataset import VOSDataset, find_videos
from tests.dataset.clips import write_video


class Recorder(torch.utils.data.Dataset):
    """A source whose clips are their own keys."""

    def __init__(self, name: str, size: int) -> None:
        self._name, self._size = name, size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, key: ClipKey) -> tuple[str, ClipKey]:
        assert 0 <= key.index < self._size
        return self._name, key


@pytest.mark.parametrize(
    ("sizes", "shares", "counts"),
    [((30, 10), (1, 1), (30, 30)), ((30, 10), (3, 1), (30, 10)), ((4, 100, 1), (1, 2, 1), (50, 100, 50))],
)
def test_sources_are_mixed_by_their_shares(sizes: tuple, shares: tuple, counts: tuple) -> None:
    """The source that lasts longest shows each item once an epoch; the others repeat theirs, never with one key."""
    data = MixedDataset([Source(Recorder(str(size), size), share) for size, share in zip(sizes, shares)])
    assert len(data) == sum(counts)
    drawn = [data[ClipKey(epoch, index, 5)] for epoch in range(3) for index in range(len(data))]
    assert Counter(name for name, _ in drawn) == {str(size): 3 * count for size, count in zip(sizes, counts)}
    assert len(set(drawn)) == len(drawn)
    for size, count in zip(sizes, counts):
        times = Counter(key.index for name, key in drawn if name == str(size))
        assert set(times.values()) <= {3 * count // size, 3 * count // size + 1}


@pytest.fixture
def pasted(tmp_path: Path) -> tuple[VOSDataset, PastedDataset]:
    for name in "ab":
        write_video(tmp_path, name, 6, objects=1)
    spec = ClipSpec(crop=64, num_objects=2, seed=3)
    data = VOSDataset(find_videos(tmp_path / "JPEGImages", tmp_path / "Annotations"), spec)
    return data, PastedDataset(data, spec)


def test_pasted_objects_hide_what_is_behind_and_may_be_followed(pasted: tuple[VOSDataset, PastedDataset]) -> None:
    plain, data = pasted
    followed, hidden = [], 0
    for epoch in range(20):
        key = ClipKey(epoch, epoch % 2, 5)
        before, clip = plain[key], data[key]
        assert torch.equal(clip.frames, data[key].frames)  # the key decides
        assert (clip.masks.int().sum(1) <= 256).all()  # no pixel shows two objects
        assert (clip.masks[:, 0] <= before.masks[:, 0]).all()
        hidden += (clip.masks[:, 0] < before.masks[:, 0]).sum().item()
        kept = [(masks.masks[0, 0] > 127).sum().item() for masks in (clip, before)]
        assert 2 * kept[0] >= kept[1]  # the first frame keeps half of the object
        followed.append(clip.object_exists.tolist())
        assert clip.masks[:, 1].any() == clip.object_exists[1]
    assert hidden > 0
    assert [True, False] in followed
    assert [True, True] in followed


def test_pasting_over_two_objects_makes_a_distractor() -> None:
    """There is no absent object whose place the pasted one could take."""
    frames, masks = torch.zeros(3, 3, 8, 8, dtype=torch.uint8), torch.zeros(3, 2, 8, 8, dtype=torch.uint8)
    masks[:, 0, :4], masks[:, 1, 4:] = 255, 255
    alpha = np.zeros((3, 8, 8), np.uint8)
    alpha[:, :, :4] = 255
    clip = Clip(frames, masks, torch.tensor([True, True]), "two")
    result = paste(clip, Cutout(np.full((3, 8, 8, 3), 9, np.uint8), alpha), is_followed=True)
    assert (result.frames[..., :4] == 9).all()
    assert not result.frames[..., 4:].any()
    assert not result.masks[..., :4].any()
    assert torch.equal(result.masks[..., 4:], masks[..., 4:])
