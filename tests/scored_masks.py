"""Small masks to score, and their ground truth."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from output.masks import write_mask


def two_objects(num_frames: int = 5, first: int = 1, second: int = 2) -> np.ndarray:
    """``[T,40,60]`` masks with a box of each id."""
    masks = np.zeros((num_frames, 40, 60), np.uint8)
    masks[:, 4:14, 5:25] = first
    masks[:, 20:36, 20:50] = second
    return masks


def write_video(folder: Path, masks: Iterable[np.ndarray]) -> Path:
    folder.mkdir(parents=True)
    for index, mask in enumerate(masks):
        write_mask(folder / f"{index:05d}.png", mask)
    return folder


def write_data(root: Path, *names: str) -> list:
    """Two objects in each video, the second one is found in half of the scored frames; returns the arguments."""
    for name in names:
        predictions = two_objects(6)
        predictions[3:, 20:] = 0
        write_video(root / "predictions" / name, predictions)
        write_video(root / "annotations" / name, two_objects(6))
    return ["--predictions", root / "predictions", "--annotations", root / "annotations"]
