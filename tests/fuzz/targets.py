"""The formats that are damaged, each in a small sound input of a command."""

import json
import random
import tarfile
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

import download_datasets
import eval_dataset
import eval_generic
import eval_youtube
import evaluate_masks
from model.weights import SMALL_WEIGHTS
from output.masks import write_mask
from output.result import FrameResult
from output.video import VideoOutput
from scripts import merge_probabilities
from tests.bad_input.videos import write
from tests.later_data_sets import burst
from tests.videos import picture
from util import rle
from util.palette import PALETTE

SIZE = (48, 64)
IDS = np.zeros(SIZE, np.uint8)
IDS[5:20, 5:30], IDS[25:40, 35:60] = 1, 2
NETWORK = ["--model", SMALL_WEIGHTS, "--size", 32, "--precision", "float32", "--device", "cpu"]


class Target(NamedTuple):
    """A sound input: the files below a folder, the one that is damaged, and the command that reads it."""

    path: str
    build: Callable[[Path], object]
    main: Callable[[], None]
    options: Callable[[Path], list]
    status: int = 0  # expected for the sound input


def _write_frames(folder: Path, suffix: str) -> None:
    folder.mkdir(parents=True)
    for index in range(2):
        Image.fromarray(picture(index)).save(folder / f"{index:05d}{suffix}")


def _write_clip(root: Path, suffix: str = ".png", ids: np.ndarray = IDS, palette: list[int] | None = PALETTE) -> None:
    _write_frames(root / "frames", suffix)
    write_mask(root / "first.png", ids, palette)


def _segment(root: Path, video: str = "frames", *more: object) -> list:
    return [*NETWORK, "--video", root / video, "--mask", root / "first.png", "--output", root / "out", *more]


def _write_video(root: Path, name: str) -> None:
    write(root / name, range(6))
    write_mask(root / "first.png", IDS)


def _write_runs(root: Path) -> None:
    probabilities = np.random.default_rng(0).random((3, *SIZE)).astype(np.float16)
    for run in ("run1", "run2"):
        with VideoOutput(root / run / "clip", PALETTE, Fraction(24), ("masks", "probabilities")) as output:
            output.write(FrameResult("0", np.zeros((*SIZE, 3), np.uint8), IDS, (1, 2), probabilities))


def _write_truth(root: Path) -> None:
    for folder in ("truth", "found"):
        (root / folder / "clip").mkdir(parents=True)
        for index in range(3):
            write_mask(root / folder / "clip" / f"{index}.png", IDS)


def _write_youtube(root: Path) -> None:
    _write_frames(root / "all_frames/valid_all_frames/JPEGImages/a", ".jpg")
    (root / "valid/Annotations/a").mkdir(parents=True)
    write_mask(root / "valid/Annotations/a/00000.png", IDS)
    objects = {"1": {"category": "x", "frames": ["00000", "00001"]}, "2": {"frames": ["00000"]}}
    (root / "valid/meta.json").write_text(json.dumps({"videos": {"a": {"objects": objects}}}))


def _write_weights(root: Path) -> None:
    """Few tensors, so that most of the file is structure; no network has them."""
    _write_clip(root)
    tensors = {f"layer{index}.weight": torch.arange(6.0).view(2, 3) for index in range(4)}
    torch.save({"network": tensors, "it": 3}, root / "weights.pth")


def _write_former_weights(root: Path) -> None:
    _write_clip(root)
    torch.save({"weight": torch.arange(6.0)}, root / "weights.pth", _use_new_zipfile_serialization=False)


def _write_archive(root: Path, kind: str) -> None:
    content = random.Random(0).randbytes(300)
    (root / "x").write_bytes(content)
    names = ["DAVIS/JPEGImages/480p/a/00000.jpg", "DAVIS/README.md"]
    if kind == "zip":
        with zipfile.ZipFile(root / "set", "w", zipfile.ZIP_DEFLATED) as archive:
            for name in names:
                archive.writestr(name, content)
        return
    with tarfile.open(root / "set", kind) as archive:
        for name in names:
            archive.add(root / "x", name)


