"""Whether the data sets are in their places, complete and readable."""

import json
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from dataset.images import decode_image, list_images
from dataset.layouts import read_list, youtube_videos
from dataset.static_dataset import find_pairs
from downloading.sources import Content, Layout, Source
from util.errors import InputError
from util.progress import map_in_threads

log = logging.getLogger(__name__)

MAX_LISTED = 10  # problems of one content that are listed one by one


class Problem(NamedTuple):
    """Something wrong with a file or folder."""

    path: Path
    cause: str


class Item(NamedTuple):
    """A sequence or a photograph."""

    files: list[Path]  # images and masks that must be readable
    num_frames: int = 0  # frames, if this is a sequence
    problems: tuple[Problem, ...] = ()


class Report(NamedTuple):
    """The state of a source on this disk."""

    summary: list[str]  # a line for each content that was counted
    problems: list[Problem]
    in_the_way: list[Path]  # folders that must be moved away before the source can be downloaded again


def verify(source: Source, root: Path) -> Report:
    """Look below ``root`` for what a source becomes, count its sequences or photographs, and decode all files."""
    folders = [root / path for path in (source.target, source.resized) if path]
    present = [folder for folder in folders if source.is_in(folder)]
    if folders[-1] not in present:  # the original of resized videos may be missing
        return _report_missing(source, folders, present)
    summary, problems, in_the_way = [], [], []
    for folder in present:
        lines, found = _verify_folder(source, folder)
        summary += lines
        problems += found
        if found or in_the_way:  # frames made from damaged videos must be made again
            in_the_way.append(folder)
    return Report(summary, problems, in_the_way)


def _report_missing(source: Source, folders: list[Path], present: list[Path]) -> Report:
    """Report a source that is not in place.

    Args:
        folders: all that it becomes.
        present: those of them that are there.
    """
    summary = [f"{source.name}: not in place"]
    in_the_way = [folder for folder in folders if folder.exists() and folder not in present]
    if in_the_way:
        return Report(summary, [Problem(folder, f"holds no {source.marker}") for folder in in_the_way], in_the_way)
    return Report(summary, [Problem(folders[-1], "not resized yet" if present else "missing")], [])


def _verify_folder(source: Source, folder: Path) -> tuple[list[str], list[Problem]]:
    """Lines that say what was counted, and problems."""
    summary, problems = [], []
    for content in source.contents:
        try:
            items = _find_items(content, folder)
        except InputError as e:
            problems.append(Problem(folder, str(e).split("; ")[0]))  # without the remedy, which is another one here
            continue
        expected = "" if content.count is None else f" of {content.count}"
        num_frames = sum(item.num_frames for item in items)
        frames = f", {num_frames} frames" if num_frames else ""
        summary.append(f"{folder}: {content.title}: {len(items)}{expected}{frames}")
        if not items:
            problems.append(Problem(folder, f"no {content.title}"))
        elif content.count is not None and len(items) < content.count:
            problems.append(Problem(folder, f"{len(items)} {content.title}, not {content.count}"))
        if content.index and not _is_json(folder / content.index):
            problems.append(Problem(folder / content.index, "missing or damaged"))
        problems += _find_problems(content, items, folder)
    return summary or [f"{folder}: in place"], problems


def _find_items(content: Content, folder: Path) -> list[Item]:
    images, annotations = folder / "JPEGImages", folder / "Annotations"
    match content.layout:
        case Layout.PHOTOGRAPHS:
            return _find_photographs(folder / content.folder)
        case Layout.DAVIS:
            paths = [Path(os.path.normpath(folder / path)) for path in content.lists]  # the folder may be a link
            names = read_list(next((path for path in paths if path.exists()), paths[0]))
            images, annotations = images / "480p", annotations / "480p"
        case Layout.YOUTUBE:
            names = sorted(path.name for path in images.iterdir() if path.is_dir())
        case Layout.ALL_FRAMES:
            return _find_all_frames(folder)
    return [
        Item([])
        if name in content.damaged
        else _check_sequence(images / name, annotations / name, has_all_masks=content.has_all_masks)
        for name in names
    ]


def _find_photographs(folder: Path) -> list[Item]:
    pairs = find_pairs(folder)
    lonely = sorted({*folder.rglob("*.jpg")} - {pair.image for pair in pairs})
    items = [Item([pair.image, pair.mask]) for pair in pairs]
    return items + [Item([path], problems=(Problem(path, "has no mask beside it"),)) for path in lonely]


def _find_all_frames(folder: Path) -> list[Item]:
    """Sequences and frames that the validation set asks for; if that is not usable, whatever sequences are there."""
    year = folder.parent.parent
    if not (_is_json(year / "valid/meta.json") and (year / "valid/Annotations").is_dir()):
        log.warning("%s: unusable, so nobody knows which frames %s must hold", year / "valid", folder)
        return [_check_sequence(path) for path in sorted((folder / "JPEGImages").iterdir()) if path.is_dir()]
    return [_check_sequence(video.frames, wanted=video.wanted) for video in youtube_videos(year, "valid")]


def _check_sequence(
    images: Path, annotations: Path | None = None, *, has_all_masks: bool = False, wanted: Iterable[str] = ()
) -> Item:
    """List the files of a sequence, and those that are missing.

    Args:
        annotations: folder of masks; None: it has none.
        has_all_masks: whether each frame has a mask, rather than some frames.
        wanted: frames that must be there, beside those with a mask.
    """
    frames = list_images(images) if images.is_dir() else {}
    masks = list_images(annotations) if annotations and annotations.is_dir() else {}
    if not frames:
        return Item([], problems=(Problem(images, "no frames"),))
    problems = _list_missing(images, "frames", {*wanted, *masks} - frames.keys())
    if annotations and not masks:
        problems.append(Problem(annotations, "no masks"))
    elif has_all_masks:
        problems += _list_missing(annotations, "masks", frames.keys() - masks.keys())
    return Item([*frames.values(), *masks.values()], len(frames), tuple(problems))


def _list_missing(folder: Path, what: str, names: set[str]) -> list[Problem]:
    return [Problem(folder, f"missing {what}: {len(names)}, the first is {min(names)}")] if names else []


def _find_problems(content: Content, items: list[Item], folder: Path) -> list[Problem]:
    """Problems of the items; of many, the first ones and the number of the others."""
    log.info("%s: decoding the files of %d %s", folder, len(items), content.title)
    problems = [problem for found in map_in_threads(_check_files, items) for problem in found]
    num_more = len(problems) - MAX_LISTED
    if num_more <= 0:
        return problems
    return [*problems[:MAX_LISTED], Problem(folder, f"{num_more} more such problems")]


def _check_files(item: Item) -> list[Problem]:
    return [*item.problems, *(Problem(path, "cannot be decoded") for path in item.files if not _is_readable(path))]


def _is_readable(path: Path) -> bool:
    try:
        decode_image(path)
    except InputError:
        return False
    return True


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return False
    return True
