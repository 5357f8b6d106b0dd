"""Where the benchmarks keep their videos: DAVIS 2016 and 2017, YouTube-VOS, and the plain layout of own videos."""

import json
from pathlib import Path

from dataset.videos import VideoEntry
from util.errors import InputError

DAVIS_LISTS = {"val": "trainval/ImageSets/2017/val.txt", "testdev": "test-dev/ImageSets/2017/test-dev.txt"}


def davis_2017_videos(davis_path: Path, split: str) -> list[VideoEntry]:
    """Videos of DAVIS 2017, in the order of its list.

    Args:
        davis_path: the folder that holds ``trainval/`` and ``test-dev/``.
        split: ``val`` or ``testdev``.

    Raises:
        InputError: no list there, or an empty one.
    """
    list_path = davis_path / DAVIS_LISTS[split]
    root = davis_path / Path(DAVIS_LISTS[split]).parts[0]
    return [_davis_entry(root, name) for name in read_list(list_path)]


def davis_2016_videos(davis_path: Path) -> list[VideoEntry]:
    """Validation videos of DAVIS 2016; all ids are one object.

    The list is that of DAVIS 2016 itself (a line "image mask" for each frame), or else the one that DAVIS 2017 brings
    along (a line for each video).

    Raises:
        InputError: no list there, or an empty one.
    """
    lists = (
        davis_path / "ImageSets/480p/val.txt",
        davis_path.absolute().parent / "2017/trainval/ImageSets/2016/val.txt",
    )
    list_path = next((path for path in lists if path.exists()), None)
    if list_path is None:
        raise InputError(f"{lists[0]}: no such list, nor {lists[1]}; point --davis_path to DAVIS/2016")
    return [_davis_entry(davis_path, name)._replace(is_single_object=True) for name in read_list(list_path)]


def youtube_videos(yv_path: Path, split: str, *, output_all: bool = False) -> list[VideoEntry]:
    """Videos of YouTube-VOS, by name; wanted are the frames that ``meta.json`` lists for any object.

    Args:
        yv_path: the folder that holds ``valid/`` (or ``test/``) and ``all_frames/``.
        split: ``valid`` or ``test``.

    Raises:
        InputError: folders missing, or an unusable ``meta.json``.
    """
    frames = yv_path / "all_frames" / f"{split}_all_frames" / "JPEGImages"
    masks = yv_path / split / "Annotations"
    if not masks.is_dir():
        raise InputError(f"{masks}: no such folder; point --yv_path to the folder that holds {split}/ and all_frames/")
    if not frames.is_dir():
        raise InputError(
            f"{frames}: no such folder; {split}/JPEGImages holds every fifth frame only, "
            f"get {split}_all_frames of the same year and unpack it to {yv_path / 'all_frames'}"
        )
    wanted = _read_wanted_frames(yv_path / split / "meta.json")
    if all(_is_sparse(frames / name) for name in list(wanted)[:10]):
        raise InputError(f"{frames}: holds every fifth frame only; get {split}_all_frames and unpack it there")
    return [VideoEntry(name, frames / name, masks / name, names) for name, names in sorted(wanted.items())]


def generic_videos(data_path: Path) -> list[VideoEntry]:
    """Videos of the folder layout ``JPEGImages/<video>/*.jpg``, ``Annotations/<video>/*.png``, by name.

    Raises:
        InputError: the layout is another.
    """
    images, annotations = data_path / "JPEGImages", data_path / "Annotations"
    for folder in (images, annotations):
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; --data_path needs JPEGImages/<video> and Annotations/<video>")
    folders = sorted(path for path in images.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not folders:
        raise InputError(f"{images}: no frames; expected a folder of images per video")
    return [VideoEntry(folder.name, folder, annotations / folder.name) for folder in folders]


def _davis_entry(root: Path, name: str) -> VideoEntry:
    truth = root / "Annotations" / "480p" / name
    return VideoEntry(name, root / "JPEGImages" / "480p" / name, truth / "00000.png", truth=truth)


def read_list(path: Path) -> list[str]:
    """Names of videos from lines that hold a name, or the paths of one of the video's frames and of its mask.

    Raises:
        InputError: unreadable or empty.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as e:
        raise InputError(f"{path}: no readable list ({e.strerror}); point to the data set's folder") from e
    except UnicodeDecodeError as e:
        raise InputError(f"{path}: not a list but other data; get it again") from e
    paths = [Path(line.split()[0]) for line in lines if line.strip() and not line.startswith("#")]
    names = [path.parent.name if path.suffix else path.name for path in paths]
    if not names:
        raise InputError(f"{path}: an empty list; expected a video per line")
    return list(dict.fromkeys(names))


def _is_sparse(folder: Path) -> bool:
    """Whether no two frames of a video have neighbouring numbers."""
    numbers = sorted(int(path.stem) for path in folder.glob("*") if path.stem.isdecimal())
    return len(numbers) > 1 and all(later - number > 1 for number, later in zip(numbers, numbers[1:]))


def _read_wanted_frames(path: Path) -> dict[str, frozenset[str]]:
    """Frames by video: the union over its objects."""
    try:
        videos = json.loads(path.read_text(encoding="utf-8-sig"))["videos"]
        wanted = {
            name: frozenset(str(frame) for item in video["objects"].values() for frame in item["frames"])
            for name, video in videos.items()
        }
    except OSError as e:
        raise InputError(f"{path}: unreadable ({e.strerror}); it comes with the data set's split") from e
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise InputError(f"{path}: not a meta.json of YouTube-VOS ({type(e).__name__}: {e}); get it again") from e
    if not wanted:
        raise InputError(f"{path}: lists no video; get it again")
    return wanted
