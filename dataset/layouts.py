"""The layouts of data sets: DAVIS 2016 and 2017, YouTube-VOS, and the generic one of own videos."""

import json
import os
from collections.abc import Iterable
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

from dataset.images import is_image
from dataset.videos import VideoEntry
from util.errors import InputError
from util.limits import check_kind

MAX_NAME = 255  # characters in the name of a file
MAX_SHOWN = 40  # characters of a wrong name in a message


class _Place(NamedTuple):
    """A place to look for a data set, relative to the folder that the user names."""

    videos: str  # the list of its videos
    root: str = "."  # the folder that holds JPEGImages/480p and Annotations/480p


# The first place whose list exists is read. DAVIS 2017 comes with the list of DAVIS 2016 as well.
DAVIS_PLACES = {
    "DAVIS 2017 val": (
        _Place("trainval/ImageSets/2017/val.txt", "trainval"),
        _Place("ImageSets/2017/val.txt"),
    ),
    "DAVIS 2017 test-dev": (
        _Place("test-dev/ImageSets/2017/test-dev.txt", "test-dev"),
        _Place("ImageSets/2017/test-dev.txt"),
    ),
    "DAVIS 2016 val": (
        _Place("ImageSets/480p/val.txt"),
        _Place("trainval/ImageSets/2016/val.txt", "trainval"),
        _Place("ImageSets/2016/val.txt"),
        _Place("../2017/trainval/ImageSets/2016/val.txt"),
    ),
}
DAVIS_2017_SPLITS = {"val": "DAVIS 2017 val", "testdev": "DAVIS 2017 test-dev"}


def davis_2017_videos(davis_path: Path, split: str) -> list[VideoEntry]:
    """List the videos of DAVIS 2017, in the order of its own list.

    Args:
        davis_path: the folder that holds ``trainval/`` and ``test-dev/``, or, in the official layout,
            ``JPEGImages/``, ``Annotations/`` and ``ImageSets/``.
        split: ``val`` or ``testdev``.

    Raises:
        InputError: there is no list, or it is unusable.
    """
    return _davis_videos(davis_path, DAVIS_2017_SPLITS[split])


def davis_2016_videos(davis_path: Path) -> list[VideoEntry]:
    """List the validation videos of DAVIS 2016; all ids of their masks are one object.

    Args:
        davis_path: the folder of DAVIS 2016 or 2017, in either layout of the latter.

    Raises:
        InputError: there is no list, or it is unusable.
    """
    return [entry._replace(is_single_object=True) for entry in _davis_videos(davis_path, "DAVIS 2016 val")]


def youtube_videos(yv_path: Path, split: str, *, output_all: bool = False) -> list[VideoEntry]:
    """List the videos of YouTube-VOS by name; wanted are the frames that ``meta.json`` lists for any object.

    Args:
        yv_path: the folder that holds ``valid/`` (or ``test/``) and ``all_frames/``.
        split: ``valid`` or ``test``.
        output_all: whether every frame is to be written. Then ``meta.json`` may be missing: the videos are the
            folders of ``Annotations``, and all their frames are wanted.

    Raises:
        InputError: folders are missing, or ``meta.json`` is unusable.
    """
    frames = yv_path / "all_frames" / f"{split}_all_frames" / "JPEGImages"
    masks = yv_path / split / "Annotations"
    if not masks.is_dir():
        raise InputError(f"{masks}: no such folder; set yv_path to the folder that holds {split}/ and all_frames/")
    if not frames.is_dir():
        raise InputError(
            f"{frames}: no such folder; {split}/JPEGImages holds every fifth frame only, "
            f"get {split}_all_frames of the same year and unpack it to {yv_path / 'all_frames'}"
        )
    meta = yv_path / split / "meta.json"
    if output_all and not meta.exists():
        wanted = dict.fromkeys(folder.name for folder in list_folders(masks))
    else:
        wanted = _read_wanted_frames(meta)
    if not wanted:
        raise InputError(f"{masks}: holds no folder of masks; get {split} again")
    if all(is_sparse(frames / name) for name in list(wanted)[:10]):
        raise InputError(f"{frames}: holds every fifth frame only; get {split}_all_frames and unpack it there")
    return [VideoEntry(name, frames / name, masks / name, names) for name, names in sorted(wanted.items())]


def generic_videos(data_path: Path) -> list[VideoEntry]:
    """List the videos of ``JPEGImages/<video>/*.jpg`` and ``Annotations/<video>/*.png`` by name.

    Raises:
        InputError: the layout is another.
    """
    images, annotations = data_path / "JPEGImages", data_path / "Annotations"
    for folder in (images, annotations):
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; data_path needs JPEGImages/<video> and Annotations/<video>")
    folders = list_folders(images)
    if not folders:
        raise InputError(f"{images}: no frames; expected a folder of images per video")
    return [VideoEntry(folder.name, folder, annotations / folder.name) for folder in folders]


