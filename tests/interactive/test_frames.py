"""Frames by number are those that reading in order gives."""

from pathlib import Path

import numpy as np
import pytest

from dataset.frames import open_frames
from interactive.frames import FrameAccess
from tests.conftest import write_clip
from tests.videos import picture, write_video

ORDERS = {"forward": range(50), "backward": range(49, -1, -1), "jumps": (40, 3, 3, 20, 21, 0, 49)}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "clip.mp4", [picture(index) for index in range(50)])


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_frames_of_a_video_file(clip: Path, order: range) -> None:
    expected, access = [image for _, image in open_frames(clip).read()], FrameAccess(clip)
    assert len(access) == 50
    assert all(np.array_equal(access[index], expected[index]) for index in order)


def test_frames_of_a_folder(tmp_path: Path) -> None:
    folder, _ = write_clip(tmp_path)
    expected, access = [image for _, image in open_frames(folder).read()], FrameAccess(folder)
    assert all(np.array_equal(access[index], expected[index]) for index in (2, 0, 3, 3, 1))
