"""The data of each training stage: the published folders, as far as they are there, and a user's own."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from torch.utils.data import Dataset

from dataset.layouts import read_list
from dataset.mixed_dataset import MixedDataset, Source
from dataset.pasted_dataset import PastedDataset
from dataset.published import PHOTOGRAPHS, YOUTUBE_DAMAGED
from dataset.scene_dataset import SceneDataset
from dataset.static_dataset import StaticPair, StaticTransformDataset, find_pairs
from dataset.training_clip import ClipSpec
from dataset.vos_dataset import EACH_FIFTH, ORDINARY, RENDERED, TrainingVideo, VideoKind, VOSDataset, find_videos
from util.errors import InputError

log = logging.getLogger(__name__)

DAVIS_COPIES = 5


@dataclass(frozen=True)
class DataPlaces:
    """Folders of training data. Relative paths start at the current folder."""

    static: Path = Path("../static")  # photographs
    bl30k: Path = Path("../BL30K")
    davis: Path = Path("../DAVIS")  # holds 2017/trainval
    youtube: Path = Path("../YouTube")  # holds train_480p
    own: tuple[tuple[Path, int], ...] = ()  # own videos instead of DAVIS and YouTube-VOS, and how often to take each
    held_out: frozenset[str] = frozenset()  # own videos that are not trained on


SOURCES = {  # a mixture's sources: each finds its data so
    "photos": lambda places, spec: static_data(places.static, spec),
    "scenes": lambda places, spec: static_data(places.static, _shown(spec), scenes=True),
    "rendered": lambda places, spec: bl30k_data(places.bl30k, spec),
    "videos": lambda places, spec: vos_data(places, spec),
    "pasted": lambda places, spec: PastedDataset(vos_data(places, spec), spec),
}


def mixed_data(shares: Mapping[str, float], places: DataPlaces, spec: ClipSpec) -> Dataset:
    """Find the data of a mixture.

    Args:
        shares: the share of each source's clips, by its name in ``SOURCES``.

    Raises:
        InputError: a source has no data.
    """
    return MixedDataset([Source(SOURCES[name](places, spec), share) for name, share in shares.items()])


def _shown(spec: ClipSpec) -> ClipSpec:
    return replace(spec, keep_surroundings=True)  # scenes always show them


def make_data(kind: str, places: DataPlaces, spec: ClipSpec, *, scenes: bool) -> Dataset:
    """Find the data of a stage.

    Args:
        kind: ``static``, ``bl30k`` or ``vos``, as ``Stage.data`` names it.
        places: where to look.
        spec: how clips are drawn.
        scenes: whether to compose each clip of several photographs.

    Raises:
        InputError: nothing was found.
    """
    if kind == "static":
        return static_data(places.static, spec, scenes=scenes)
    if kind == "bl30k":
        return bl30k_data(places.bl30k, spec)
    return vos_data(places, spec)


def static_data(root: Path, spec: ClipSpec, *, scenes: bool = False) -> StaticTransformDataset | SceneDataset:
    """Find photographs: the published sets below ``root``, or any if none of these is there.

    Args:
        scenes: compose each clip of several photographs, rather than warp a single one.

    Raises:
        InputError: nothing was found.
    """
    published = {name: copies for name, copies in PHOTOGRAPHS.items() if (root / name).is_dir()}
    if published and (missing := PHOTOGRAPHS.keys() - published):
        log.info("%s: without %s", root, ", ".join(sorted(missing)))
    pairs: list[StaticPair] = []
    for name, copies in (published or {".": 1}).items():
        found = find_pairs(root / name, is_coverage=bool(published))
        log.info("%s: %d images with masks, %d times", root / name, len(found), copies)
        pairs += found * copies
    if not pairs:
        raise InputError(f"{root}: no name.jpg with a name.png beside it; set static_root to a folder of such pairs")
    return SceneDataset(pairs, spec) if scenes else StaticTransformDataset(pairs, spec)


def bl30k_data(root: Path, spec: ClipSpec) -> VOSDataset:
    """Find the rendered videos of BL30K.

    Raises:
        InputError: nothing was found.
    """
    return _video_data(_found_videos(root, 1, RENDERED), spec, "bl_root")


def vos_data(places: DataPlaces, spec: ClipSpec) -> VOSDataset:
    """Find DAVIS 2017 and YouTube-VOS 2019, as far as they are there; or own videos, if there are any.

    Own folders hold ``JPEGImages/<video>`` and ``Annotations/<video>``, or DAVIS's layout with ``480p`` between.

    Raises:
        InputError: nothing was found.
    """
    if places.own:
        found = [_found_videos(root, copies, excluded=places.held_out) for root, copies in places.own]
        return _video_data([video for videos in found for video in videos], spec, "vos_root")
    videos = []
    davis, youtube = places.davis / "2017" / "trainval", places.youtube / "train_480p"
    for folder, is_default in (
        (davis, places.davis == DataPlaces.davis),
        (youtube, places.youtube == DataPlaces.youtube),
    ):
        if not folder.is_dir():
            if not is_default:
                raise InputError(f"{folder}: no such folder; leave davis_root or yv_root out to train without it")
            log.info("%s: no such folder, trained without it", folder)
    if davis.is_dir():
        videos += _found_videos(davis, DAVIS_COPIES, names=read_list(davis / "ImageSets/2017/train.txt"))
    if youtube.is_dir():
        videos += _found_videos(youtube, 1, EACH_FIFTH, excluded=YOUTUBE_DAMAGED)
    return _video_data(videos, spec, "davis_root, yv_root or vos_root")


def _found_videos(
    root: Path, copies: int, kind: VideoKind = ORDINARY, **choice: Collection[str]
) -> list[TrainingVideo]:
    """Find the videos of a folder in either layout; ``choice`` as in ``find_videos``."""
    videos = find_videos(*video_folders(root), kind, **choice)
    log.info("%s: %d videos of 3 frames or more, %d times", root, len(videos), copies)
    return videos * copies


def video_folders(root: Path) -> tuple[Path, Path]:
    """Find the folders of frames and of masks, with or without DAVIS's ``480p`` below them.

    Raises:
        InputError: one is not there.
    """
    folders = [root / name for name in ("JPEGImages", "Annotations")]
    if all((folder / "480p").is_dir() for folder in folders):
        folders = [folder / "480p" for folder in folders]
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; expected JPEGImages/<video> and Annotations/<video>")
    return folders[0], folders[1]


def _video_data(videos: list[TrainingVideo], spec: ClipSpec, settings: str) -> VOSDataset:
    if not videos:
        raise InputError(f"no training video was found; set {settings} to a folder of videos")
    return VOSDataset(videos, spec)
