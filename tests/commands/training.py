"""Small trainings on small data, as a user starts them."""

import os
import subprocess
import sys
import time
from pathlib import Path

from PIL import Image

from output.masks import write_mask
from tests.conftest import TESTS
from tests.deterministic import synthetic_video

ROOT = TESTS.parent
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
LAUNCH = ["-m", "torch.distributed.launch", "--nproc_per_node=2", "--master_port"]


def write_video(images: Path, annotations: Path, num_frames: int = 5, seed: int = 0) -> None:
    video, masks = synthetic_video(num_frames, 48, 64, 2, seed=seed)
    images.mkdir(parents=True)
    annotations.mkdir(parents=True)
    for index, (image, mask) in enumerate(zip(video, masks)):
        Image.fromarray(image).save(images / f"{index:05d}.jpg")
        write_mask(annotations / f"{index:05d}.png", mask)


def write_training_data(root: Path) -> None:
    """Write every published training folder, with four items in each."""
    for index in range(4):
        name = f"v{index}"
        davis, youtube, bl30k = root / "DAVIS/2017/trainval", root / "YouTube/train_480p", root / "BL30K"
        write_video(davis / "JPEGImages/480p" / name, davis / "Annotations/480p" / name, seed=index)
        for folder in (youtube, bl30k):
            write_video(folder / "JPEGImages" / name, folder / "Annotations" / name, seed=index)
        (image, *_), (mask, *_) = synthetic_video(1, 48, 64, 1, seed=index)
        folder = root / "static" / ("fss/class" if index % 2 else "ecssd")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{index}.jpg")
        write_mask(folder / f"{index}.png", mask * 255, None)
    (davis / "ImageSets/2017").mkdir(parents=True)
    (davis / "ImageSets/2017/train.txt").write_text("v0\nv1\nv3\n")


def options(root: Path, *more: object) -> list[str]:
    """A small run on the folders below ``root``."""
    roots = {"static": "static", "bl": "BL30K", "davis": "DAVIS", "yv": "YouTube"}
    places = [item for option, name in roots.items() for item in (f"--{option}_root", root / name)]
    places += ["--save_root", root / "saves", "--log_root", root / "log"]
    small = ["--from_scratch", "--crop", 32, "--num_workers", 1, "--device", "cpu", "--no_amp", "--debug"]
    return [str(item) for item in (*places, *small, *more)]


def without_start(arguments: list[str]) -> list[str]:
    """Leave out that the run starts from scratch."""
    return [item for item in arguments if item != "--from_scratch"]


def run(arguments: list[str], launcher: list[str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *(launcher or []), str(ROOT / "train.py"), *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, cwd=TESTS, env=environment)


def wait_for_first_row(root: Path, name: str) -> None:
    deadline = time.monotonic() + 120
    while not list((root / "log").glob(f"*_{name}/scalars.csv")) and time.monotonic() < deadline:
        time.sleep(0.01)


def saved(root: Path, pattern: str) -> Path:
    (path,) = (root / "saves").glob(f"*/{pattern}")
    return path
