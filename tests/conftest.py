"""Shared fixtures: networks with deterministic weights, and small videos."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from model.network import STCN
from tests.deterministic import fill_state_dict, synthetic_video
from util.mask_io import write_mask

TESTS = Path(__file__).parent
torch.set_grad_enabled(False)


def filled_network(**variant: bool) -> STCN:
    """A network whose weights the golden figures were made with."""
    network = STCN(**variant).eval()
    fill_state_dict(network.state_dict())
    return network


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def network() -> STCN:
    return filled_network()


@pytest.fixture(scope="session")
def weights(network: STCN, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "stcn.pth"
    torch.save(network.state_dict(), path)
    return path


def write_clip(
    root: Path, num_frames: int = 4, size: tuple[int, int] = (48, 64), *, objects: int = 2
) -> tuple[Path, Path]:
    """Write a synthetic clip as a folder of frames and a first mask; returns both paths."""
    video, masks = synthetic_video(num_frames, *size, objects)
    frames = root / "frames"
    frames.mkdir(parents=True)
    for index, frame in enumerate(video):
        Image.fromarray(frame).save(frames / f"{index:05d}.jpg")
    write_mask(root / "first.png", masks[0])
    return frames, root / "first.png"


def read_ids(path: Path) -> np.ndarray:
    """Pixels of a mask as they are stored."""
    with Image.open(path) as image:
        return np.array(image)
