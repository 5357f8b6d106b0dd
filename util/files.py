"""Files that are whole or not there, and the order in which people number them."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from util.errors import InputError

PROJECT_ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def write_then_rename(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; rename it to ``path`` when the block ends, remove it when it fails.

    The temporary name keeps the suffix, since libraries choose the format by it.

    Raises:
        InputError: PyTorch cannot write on.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())  # otherwise the new name may outlive a power cut, and the content not
        os.replace(temporary, path)
    except RuntimeError as e:
        if "failed writing" not in str(e):  # what torch.save says on full disks
            raise
        raise InputError(f"{path}: cannot be written to its end; make room on the disk") from e
    finally:
        temporary.unlink(missing_ok=True)


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
