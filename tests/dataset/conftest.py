"""A video file that the tests of this room share."""

from pathlib import Path

import pytest

from tests.videos import picture, write_video


@pytest.fixture(scope="session")
def mp4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight frames."""
    return write_video(tmp_path_factory.mktemp("video") / "clip.mp4", [picture(index) for index in range(8)])