def _write_coco(root: Path) -> None:
    _write_frames(root / "frames", ".png")
    image = {"id": 1, "file_name": "00000.png", "height": SIZE[0], "width": SIZE[1]}
    outline = {"image_id": 1, "category_id": 1, "segmentation": [[5, 5, 30, 5, 30, 20.5, 5, 20]]}
    runs = {"image_id": 1, "category_id": 1, "segmentation": rle.encode(IDS == 2)}
    (root / "first.json").write_text(json.dumps({"images": [image], "annotations": [outline, runs]}))


def _write_yolo(root: Path) -> None:
    _write_frames(root / "frames", ".png")
    (root / "00000.txt").write_text("0 0.1 0.1 0.5 0.1 0.5 0.5\n1 0.6 0.6 0.9 0.6 0.9 0.9 0.6 0.9\n")


def _annotations(path: str, build: Callable[[Path], None]) -> Target:
    options = lambda root: [*_segment(root), "--mask", root / path]  # noqa: E731
    return Target(path, build, eval_generic.main, options)


def _install(root: Path) -> list:
    return ["--yes", "--only", "davis2016", "--root", root / "out", "--from_archive", root / "set"]


def _archive(kind: str) -> Target:
    return Target("set", lambda root: _write_archive(root, kind), download_datasets.main, _install)


def _frame(suffix: str) -> Target:
    return Target(f"frames/00001{suffix}", lambda root: _write_clip(root, suffix), eval_generic.main, _segment)


def _mask(ids: np.ndarray, palette: list[int] | None) -> Target:
    return Target("first.png", lambda root: _write_clip(root, ".png", ids, palette), eval_generic.main, _segment)


def _video(name: str, *more: object) -> Target:
    return Target(
        name, lambda root: _write_video(root, name), eval_generic.main, lambda root: _segment(root, name, *more)
    )


def _weights(build: Callable[[Path], None]) -> Target:
    options = lambda root: [*_segment(root), "--model", root / "weights.pth"]  # noqa: E731
    return Target("weights.pth", build, eval_generic.main, options, status=2)


def _merge(path: str) -> Target:
    options = lambda root: ["--runs", root / "run1", root / "run2", "--output", root / "out"]  # noqa: E731
    return Target(path, _write_runs, merge_probabilities.main, options)


TARGETS = {
    "PNG frame": _frame(".png"),
    "JPEG frame": _frame(".jpg"),
    "WebP frame": _frame(".webp"),
    "PNG mask": _mask(IDS, PALETTE),
    "grey mask": _mask(IDS, None),
    "16-bit mask": _mask(IDS.astype(np.uint16) * 300, None),
    "mp4": _video("clip.mp4"),
    "mkv": _video("clip.mkv", "--overlay"),
    "COCO": _annotations("first.json", _write_coco),
    "YOLO": _annotations("00000.txt", _write_yolo),
    "npz": _merge("run2/clip_probabilities/0.npz"),
    "mask of a run": _merge("run1/clip/0.png"),
    "pth": _weights(_write_weights),
    "former pth": _weights(_write_former_weights),
    "truth": Target(
        "truth/clip/1.png",
        _write_truth,
        evaluate_masks.main,
        lambda root: ["--annotations", root / "truth", "--predictions", root / "found", "--output", root / "out"],
    ),
    "JSON": Target(
        "valid/meta.json",
        _write_youtube,
        eval_youtube.main,
        lambda root: [*NETWORK, "--yv_path", root, "--output", root / "out", "--save_probabilities"],
    ),
    "run lengths": Target(
        "data/annotations/val/all_classes.json",
        lambda root: burst(root / "data", is_whole=True),
        eval_dataset.main,
        lambda root: [*NETWORK, "--dataset", "burst", "--path", root / "data", "--output", root / "out", "--score"],
    ),
    "zip": _archive("zip"),
    "tar": _archive("w"),
    "tar.gz": _archive("w:gz"),
}
