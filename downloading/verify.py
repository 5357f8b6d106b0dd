"""Whether the data sets are in their places, complete and readable, and the command that mends each flaw."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from dataset.frames import list_images
from dataset.images import decode_image
from dataset.layouts import davis_2016_videos, read_list, youtube_videos
from dataset.static_dataset import COPIES, find_pairs
from downloading.mending import how_to_place, how_to_replace
from downloading.sources import Source
from training.data import YOUTUBE_LEFT_OUT
from util.errors import InputError
from util.progress import map_in_threads

log = logging.getLogger(__name__)

MAX_TOLD = 10  # flaws of a part that are told one by one


class Flaw(NamedTuple):
    """Something wrong with a file or folder."""

    path: Path
    problem: str


class Item(NamedTuple):
    """A sequence, or a set of photographs."""

    files: list[Path]  # images and masks, to be decoded
    num_frames: int = 0
    flaws: tuple[Flaw, ...] = ()


class Part(NamedTuple):
    """Items that are counted together."""

    title: str
    items: list[Item]
    num_expected: int


class Report(NamedTuple):
    """What was found of a source."""

    summary: list[str]  # a line for each part
    errors: list[str]  # place, problem and the command that mends it


def verify(source: Source, root: Path) -> Report:
    """Look for what a source becomes below ``root``, count its sequences and decode all files."""
    folders = [root / path for path in (source.target, source.resized) if path]
    present = [folder for folder in folders if source.is_in(folder)]
    if folders[-1] not in present:  # without the original of the resized videos nothing is amiss
        problem, command = how_to_place(source, root, is_unpacked=bool(present))
        return Report([f"{source.name}: not in place"], [f"{folders[-1]}: {problem}; mend it with: {command}"])
    summary, flaws = [], []
    for folder in present:
        try:
            parts = _list_parts(source, folder, root)
        except InputError as e:
            flaws.append(Flaw(folder, str(e).split("; ")[0]))
            continue
        summary += [] if parts else [f"{folder}: in place"]
        for part in parts:
            num_frames = sum(item.num_frames for item in part.items)
            summary.append(f"{folder}: {part.title}: {len(part.items)} of {part.num_expected}, {num_frames} frames")
            flaws += _find_flaws(part, folder)
    return Report(
        summary, [f"{path}: {problem}; mend it with: {how_to_replace(path, source, root)}" for path, problem in flaws]
    )


def _list_parts(source: Source, folder: Path, root: Path) -> list[Part]:
    year = root / Path(source.target).parts[0]  # of YouTube-VOS
    num_valid = 474 if year.name == "YouTube2018" else 507
    match source.name:
        case "static":
            sets = [name for name in COPIES if (folder / name).is_dir()]
            return [Part("sets of photographs", [_photographs(folder / name) for name in sets], len(COPIES))]
        case "davis2016":
            return [_davis_part("val", folder, [video.name for video in davis_2016_videos(folder)], 20)]
        case "davis2017_trainval":
            lists = {name: read_list(folder / f"ImageSets/2017/{name}.txt") for name in ("train", "val")}
            return [_davis_part(name, folder, lists[name], count) for name, count in (("train", 60), ("val", 30))]
        case "davis2017_testdev":
            names = read_list(folder / "ImageSets/2017/test-dev.txt")
            return [_davis_part("test-dev", folder, names, 30, has_all_masks=False)]
        case "youtube2019_train":
            return [_youtube_part(folder, 3471, has_all_masks=True)]
        case "youtube2019_valid" | "youtube2018_valid":
            return [_youtube_part(folder, num_valid, has_all_masks=False)]
        case "youtube2019_all_frames" | "youtube2018_all_frames":
            videos = youtube_videos(year, "valid")
            return [Part("sequences", [_sequence(video.frames, wanted=video.wanted) for video in videos], num_valid)]
    return []  # scribbles


def _davis_part(title: str, folder: Path, names: list[str], num_expected: int, *, has_all_masks: bool = True) -> Part:
    images, masks = folder / "JPEGImages/480p", folder / "Annotations/480p"
    items = [_sequence(images / name, masks / name, has_all_masks=has_all_masks) for name in names]
    return Part(f"sequences of {title}", items, num_expected)


def _youtube_part(folder: Path, num_expected: int, *, has_all_masks: bool) -> Part:
    """Of a folder's sequences, those that are known as damaged and never read are counted only."""
    images, masks = folder / "JPEGImages", folder / "Annotations"
    names = sorted(path.name for path in images.iterdir() if path.is_dir())
    items = [
        Item([]) if name in YOUTUBE_LEFT_OUT else _sequence(images / name, masks / name, has_all_masks=has_all_masks)
        for name in names
    ]
    return Part("sequences", items, num_expected)


def _sequence(
    images: Path, annotations: Path | None = None, *, has_all_masks: bool = False, wanted: Iterable[str] = ()
) -> Item:
    """The files of a sequence.

    Args:
        annotations: folder of masks; None: there are none.
        has_all_masks: whether each frame has one.
        wanted: frames that must be there, beside those with a mask.
    """
    frames, masks = (list_images(folder) if folder and folder.is_dir() else {} for folder in (images, annotations))
    checks = [(images, "frame", {*wanted, *masks} - frames.keys())]
    if annotations and (has_all_masks or not masks):
        checks.append((annotations, "mask", frames.keys() - masks.keys()))
    flaws = [
        Flaw(folder, f"{what} {min(names)} and {len(names) - 1} more missing")
        for folder, what, names in checks
        if names
    ]
    if not frames:
        flaws = [Flaw(images, "no frames")]
    return Item([*frames.values(), *masks.values()], len(frames), tuple(flaws))


def _photographs(folder: Path) -> Item:
    pairs = find_pairs(folder)
    lonely = sorted({*folder.rglob("*.jpg")} - {pair.image for pair in pairs})
    flaws = () if pairs else (Flaw(folder, "no image with a mask beside it"),)
    if lonely and pairs:
        flaws = (Flaw(folder, f"{len(lonely)} images without a mask beside them, first {lonely[0].name}"),)
    return Item([path for pair in pairs for path in (pair.image, pair.mask)], len(pairs), flaws)


def _find_flaws(part: Part, folder: Path) -> list[Flaw]:
    flaws = []
    if len(part.items) != part.num_expected:
        flaws.append(Flaw(folder, f"{len(part.items)} {part.title}, not {part.num_expected}"))
    log.info("%s: decoding the files of %d %s", folder, len(part.items), part.title)
    found = [flaw for flaws in map_in_threads(_find_item_flaws, part.items) for flaw in flaws]
    if len(found) > MAX_TOLD:
        found[MAX_TOLD:] = [Flaw(folder, f"{len(found) - MAX_TOLD} more such flaws")]
    return flaws + found


def _find_item_flaws(item: Item) -> list[Flaw]:
    return [*item.flaws, *(Flaw(path, "cannot be decoded") for path in item.files if not _is_readable(path))]


def _is_readable(path: Path) -> bool:
    try:
        decode_image(path)
    except InputError:
        return False
    return True
