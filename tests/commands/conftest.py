"""Small data sets in the published layouts, for the commands that evaluate on them."""

import json
from pathlib import Path

import pytest
from PIL import Image

from output.masks import write_mask
from tests.deterministic import synthetic_video

SIZE = (48, 64)


def write_video(frames: Path, masks: Path, num_frames: int, num_masks: int = 1) -> None:
    """Frames 00000 .. and the masks of the first ones, of two objects."""
    video, truth = synthetic_video(num_frames, *SIZE, 2)
    frames.mkdir(parents=True)
    masks.mkdir(parents=True)
    for index, image in enumerate(video):
        Image.fromarray(image).save(frames / f"{index:05d}.jpg")
    for index in range(num_masks):
        write_mask(masks / f"{index:05d}.png", truth[index])


@pytest.fixture
def davis(tmp_path: Path) -> Path:
    """DAVIS 2017 of two videos of four frames with the truth, test-dev of one."""
    root = tmp_path / "DAVIS" / "2017"
    for split, names in {"trainval": ("one", "two"), "test-dev": ("three",)}.items():
        for name in names:
            write_video(root / split / "JPEGImages/480p" / name, root / split / "Annotations/480p" / name, 4, 4)
        list_path = root / split / "ImageSets/2017" / ("val.txt" if split == "trainval" else "test-dev.txt")
        list_path.parent.mkdir(parents=True)
        list_path.write_text("\n".join(names) + "\n")
    return root


@pytest.fixture
def youtube(tmp_path: Path) -> Path:
    """YouTube-VOS of two videos of eight frames; every third is asked for."""
    root = tmp_path / "YouTube"
    for name in ("a", "b"):
        images = root / "all_frames/valid_all_frames/JPEGImages" / name
        write_video(images, root / "valid/Annotations" / name, 8)
    objects = {"1": {"frames": ["00000", "00003"]}, "2": {"frames": ["00003", "00006"]}}
    write_meta(root, {"a": {"objects": objects}, "b": {"objects": objects}})
    return root


def write_meta(root: Path, videos: object) -> None:
    (root / "valid/meta.json").write_text(json.dumps({"videos": videos}))


@pytest.fixture(autouse=True)
def _idle_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine would add a note to the messages that tests read."""
    monkeypatch.setattr("evaluation.run.note_if_busy", lambda: None)
