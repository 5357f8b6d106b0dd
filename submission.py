"""Hand results in: check that every mask is there, and archive them as evaluation servers want them."""

import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from dataset.frames import open_frames
from dataset.videos import VideoEntry
from util.errors import InputError
from util.files import write_then_rename


def check_submission(entries: Sequence[VideoEntry], output: Path) -> bool:
    """Count the masks ``output/<video>/<frame>.png`` against those that the benchmark asks for, and tell.

    Returns:
        Whether all are there.
    """
    wanted = list_wanted_masks(entries)
    missing = [output / path for path in wanted if not (output / path).exists()]
    print(f"{len(wanted) - len(missing)} of {len(wanted)} masks asked for are written")
    if missing:
        print(f"error: {missing[0]}: missing, the first of {len(missing)}; run again with --resume", file=sys.stderr)
    return not missing


def write_archive(entries: Sequence[VideoEntry], output: Path, archive: Path, *, prefix: str = "") -> None:
    """Zip the masks that the benchmark asks for, each as ``prefix<video>/<frame>.png``."""
    with write_then_rename(archive) as temporary, zipfile.ZipFile(temporary, "w") as file:  # PNGs shrink no further
        for path in list_wanted_masks(entries):
            file.write(output / path, f"{prefix}{path.as_posix()}")
    print(f"the archive for the evaluation server is {archive}")


def list_wanted_masks(entries: Sequence[VideoEntry]) -> list[Path]:
    """Masks ``<video>/<frame>.png`` that the benchmark asks for."""
    return [Path(entry.name, f"{name}.png") for entry in entries for name in _wanted_frames(entry)]


def _wanted_frames(entry: VideoEntry) -> list[str]:
    if entry.wanted is not None:
        return sorted(entry.wanted)
    try:
        return open_frames(entry.frames).names
    except InputError:  # told of when it was to be segmented
        return []
