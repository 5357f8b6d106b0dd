"""Results for an evaluation server: check that every mask is there, and archive them as the server wants them."""

import logging
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from dataset.frames import open_frames
from dataset.images import list_images
from dataset.stored_masks import read_stored_ids
from dataset.videos import VideoEntry
from util.errors import InputError
from util.files import claim_folder, write_then_rename
from util.report import announce

log = logging.getLogger(__name__)

Form = Callable[[Sequence[VideoEntry], Path], list[Path]]  # see evaluation.forms


def hand_in(
    entries: Sequence[VideoEntry],
    masks: Path,
    archive: Path | None,
    status: int,
    *,
    prefix: str = "",
    form: Form | None = None,
) -> int:
    """Count the masks ``masks/<video>/<frame>.png`` against those that the data set asks for; archive them.

    Args:
        archive: the zip file to write, unless anything failed or is missing; None: only count.
        status: exit status of the run so far.
        prefix: folder in the archive.
        form: writes the results in the form of the data set beside the folder of masks, unless anything failed or is
            missing; the archive then holds these. None: the masks are the results.

    Returns:
        The exit status: 1 if masks are missing, else as before.
    """
    wanted = list_wanted_masks(entries)
    missing = [masks / path for path in wanted if not (masks / path).exists()]
    announce(f"{len(wanted) - len(missing)} of {len(wanted)} masks asked for are written")
    if missing:
        log.error("%s: missing, the first of %d; fix what failed, then resume", missing[0], len(missing))
    if missing or status:
        if archive is not None:
            archive.unlink(missing_ok=True)  # an earlier run's would not hold what lies there now
            log.error("%s: not written, since not all videos went well", archive)
        return 1 if missing else status
    if form is not None:
        with claim_folder(masks.parent):
            wanted = form(entries, masks)
        masks = masks.parent
    if archive is not None:
        write_archive(archive, masks, wanted, prefix)
    return status


def write_archive(archive: Path, output: Path, masks: Sequence[Path], prefix: str) -> None:
    with claim_folder(archive.parent), write_then_rename(archive) as temporary, zipfile.ZipFile(temporary, "w") as file:
        for path in masks:
            file.write(output / path, f"{prefix}{path.as_posix()}")  # stored: PNGs shrink no further
    announce(f"the archive for the evaluation server is {archive}")


def list_wanted_masks(entries: Sequence[VideoEntry]) -> list[Path]:
    """List the masks ``<video>/<frame>.png`` that the data set asks for."""
    return [Path(entry.name, f"{name}.png") for entry in entries for name in _wanted_frames(entry)]


def _wanted_frames(entry: VideoEntry) -> list[str]:
    """List the frames that the data set asks for, or else all from the first one with a mask on."""
    if entry.wanted is not None:
        return sorted(entry.wanted)
    try:
        names = open_frames(entry.frames).names
        if not entry.masks.is_dir():
            return names
        masks = list_images(entry.masks)
        has_objects = (name in masks and read_stored_ids(masks[name], allow_colours=True).any() for name in names)
        return names[next((index for index, is_first in enumerate(has_objects) if is_first), len(names)) :]
    except (InputError, OSError):  # reported when it was to be segmented
        return []