def refuse_duplicate_names(entries: Iterable[VideoEntry]) -> None:
    """Refuse two videos of one name, whose results would overwrite each other.

    Raises:
        InputError: naming both.
    """
    frames_by_name: dict[str, Path] = {}
    for entry in entries:
        if entry.name in frames_by_name:
            raise InputError(
                f"{entry.frames}: has the name {entry.name}, as {frames_by_name[entry.name]} has, and their results "
                "would overwrite each other; rename one of them"
            )
        frames_by_name[entry.name] = entry.frames


def read_list(path: Path) -> list[str]:
    """Read names of videos from lines that hold a name, or the paths of one of the video's frames and of its mask.

    Raises:
        InputError: the list is unreadable or empty, or a name leads to another folder.
    """
    check_kind(path, "get it from the data set")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as e:
        raise InputError(f"{path}: no readable list ({e.strerror}); get it from the data set") from e
    except UnicodeDecodeError as e:
        raise InputError(f"{path}: not a list but other data; get it again") from e
    names = [_name_in_line(line, path) for line in lines if line.strip() and not line.startswith("#")]
    if not names:
        raise InputError(f"{path}: an empty list; expected a video per line")
    return list(dict.fromkeys(names))


def list_folders(folder: Path) -> list[Path]:
    """List the folders inside a folder by name, without hidden ones."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _davis_videos(davis_path: Path, data_set: str) -> list[VideoEntry]:
    """Read the list of a data set at the first of its places that has one."""
    places = DAVIS_PLACES[data_set]
    for place in places:
        videos = Path(os.path.normpath(davis_path.absolute() / place.videos))  # ".." leaves a linked folder as named
        if videos.exists():
            return [_davis_entry(davis_path / place.root, name) for name in read_list(videos)]
    raise InputError(
        f"{davis_path}: no list of the videos of {data_set}, looked for {', '.join(place.videos for place in places)}; "
        "complete the data set, or set davis_path to where it lies"
    )


def _davis_entry(root: Path, name: str) -> VideoEntry:
    truth = root / "Annotations" / "480p" / name
    return VideoEntry(name, root / "JPEGImages" / "480p" / name, truth / "00000.png", truth=truth)


def _name_in_line(line: str, source: Path) -> str:
    """Name of the video in a line of a list."""
    word = line.split()[0]
    name = Path(word).parent.name if is_image(Path(word)) else word.rstrip("/")
    return check_name(name, source)


def check_name(name: str, source: Path) -> str:
    """Refuse a name that is a path: frames would be read, and masks written, in other folders."""
    if not name.isprintable() or len(name) > MAX_NAME:
        cause = "it is too long" if name.isprintable() else "it has unprintable characters"
        raise InputError(f"{source}: {name[:MAX_SHOWN]!r} is no name of a video, since {cause}; correct it")
    if name in ("", "..") or PureWindowsPath(name).name != name:  # Windows knows all separators
        raise InputError(f"{source}: {name!r} is no name of a video, since it leads to another folder; correct it")
    return name


def _name_of_frame(frame: object) -> str:
    """Check a frame that ``meta.json`` names."""
    if not isinstance(frame, str) or not frame.isprintable() or len(frame) > MAX_NAME:
        raise ValueError(f"{str(frame)[:MAX_SHOWN]!r} is no name of a frame")
    return frame


def is_sparse(folder: Path) -> bool:
    """Whether no two frames of a video have neighbouring numbers."""
    numbers = sorted(int(path.stem) for path in folder.glob("*") if path.stem.isdecimal())
    return len(numbers) > 1 and all(later - number > 1 for number, later in zip(numbers, numbers[1:]))


def _read_wanted_frames(path: Path) -> dict[str, frozenset[str]]:
    """Wanted frames by video: the union over its objects."""
    remedy = "get it from the data set (with output_all it may be missing)"
    check_kind(path, remedy)
    try:
        videos = json.loads(path.read_text(encoding="utf-8-sig"))["videos"]
        wanted = {
            check_name(name, path): frozenset(
                _name_of_frame(frame) for item in video["objects"].values() for frame in item["frames"]
            )
            for name, video in videos.items()
        }
    except OSError as e:
        raise InputError(f"{path}: unreadable ({e.strerror}); {remedy}") from e
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        raise InputError(f"{path}: not a meta.json of YouTube-VOS ({type(e).__name__}: {e}); get it again") from e
    if not wanted:
        raise InputError(f"{path}: lists no video; get it again")
    return wanted
