"""Tiny trees in the layouts of MOSE, LVOS, Long-time Video, SA-V, VOST and BURST, with one video each.

Two objects: the first leaves for two frames, the second enters late. ``is_whole`` tells whether there are more masks
than the first one of each object, which alone are input.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from output.masks import write_mask
from tests.videos import picture
from util.rle import encode

SIZE = (48, 64)
GONE = (6, 7)  # frames without the first object
PALETTE = [0, 0, 0, 10, 200, 30, 200, 10, 30] + [7] * 759
VOID = 255


def regions(index: int, *, enters: int = 0) -> np.ndarray:
    """``[2,H,W]`` bool: the objects of a frame; they overlap."""
    found = np.zeros((2, *SIZE), bool)
    if index not in GONE:
        found[0, 8:30, 5 + index : 35 + index] = True
    if index >= enters:
        found[1, 20:40, 25 : 45 + index] = True
    return found


def ids_of(found: np.ndarray) -> np.ndarray:
    """The second object in front."""
    return np.where(found[1], 2, np.where(found[0], 1, 0)).astype(np.uint8)


def write_frames(folder: Path, names: Sequence[str]) -> None:
    folder.mkdir(parents=True)
    for index, name in enumerate(names):
        image = picture(index)
        image[regions(index)[0]] = (230, 60, 40)
        image[regions(index)[1]] = (40, 60, 230)
        Image.fromarray(image).save(folder / f"{name}.jpg", quality=95)


def write_masks(folder: Path, names: dict[int, str], enters: int, *, is_whole: bool, void: slice | None = None) -> None:
    """Write masks of ids by the number of the frame."""
    folder.mkdir(parents=True)
    known: set[int] = set()
    for index, name in names.items():
        ids = ids_of(regions(index, enters=enters))
        new = set(np.unique(ids).tolist()) - known - {0}
        if not is_whole:
            ids[~np.isin(ids, list(new))] = 0
        if void is not None:
            ids[void] = VOID
        if is_whole or new:
            write_mask(folder / f"{name}.png", ids, PALETTE)
        known |= new


def mose(root: Path, *, is_whole: bool) -> None:
    names = dict(enumerate(f"{index:05d}" for index in range(10)))
    write_frames(root / "train/JPEGImages/a1", list(names.values()))
    write_masks(root / "train/Annotations/a1", names, 2, is_whole=is_whole)


def lvos(root: Path, *, is_whole: bool) -> None:
    names = dict(enumerate(f"{index:08d}" for index in range(1, 12)))
    write_frames(root / "valid/JPEGImages/b2", list(names.values()))
    at_step = {index: names[index] for index in range(0, 11, 2)}
    write_masks(root / "valid/Annotations/b2", at_step, 4, is_whole=is_whole)


def long_video(root: Path, *, is_whole: bool) -> None:
    names = dict(enumerate(f"{index:04d}" for index in range(12)))
    write_frames(root / "long_video/JPEGImages/rat", list(names.values()))
    sparse = {index: names[index] for index in (0, 3, 8, 9)}
    write_masks(root / "long_video/Annotations/rat", sparse, 0, is_whole=is_whole)


def sav(root: Path, *, is_whole: bool) -> None:
    """At 24 and 6 per second; the objects overlap, and each is in files of its own."""
    root = root / "sav_val"
    write_frames(root / "JPEGImages_24fps/sav_000001", [f"{index:05d}" for index in range(17)])
    for item in range(2):
        folder = root / f"Annotations_6fps/sav_000001/{item:03d}"
        folder.mkdir(parents=True)
        for index in range(0, 17, 4):
            region = regions(index, enters=4)[item]
            if is_whole or index == (0, 4)[item]:
                write_mask(folder / f"{index:05d}.png", region.astype(np.uint8))
    (root / "sav_val.txt").write_text("sav_000001\n")


def vost(root: Path, *, is_whole: bool) -> None:
    names = dict(enumerate(f"frame{5 * index:05d}" for index in range(1, 10)))
    for video in ("cut_paper", "not_listed"):
        write_frames(root / "JPEGImages" / video, list(names.values()))
        write_masks(root / "Annotations" / video, names, 2, is_whole=is_whole, void=np.s_[:6])
    (root / "ImageSets").mkdir()
    (root / "ImageSets/val.txt").write_text("cut_paper\n")


def burst(root: Path, *, is_whole: bool) -> None:
    """Tracks 7 and 300 of every second frame; the file's further entries are kept."""
    names = [f"frame{index:04d}" for index in range(1, 12)]
    write_frames(root / "frames/val/ArgoVerse/side/", names)
    segmentations, known = [], set()
    for index in range(0, 11, 2):
        found = {track: region for track, region in zip(("7", "300"), regions(index, enters=4)) if region.any()}
        if not is_whole:
            found = {track: region for track, region in found.items() if track not in known}
        known |= found.keys()
        segmentations.append({track: {"rle": encode(region)["counts"]} for track, region in found.items()})
    sequence = {
        **{"id": 5, "dataset": "ArgoVerse", "seq_name": "side", "height": SIZE[0], "width": SIZE[1], "fps": 6},
        **{"annotated_image_paths": [f"{name}.jpg" for name in names[::2]], "segmentations": segmentations},
        **{"track_category_ids": {"7": 1, "300": 9}},
    }
    path = root / "annotations/val" / ("all_classes.json" if is_whole else "first_frame_annotations.json")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"sequences": [sequence], "split": "val", "categories": [{"id": 1}]}))


class Tree(NamedTuple):
    """A tree, and what a run over it writes."""

    build: Callable[..., None]
    split: str  # with ground truth
    video: str
    frames: list[str]  # names of those with masks in the results


TREES = {
    "mose": Tree(mose, "train", "a1", [f"{index:05d}" for index in range(10)]),
    "lvos": Tree(lvos, "valid", "b2", [f"{index:08d}" for index in range(1, 12, 2)]),
    "long_video": Tree(long_video, "x1", "rat", ["0000", "0003", "0008", "0009"]),
    "sav": Tree(sav, "val", "sav_000001", [f"{index:05d}" for index in range(0, 17, 4)]),
    "vost": Tree(vost, "val", "cut_paper", [f"frame{index:05d}" for index in range(5, 50, 5)]),
    "burst": Tree(burst, "val", "ArgoVerse/side", [f"frame{index:04d}" for index in range(1, 12, 2)]),
}
