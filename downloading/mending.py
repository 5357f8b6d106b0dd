"""The commands that put data in place: moved from where it lies by mistake, or downloaded."""

import shlex
from pathlib import Path

from downloading.sources import DATA_SOURCES, Source


def how_to_replace(path: Path, source: Source, root: Path) -> str:
    """The command that gets the folder of a flawed file or folder anew, and keeps the flawed one beside it."""
    target, resized = root / source.target, root / source.resized
    if not source.resized:
        folders = [target]
    elif path.is_relative_to(resized):
        folders = [resized]
    else:  # what was made from flawed videos must be made again
        folders = [folder for folder in (target, resized) if folder.exists()]
    moves = [f"mv {_quote(folder, folder.with_name(folder.name + '.damaged'))}" for folder in folders]
    return " && ".join([*moves, _download_command(source, root)])


def how_to_place(source: Source, root: Path, *, is_unpacked: bool) -> tuple[str, str]:
    """Why a source is not in place, and the command that puts it there.

    Args:
        is_unpacked: whether only its resized videos are missing.
    """
    if is_unpacked:
        return "not resized yet", _download_command(source, root)
    target, stray = root / source.target, _find_stray(source, root)
    if stray is None:
        return "missing", _download_command(source, root)
    places = [root / other.target for other in DATA_SOURCES.values()]
    children = [
        path for path in sorted(stray.iterdir()) if not any(path in (place, *place.parents) for place in places)
    ]
    return f"lies in {stray}", f"mkdir -p {_quote(target)} && mv {_quote(*children, target)}"


def _find_stray(source: Source, root: Path) -> Path | None:
    """A folder that holds what the target should: too deep, too high, or under the name that the archive gives it."""
    target, top = root / source.target, root / Path(source.target).parts[0]
    in_place = [root / other.target for other in DATA_SOURCES.values() if other.is_in(root / other.target)]
    others = [other for other in DATA_SOURCES.values() if len(other.marker) > len(source.marker)]  # told more surely
    depth = len(Path(source.marker).parts) - 1
    patterns = [(top, "*/" * level + source.marker) for level in range(4)] + [(root, f"*/{source.marker}")]
    for folder in (found.parents[depth] for start, pattern in patterns for found in sorted(start.glob(pattern))):
        is_other = folder in in_place or any(place in folder.parents for place in in_place)
        is_near = target in folder.parents or folder == target.parent != top
        is_other |= any(other.is_in(folder) for other in others)
        if (is_near or folder.name in (target.name, "DAVIS")) and not is_other:
            return folder
    return None


def _download_command(source: Source, root: Path) -> str:
    option = "" if root == Path("..") else f" --root {_quote(root)}"
    return f"python download_datasets.py --only {source.name}{option}"


def _quote(*paths: Path) -> str:
    return shlex.join(map(str, paths))
