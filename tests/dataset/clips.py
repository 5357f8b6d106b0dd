"""Small videos and photographs to draw training clips from."""

from pathlib import Path

import numpy as np
from PIL import Image

from output.masks import write_mask
from tests.deterministic import synthetic_video


def smooth_image(height: int, width: int) -> np.ndarray:
    """``[H,W,3]`` uint8 in which a pixel's colour tells its place."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 / width, y * 255 / height, 0 * x], 2).astype(np.uint8)


def write_video(root: Path, name: str, num_frames: int, objects: int = 2, unmasked: int = 0) -> None:
    """Write a video in ``JPEGImages`` and ``Annotations``; its first ``unmasked`` frames have no mask."""
    video, masks = synthetic_video(num_frames, 48, 80, objects)
    for folder in ("JPEGImages", "Annotations"):
        (root / folder / name).mkdir(parents=True)
    for index, (image, mask) in enumerate(zip(video, masks)):
        Image.fromarray(image).save(root / "JPEGImages" / name / f"{index:05d}.jpg")
        if index >= unmasked:
            write_mask(root / "Annotations" / name / f"{index:05d}.png", mask)


def write_photographs(root: Path) -> Path:
    """Write a photograph with a coverage mask, one with two ids, and one without a mask, in class folders."""
    video, masks = synthetic_video(3, 60, 90, 2)
    for index, (folder, image) in enumerate(zip(("class a", "class b", "class b"), video)):
        (root / folder).mkdir(exist_ok=True)
        Image.fromarray(image).save(root / folder / f"{index}.jpg")
    write_mask(root / "class a" / "0.png", (masks[0] > 0).astype(np.uint8) * 255, None)
    write_mask(root / "class b" / "1.png", masks[1], None)
    return root
