"""Finding the data of each training stage: whatever of the published folders is there, and a user's own."""

import logging
from collections.abc import Collection
from pathlib import Path

from dataset.layouts import read_list
from dataset.scene_dataset import SceneDataset
from dataset.static_dataset import COPIES, StaticPair, StaticTransformDataset, find_pairs
from dataset.vos_dataset import EACH_FIFTH, ORDINARY, RENDERED, TrainingVideo, VideoKind, VOSDataset, find_videos
from util.errors import InputError

log = logging.getLogger(__name__)

DAVIS_COPIES = 5
YOUTUBE_LEFT_OUT = {  # damaged videos of the 2019 training set
    "01e64dd36a",
    "04259896e2",
    "1336440745",
    "5bc77844da",
    "5ee23ca60e",
    "738e5a0a14",
    "f8af30d4b6",
}


def parse_copies(text: str) -> tuple[Path, int]:
    """``DIR`` or ``DIR:copies``."""
    folder, _, copies = text.rpartition(":")
    return (Path(folder), int(copies)) if folder and copies.isdecimal() else (Path(text), 1)


def static_data(root: Path, *, scenes: bool = False, **options: int) -> StaticTransformDataset | SceneDataset:
    """Photographs of the published sets below ``root``, or all of it if none of them is there.

    Args:
        scenes: compose each clip of several photographs, rather than warp a single one.

    Raises:
        InputError: nothing was found.
    """
    published = {name: copies for name, copies in COPIES.items() if (root / name).is_dir()}
    if published and (missing := COPIES.keys() - published):
        log.info("%s: without %s", root, ", ".join(sorted(missing)))
    pairs: list[StaticPair] = []
    for name, copies in (published or {".": 1}).items():
        found = find_pairs(root / name, is_coverage=bool(published))
        log.info("%s: %d images with masks, %d times", root / name, len(found), copies)
        pairs += found * copies
    if not pairs:
        raise InputError(f"{root}: no name.jpg with a name.png beside it; point --static_root to such data")
    return (SceneDataset if scenes else StaticTransformDataset)(pairs, **options)


def bl30k_data(root: Path, **options: int) -> VOSDataset:
    """The rendered videos of BL30K.

    Raises:
        InputError: nothing was found.
    """
    return _video_data(_found_videos(root, 1, RENDERED), "--bl_root", **options)


def vos_data(davis_root: Path, yv_root: Path, own: list[tuple[Path, int]], **options: int) -> VOSDataset:
    """DAVIS 2017, YouTube-VOS 2019 and own videos, as far as they are there.

    Args:
        own: folders ``JPEGImages/<video>``, ``Annotations/<video>`` (or DAVIS's, with ``480p`` between), and how
            often each is taken. If there are any, the others are left out.

    Raises:
        InputError: nothing was found.
    """
    if own:
        return _video_data([video for root, copies in own for video in _found_videos(root, copies)], **options)
    videos = []
    davis, youtube = davis_root / "2017" / "trainval", yv_root / "train_480p"
    for folder in (davis, youtube):
        if not folder.is_dir():
            log.info("%s: no such folder, trained without it", folder)
    if davis.is_dir():
        videos += _found_videos(davis, DAVIS_COPIES, names=read_list(davis / "ImageSets/2017/train.txt"))
    if youtube.is_dir():
        videos += _found_videos(youtube, 1, EACH_FIFTH, excluded=YOUTUBE_LEFT_OUT)
    return _video_data(videos, "--davis_root, --yv_root or --vos_root", **options)


def _found_videos(
    root: Path, copies: int, kind: VideoKind = ORDINARY, **choice: Collection[str]
) -> list[TrainingVideo]:
    """Videos of a folder in either layout; ``choice`` as in ``find_videos``."""
    folders = [root / name for name in ("JPEGImages", "Annotations")]
    if all((folder / "480p").is_dir() for folder in folders):
        folders = [folder / "480p" for folder in folders]
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; expected JPEGImages/<video> and Annotations/<video>")
    videos = find_videos(*folders, kind, **choice)
    log.info("%s: %d videos of 3 frames or more, %d times", root, len(videos), copies)
    return videos * copies


def _video_data(videos: list[TrainingVideo], option: str = "--vos_root", **options: int) -> VOSDataset:
    if not videos:
        raise InputError(f"no training video was found; point {option} to the data")
    return VOSDataset(videos, **options)
