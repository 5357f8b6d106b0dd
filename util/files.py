"""Files that are whole or not there, folders that one run at a time writes to, and how people number files."""

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from util.errors import InputError

PROJECT_ROOT = Path(__file__).resolve().parent.parent
TEMPORARY = re.compile(r"\..+\.(?P<pid>\d+)\.part(\.\w+)?")  # names of temporary files, those of earlier releases too
LOCK = ".stcn.lock"
DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}

_open_temporaries: set[Path] = set()  # those of this process, whose number a dead one may have had; without links


@contextmanager
def write_then_rename(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; rename it to ``path`` when the block ends, remove it when it fails.

    The temporary name keeps the suffix, since libraries choose the format by it. It is short, however long the name of
    the file is, and ends with the number of its process, so that ``remove_leftovers`` knows whose it is.

    Raises:
        InputError: PyTorch cannot write on.
        OSError: the file cannot be written; its name is the file's, not the temporary one.
    """
    digest = hashlib.blake2b(os.fsencode(path.name), digest_size=6).hexdigest()
    temporary = Path(os.path.realpath(path.parent), f".{digest}.{os.getpid()}.part{path.suffix}")
    _open_temporaries.add(temporary)
    try:
        yield temporary
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())  # otherwise the new name may outlive a power cut, and the content not
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as e:
        if str(temporary) not in str(e.filename) and not (e.filename is None and e.errno in DISK_ERRORS):
            raise
        raise OSError(e.errno, e.strerror, str(path)) from e
    except RuntimeError as e:
        if "failed writing" not in str(e):  # torch.save says this on full disks
            raise
        raise InputError(f"{path}: cannot be written to its end; make room on the disk") from e
    finally:
        temporary.unlink(missing_ok=True)
        _open_temporaries.discard(temporary)


def is_temporary(path: Path) -> bool:
    """Tell whether a name is that of a temporary file."""
    return TEMPORARY.fullmatch(path.name) is not None


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files that dead processes left in a folder; those of living ones stay."""
    if not os.path.isdir(folder):  # Path.glob fails on names that are too long
        return
    for path in Path(os.path.realpath(folder)).glob(".*.part*"):
        match = TEMPORARY.fullmatch(path.name)
        if match and path not in _open_temporaries and not _is_alive_elsewhere(int(match["pid"])):
            path.unlink(missing_ok=True)


@contextmanager
def claim_folder(folder: Path, inner: Iterable[Path] = ()) -> Iterator[None]:
    """Keep other runs out of a folder to write to, which is made if need be, and clear it of dead runs' leftovers.

    Args:
        folder: the folder; if it was not there, and is empty at the end, it is removed again.
        inner: folders inside that are written to as well, whether they are there or not.

    Raises:
        InputError: another run is writing to it, or it cannot be written to.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    make_folder(folder)
    lock = FileLock(folder / LOCK, blocking=False)
    try:
        lock.acquire()
    except Timeout as e:
        raise InputError(f"{folder}: another run is writing to it; wait for its end, or choose another folder") from e
    except OSError as e:
        raise InputError(f"{folder}: cannot be written to ({e.strerror}); choose another folder") from e
    try:
        for path in (folder, *inner):
            remove_leftovers(path)
        yield
    finally:
        with suppress(OSError):  # Windows keeps open files
            (folder / LOCK).unlink()  # before the release: a file that another run locks must stay
        lock.release()
        with suppress(OSError):  # not empty
            for path in made:
                path.rmdir()


def make_folder(path: Path) -> None:
    """Make a folder to write to, if it is not there.

    Raises:
        InputError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise InputError(f"{path}: cannot be a folder to write to ({e.strerror}); choose another") from e


def check_free_space(folder: Path, num_bytes: int, purpose: str) -> None:
    """Make sure that a folder's disk has room.

    Raises:
        InputError: it has less than ``num_bytes``.
    """
    free = shutil.disk_usage(folder).free
    if free < num_bytes:
        needed = f"{purpose} needs {num_bytes / 1e9:.1f} GB, but {free / 1e9:.1f} GB are free"
        raise InputError(f"{folder}: {needed}; make room, or choose another disk")


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key that puts ``frame10`` behind ``frame9``."""
    parts = re.split(r"(\d+)", name)
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts if part]


def _sync_folder(folder: Path) -> None:
    """Make a new name outlive a power cut."""
    with suppress(OSError):  # some network disks and systems other than POSIX have no such call
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _is_alive_elsewhere(pid: int) -> bool:
    """Tell whether a number is that of a running process other than this one."""
    if pid == os.getpid() or os.name != "posix":  # elsewhere this call would end the process
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to another user
        return True
    return True
