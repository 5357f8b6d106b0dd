"""Scoring while training: which videos, and what is told of them."""

from pathlib import Path

import pytest
import torch

from tests.conftest import filled_network
from tests.dataset.clips import write_video
from training.validation import annotated_videos, validate
from util.errors import InputError


def test_videos_may_be_laid_out_as_those_to_train_on(tmp_path: Path) -> None:
    """With ``480p`` between or not, with frames that have no mask; two masks are too few."""
    write_video(tmp_path / "plain", "b", 4, unmasked=1)
    write_video(tmp_path / "plain", "a", 3)
    write_video(tmp_path / "plain", "short", 3, unmasked=1)
    (tmp_path / "plain/JPEGImages/.hidden").mkdir()
    for folder in ("JPEGImages", "Annotations"):
        (tmp_path / "davis" / folder).mkdir(parents=True)
        (tmp_path / "plain" / folder).rename(tmp_path / "davis" / folder / "480p")
    found = annotated_videos(tmp_path / "davis")
    assert [entry.name for entry in found] == ["a", "b"]
    assert [entry.masks.name for entry in found] == ["00000.png", "00001.png"]
    (tmp_path / "davis/ImageSets/2017").mkdir(parents=True)
    (tmp_path / "davis/ImageSets/2017/val.txt").write_text("b\n")
    assert [entry.name for entry in annotated_videos(tmp_path / "davis")] == ["b"]
    scores = validate(filled_network(size="small"), found, torch.float32)
    assert list(scores)[:3] == ["J&F_mean", "J_mean", "F_mean"]
    assert {"a/J_mean", "b/F_mean", "b/J&F_mean"} <= scores.keys()


def test_videos_without_enough_masks_are_none(tmp_path: Path) -> None:
    write_video(tmp_path, "short", 2)
    with pytest.raises(InputError, match=r"Annotations: no video with three masks in it"):
        annotated_videos(tmp_path)
