"""The layouts of MOSE, LVOS, Long-time Video, SA-V, VOST and BURST, as their public descriptions tell them.

Only the first mask of an object is ever input, however many masks the data come with: the others are ground truth.
"""

from collections.abc import Sequence
from pathlib import Path

from dataset.burst import read_burst
from dataset.images import list_images
from dataset.layouts import check_name, is_sparse, list_folders, read_list
from dataset.object_masks import ObjectFolders
from dataset.stored_masks import find_labels, read_stored_ids
from dataset.videos import SINGLE_OBJECT_ID, VideoEntry
from util.errors import InputError

SAV_STEP = 4  # frames of SA-V from one mask to the next
BURST_FILES = ("all_classes.json", "first_frame_annotations.json")
LONG_VIDEO_FOLDERS = {"x1": "long_video", "x3": "long_video_x3"}


def mose_videos(path: Path, split: str) -> list[VideoEntry]:
    """List the videos of MOSE: ``<split>/JPEGImages/<video>`` and ``<split>/Annotations/<video>``.

    Args:
        path: the folder of the data set.
        split: ``valid``, whose masks are the first ones, or ``train``, whose masks are the ground truth.

    Raises:
        InputError: folders are missing.
    """
    return _listed_videos(path / split, has_truth=split == "train")


def lvos_videos(path: Path, split: str) -> list[VideoEntry]:
    """List the videos of LVOS: as those of MOSE, but masks come at a step, and only their frames are wanted.

    Objects that enter late are found by their first masks, so that ``valid_meta.json`` is not needed.

    Args:
        path: the folder of the data set.
        split: ``valid``, or ``test``, which has no ground truth.

    Raises:
        InputError: folders are missing.
    """
    entries = _listed_videos(path / split, has_truth=split == "valid")
    return [_want_truth(entry) for entry in entries] if split == "valid" else entries


def long_videos(path: Path, split: str) -> list[VideoEntry]:
    """List the videos of Long-time Video; the frames that have masks are wanted, and the first mask alone is input.

    Args:
        path: the folder of the data set, or of one of its two versions.
        split: ``x1`` or ``x3``, the length.

    Raises:
        InputError: folders are missing.
    """
    inner = path / LONG_VIDEO_FOLDERS[split]
    entries = _listed_videos(inner if inner.is_dir() else path, has_truth=True)
    return [_want_truth(entry)._replace(masks_used="first") for entry in entries]


def vost_videos(path: Path, split: str) -> list[VideoEntry]:
    """List the videos of VOST that ``ImageSets/<split>.txt`` names.

    Args:
        path: the folder of the data set.
        split: ``val``, ``train``, or ``test``, which has no ground truth.

    Raises:
        InputError: the list or folders are missing.
    """
    return _listed_videos(path, read_list(path / "ImageSets" / f"{split}.txt"), has_truth=split != "test")


def sav_videos(path: Path, split: str, *, separately: bool = False) -> list[VideoEntry]:
    """List the videos of SA-V: frames at 24 and masks at 6 per second, in a folder for each object.

    Args:
        path: the folder that holds ``sav_val`` and ``sav_test``, or one of them.
        split: ``val`` or ``test``.
        separately: whether each object is a video of its own, ``<video>/<object>``; else its objects are segmented
            together, and their masks do not overlap.

    Raises:
        InputError: folders are missing, or the frames are not those at 24 per second.
    """
    root = path / f"sav_{split}" if (path / f"sav_{split}").is_dir() else path
    frames, masks = root / "JPEGImages_24fps", root / "Annotations_6fps"
    _check_folders(frames, masks)
    listed = root / f"sav_{split}.txt"
    names = read_list(listed) if listed.exists() else [folder.name for folder in list_folders(masks)]
    if all(is_sparse(frames / name) for name in names[:10]):
        raise InputError(f"{frames}: holds every {SAV_STEP}th frame only; extract all 24 frames per second")
    entries = []
    for name in names:
        _check_folders(frames / name, masks / name)
        source = ObjectFolders(masks / name)
        places = [masks / name / item for item in source.objects] if separately else [masks / name]
        entries += [_sav_entry(frames / name, place, None if separately else source) for place in places]
    return entries


def burst_videos(path: Path, split: str) -> list[VideoEntry]:
    """List the sequences of BURST as ``<dataset>/<sequence>``; the annotated frames are wanted.

    Args:
        path: the folder that holds ``annotations/`` and ``frames/``.
        split: ``val``, ``test`` or ``train``.

    Raises:
        InputError: the file of annotations or folders are missing.
    """
    places = [path / "annotations" / split / name for name in (*BURST_FILES, f"{split}.json")]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise InputError(f"{places[0].parent}: none of {', '.join(place.name for place in places)}; get one of them")
    entries = []
    for sequence in read_burst(found):
        for part in sequence.folder.split("/"):
            check_name(part, found)
        masks = sequence.masks
        frames = path / "frames" / split / sequence.folder
        entry = VideoEntry(sequence.folder, frames, found, frozenset(masks.names_from_first_object()))
        truth = found if masks.has_truth else None
        entries.append(entry._replace(truth=truth, masks_used="first_of_each_object", object_masks=masks))
    return entries


def _listed_videos(root: Path, names: Sequence[str] | None = None, *, has_truth: bool) -> list[VideoEntry]:
    """List videos of ``JPEGImages/<video>`` and ``Annotations/<video>``; None: all of the latter."""
    frames, masks = root / "JPEGImages", root / "Annotations"
    _check_folders(frames, masks)
    names = [folder.name for folder in list_folders(masks)] if names is None else names
    if not names:
        raise InputError(f"{masks}: no masks; expected a folder of masks per video")
    entries = [VideoEntry(name, frames / name, masks / name, masks_used="first_of_each_object") for name in names]
    return [entry._replace(truth=entry.masks if has_truth else None) for entry in entries]


def _want_truth(entry: VideoEntry) -> VideoEntry:
    """Ask for the frames of the ground truth, from the first one with an object on; 255 alone is a single object."""
    paths = list_images(entry.truth)
    names, labels = list(paths), ()
    while names and not labels:
        labels = find_labels(read_stored_ids(paths[names[0]], allow_colours=True))
        names = names if labels else names[1:]
    return entry._replace(wanted=frozenset(names), is_single_object=labels == (SINGLE_OBJECT_ID,))


def _sav_entry(frames: Path, masks: Path, source: ObjectFolders | None) -> VideoEntry:
    """Make the entry of a video, or of one of its objects."""
    name = frames.name if source is not None else f"{frames.name}/{masks.name}"
    entry = VideoEntry(name, frames, masks, truth=masks, masks_used="first_of_each_object", object_masks=source)
    if source is None:
        return _want_truth(entry)._replace(is_single_object=True)
    return entry._replace(wanted=frozenset(source.names_from_first_object()))


def _check_folders(*folders: Path) -> None:
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; complete the data set, or name the folder that holds it")
