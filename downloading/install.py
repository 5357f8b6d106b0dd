"""Data sets put in place: each archive is fetched, unpacked, moved to its folder, and resized if training needs it."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dataset.resize import SHORT_SIDE, resize_videos
from downloading.fetch import UnreachableError, fetch, find_problem, set_aside
from downloading.sources import Source
from downloading.unpack import DamagedError, unpack
from util.errors import InputError
from util.limits import check_path

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class InstallSettings:
    """The folders that data sets go to, and the source of their archives.

    Attributes:
        root: folder that holds all data sets.
        from_archive: archive to take instead of downloading one; None: download.
        keep_archives: whether downloaded archives stay after they are unpacked.
    """

    root: Path
    from_archive: Path | None = None
    keep_archives: bool = False


def install_all(
    sources: Sequence[Source], settings: InstallSettings, install_one: Callable[[Source, InstallSettings], None]
) -> int:
    """Install one source after the other; one that fails is reported and does not stop the others.

    Args:
        install_one: ``install``, or a function that does more.

    Returns:
        The number of sources that failed.

    Raises:
        InputError: all failed, or there is no connection.
    """
    num_failed = 0
    for source in sources:
        try:
            install_one(source, settings)
        except (InputError, OSError) as e:
            if len(sources) == 1 or isinstance(e, UnreachableError):
                raise
            num_failed += 1
            log.error("%s", e)
    if num_failed == len(sources):
        raise InputError(f"{settings.root}: none of {num_failed} archives could be installed; the causes stand above")
    return num_failed


def install(source: Source, settings: InstallSettings) -> None:
    """Fetch an archive and unpack it to its place, and resize its videos if training reads them so.

    Raises:
        InputError: with the remedy.
    """
    target, last = settings.root / source.target, settings.root / (source.resized or source.target)
    if source.is_in(last):
        log.info("%s is there already", last)
        return
    if not source.is_in(target):
        _place(source, settings, target)
    if source.resized:
        log.info("%s: resizing to short side %d; when interrupted, run this again to go on", target, SHORT_SIDE)
        num_unreadable = resize_videos(target, last)
        log.info("%s is in place%s", last, f", without {num_unreadable} unreadable files" if num_unreadable else "")


def _place(source: Source, settings: InstallSettings, target: Path) -> None:
    if source.needs and not (settings.root / source.needs).exists():
        raise InputError(f"{settings.root / source.needs}: must be there before {source.name}; install it first")
    if settings.from_archive is not None:
        check_path(settings.from_archive, "give the archive itself")
        if problem := find_problem(settings.from_archive, source.checksum):
            raise InputError(f"{settings.from_archive}: {problem}; get it again from {source.address}")
        unpack(settings.from_archive, target, source.marker)
    else:
        archive = settings.root / "archives" / source.file_name
        fetch(source, archive)
        try:
            unpack(archive, target, source.marker)
        except DamagedError as e:
            raise InputError(f"{e}: it is kept aside as {set_aside(archive).name}, run this again") from e
        if not settings.keep_archives:
            archive.unlink()
            log.info("removed %s", archive)
    log.info("%s is in place", target)
