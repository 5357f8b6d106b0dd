"""Limits on what is opened: regular files, and images of a bounded size."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from util.errors import InputError

MAX_PIXELS = 100_000_000  # an image or a video's frame with more is refused before its memory is taken
KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


def check_path(path: Path, remedy: str, missing: str = "no such file or folder") -> None:
    """Refuse what is neither a regular file nor a folder before it is opened: a pipe could be waited for in vain.

    Args:
        remedy: what the user may do, for the message.
        missing: the cause if there is nothing.

    Raises:
        InputError: there is nothing, a link that leads nowhere or in a circle, or a pipe, socket or device.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError as e:
        raise InputError(f"{path}: {_describe_failure(path, e, missing)}; {remedy}") from e
    except ValueError as e:
        raise InputError(f"{str(path)!r}: no name of a file ({e}); {remedy}") from e
    _refuse_special(path, mode, remedy)


def check_kind(path: Path, remedy: str) -> None:
    """Refuse a pipe, socket or device before it is opened; whether there is anything shows when it is.

    Raises:
        InputError: it is one.
    """
    with suppress(OSError):
        _refuse_special(path, os.stat(path).st_mode, remedy)


def check_num_pixels(path: Path, width: int, height: int) -> None:
    """Refuse an image by the size that its header states.

    Raises:
        InputError: it has more than ``MAX_PIXELS``.
    """
    if width * height > MAX_PIXELS:
        raise too_large(path, f"{width}x{height} pixels")


def too_large(path: Path, size: str) -> InputError:
    """Make the error for an image of more than ``MAX_PIXELS``."""
    return InputError(f"{path}: {size}, more than the {MAX_PIXELS / 1e6:.0f} million that are read; make it smaller")


def _refuse_special(path: Path, mode: int, remedy: str) -> None:
    kind = KINDS.get(stat.S_IFMT(mode))
    if kind is not None:
        raise InputError(f"{path}: {kind} and no regular file; {remedy}")


def _describe_failure(path: Path, error: OSError, missing: str) -> str:
    if error.errno == errno.ELOOP:
        return "a link that leads in a circle"
    if error.errno not in (errno.ENOENT, errno.ENOTDIR):
        return error.strerror
    return f"a link that leads nowhere, to {os.readlink(path)}" if path.is_symlink() else missing
