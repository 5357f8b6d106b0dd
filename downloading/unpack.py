"""Unpacking archives safely: nothing outside the folder, nothing overwritten, whole or not at all."""

import errno
import gzip
import lzma
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PureWindowsPath
from stat import S_IFMT, S_ISDIR, S_ISREG
from typing import IO, NamedTuple

from util.errors import InputError
from util.files import check_free_space, make_folder
from util.progress import byte_bar

# What damaged, encrypted or exotic archives make the standard library raise.
DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, EOFError, RuntimeError),
    *(ValueError, IndexError, OverflowError),
)
MAC_ATTRIBUTES = "__MACOSX"  # folder of file attributes, in archives that a Mac made
KEPT_FREE = 10**8  # bytes of the disk that are left to others
MAX_DEPTH = 64  # folders in each other
DESCRIPTIONS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
MAX_DESCRIPTION = 1 << 20  # bytes of a tar member that describes the next one; it is read into memory


class DamagedError(InputError):
    """An archive cannot be unpacked."""


class _TarMember(tarfile.TarInfo):
    """A member of a tar archive, whose size is checked before it is read into memory."""

    @classmethod
    def frombuf(cls, *header: object) -> tarfile.TarInfo:
        """Read a header."""
        member = super().frombuf(*header)
        if member.type in DESCRIPTIONS and member.size > MAX_DESCRIPTION:
            raise tarfile.ReadError(f"a description of {member.size / 1e6:.0f} MB")
        return member


class _Member(NamedTuple):
    name: str
    num_bytes: int  # no more can be read from it
    is_folder: bool
    is_file: bool  # neither a folder nor a file: a link or a device
    open: Callable[[], IO[bytes]]


def unpack(archive: Path, target: Path, marker: str) -> None:
    """Unpack a zip or tar archive and the zips in it, and put one of its folders in place.

    The files go to a hidden folder beside ``target`` first. One that an interruption left behind is removed.

    Args:
        target: path that the folder gets.
        marker: path, or pattern of one, by which the folder is recognised, wherever it lies in the archive.

    Raises:
        DamagedError: the archive cannot be read to its end.
        InputError: the target is there already, the archive holds links, no such folder, or members that would lie
            outside of it, or the disk is too small.
    """
    if target.exists():
        raise InputError(f"{target}: is there already, and nothing is overwritten; move it away first")
    make_folder(target.parent)
    temporary = target.with_name(f".{target.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        _extract(archive, temporary)
        for inner in sorted(path for path in temporary.rglob("*.zip") if path.is_file()):
            _extract(inner, inner.parent)
            inner.unlink()
        os.replace(_find_folder(temporary, marker, archive), target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _find_folder(root: Path, marker: str, archive: Path) -> Path:
    """Find the folder nearest to the root that holds the marker."""
    found = min(root.rglob(marker), key=lambda path: (len(path.parts), path), default=None)
    if found is None:
        raise InputError(f"{archive}: holds no {marker}; is it another archive? Give the right one")
    return found.parents[len(Path(marker).parts) - 1]


def _extract(archive: Path, folder: Path) -> None:
    """Write all files of an archive."""
    make_folder(folder)
    try:
        read = _read_tar if _is_tar(archive) else _read_zip
        num_bytes = sum(member.num_bytes for member in read(archive))
        check_free_space(folder, num_bytes + KEPT_FREE, f"unpacking {archive.name}")
        with byte_bar(f"unpacking {archive.name}", num_bytes) as bar:
            num_done = 0
            for member in read(archive):
                if MAC_ATTRIBUTES not in PureWindowsPath(member.name).parts:
                    _write(member, folder, archive)
                    num_done += member.num_bytes
                    bar.update(num_done)
    except (*DAMAGED, OSError) as e:
        if isinstance(e, OSError) and e.errno not in (
            None,
            errno.EINVAL,
        ):  # these two: bz2, and places before the start
            raise
        raise DamagedError(f"{archive}: damaged, or no zip or tar archive ({e}); get it again") from e


def _write(member: _Member, folder: Path, archive: Path) -> None:
    """Write one file, which must lie inside, be new, and leave room on the disk."""
    relative = PureWindowsPath(member.name)  # knows the separators and roots of all systems
    if relative.anchor or ".." in relative.parts or len(relative.parts) > MAX_DEPTH:
        raise InputError(f"{archive}: {member.name} would lie outside of the folder; do not trust this archive")
    if not member.is_folder and not member.is_file:
        raise InputError(f"{archive}: {member.name} is a link or a device, not a file; do not trust this archive")
    path = folder.joinpath(*relative.parts)
    try:
        make_folder(path if member.is_folder else path.parent)
    except InputError as e:
        if not isinstance(e.__cause__, (FileExistsError, NotADirectoryError)):
            raise
        raise InputError(f"{archive}: {member.name} is a file and a folder in it; get it again") from e
    if member.is_folder:
        return
    if path.exists():
        raise InputError(f"{archive}: holds {member.name} twice, and nothing is overwritten; get it again")
    check_free_space(folder, member.num_bytes + KEPT_FREE, f"unpacking {member.name} of {archive.name}")
    with member.open() as source, path.open("xb") as copy:
        shutil.copyfileobj(source, copy, 1 << 20)
        if copy.tell() != member.num_bytes:
            raise EOFError(f"{member.name} ends early")


def _is_tar(archive: Path) -> bool:
    try:
        tarfile.open(archive, tarinfo=_TarMember).close()
    except tarfile.TarError:
        return False
    return True


def _read_zip(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            mode = info.external_attr >> 16
            is_file = S_ISREG(mode) or not S_IFMT(mode)
            is_folder = info.is_dir() or S_ISDIR(mode)
            yield _Member(info.filename, info.file_size, is_folder, is_file, partial(file.open, info))


def _read_tar(archive: Path) -> Iterator[_Member]:
    with tarfile.open(archive, tarinfo=_TarMember) as file:
        while (info := file.next()) is not None:
            if info.size < 0:  # Python before 3.13 would read the same member for ever
                raise tarfile.ReadError(f"{info.name} has {info.size} bytes")
            yield _Member(info.name, info.size, info.isdir(), info.isreg(), partial(file.extractfile, info))
            file.members.clear()  # else the list of a million members fills the memory
        file.fileobj.seek(file.offset)
        if file.fileobj.read(512) != bytes(512):  # zeros end an archive; else a header was damaged or cut
            raise tarfile.ReadError("it ends early")
