"""Lists of frames in a text file: a frame on each line, or VIDEO/FRAME where there are several videos."""

from pathlib import Path

from dataset.videos import VideoEntry
from util.errors import InputError
from util.limits import check_kind


def select_videos(entries: list[VideoEntry], names: list[str], source: Path) -> list[VideoEntry]:
    """Select videos by name, in the order of the names.

    Args:
        source: where the names come from.

    Raises:
        InputError: there is no video of a name.
    """
    by_name = {entry.name: entry for entry in entries}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise InputError(f"{source}: names {unknown[0]}, which is none of the {len(entries)} videos; correct it")
    return [by_name[name] for name in names]


def want_frames(entries: list[VideoEntry], path: Path) -> list[VideoEntry]:
    """Want the frames of a list only.

    Args:
        path: a text file; each line holds a frame of all videos (name or number), or VIDEO/FRAME.

    Raises:
        InputError: the list is unreadable or empty, names an unknown video, or has no frame of one of the videos.
    """
    of_video: dict[str, set[str]] = {entry.name: set() for entry in entries}
    for line in _read_lines(path):
        video, _, frame = line.rpartition("/")
        if video and video not in of_video:
            raise InputError(f"{path}: names {video}, which is none of the {len(entries)} videos; correct it")
        for name in [video] if video else of_video:
            of_video[name].add(frame)
    empty = [name for name, frames in of_video.items() if not frames]
    if empty:
        raise InputError(f"{path}: names no frame of {empty[0]}; add one")
    return [entry._replace(wanted=frozenset(of_video[entry.name])) for entry in entries]


def _read_lines(path: Path) -> list[str]:
    """Read the lines of a text file, without empty ones and those that begin with ``#``."""
    check_kind(path, "give a list with a frame on each line")
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except OSError as e:
        raise InputError(f"{path}: no readable list ({e.strerror}); give one with a frame on each line") from e
    except UnicodeDecodeError as e:
        raise InputError(f"{path}: not a list but other data; give one with a frame on each line") from e
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        raise InputError(f"{path}: an empty list; expected a frame on each line")
    return found
