"""Archives of data sets that are none, damaged or hostile, and places where they cannot go."""

import functools
import io
import os
import random
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import download_bl30k
import download_datasets
from tests.bad_input.builders import Spoil, cut, fill, given, link_to
from tests.bad_input.rows import Row, check_row, table

ARCHIVE = "set.zip"
GOOD = {"DAVIS/JPEGImages/480p/a/00000.jpg": random.Random(0).randbytes(5000), "DAVIS/README.md": b"text"}
DAMAGED = r"set\.zip: damaged, or no zip or tar archive \(.+\); get it again"
OUTSIDE = r"set\.zip: .*esc would lie outside of the folder; do not trust this archive"
LINK = r"set\.zip: esc is a link or a device, not a file; do not trust this archive"
TOO_LARGE = r"out/DAVIS/\S+unpacking: unpacking set\.zip needs \d+\.\d GB, but .* GB are free; make room"


def zipped(files: dict[str, bytes], mode: int = 0) -> Spoil:
    """Write a zip; ``mode`` is the one of the last file, as Unix has it."""

    def spoil(root: Path) -> None:
        with zipfile.ZipFile(root / ARCHIVE, "w") as archive:
            for name, content in files.items():
                info = zipfile.ZipInfo(name)
                info.external_attr = mode << 16 if name == [*files][-1] else 0
                archive.writestr(info, content)

    return spoil


def taped(*members: tuple[str, bytes, dict], kind: str = "w") -> Spoil:
    """Write a tar of the good files and of members: name, content, attributes."""

    def spoil(root: Path) -> None:
        with tarfile.open(root / ARCHIVE, kind, format=tarfile.PAX_FORMAT) as archive:
            for name, content, attributes in (*((name, content, {}) for name, content in GOOD.items()), *members):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                for key, value in attributes.items():
                    setattr(info, key, value)
                archive.addfile(info, io.BytesIO(content))

    return spoil


def then(*spoils: Spoil) -> Spoil:
    def spoil(root: Path) -> list:
        return [option for spoil in spoils for option in spoil(root) or []]

    return spoil


def stated(size: int) -> Spoil:
    """A zip whose second file is said to have another size."""

    def spoil(root: Path) -> None:
        zipped(GOOD)(root)
        content = bytearray((root / ARCHIVE).read_bytes())
        entry = content.rindex(b"PK\x01\x02")
        content[entry + 24 : entry + 28] = size.to_bytes(4, "little")
        (root / ARCHIVE).write_bytes(content)

    return spoil


def sparse(root: Path) -> None:
    """A tar of half a kilobyte that holds a file of a terabyte, all of it a hole."""
    taped(("big", b"", {"pax_headers": {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(10**12)}}))(root)


def encrypted(root: Path) -> None:
    zipped(GOOD)(root)
    content = bytearray((root / ARCHIVE).read_bytes())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + place] |= 1
    (root / ARCHIVE).write_bytes(content)


def twice(root: Path) -> None:
    zipped({"DAVIS/JPEGImages/x": b"a", "DAVIS/JPEGImages/y": b"b"})(root)
    content = (root / ARCHIVE).read_bytes()
    (root / ARCHIVE).write_bytes(content.replace(b"JPEGImages/y", b"JPEGImages/x"))


def nameless(root: Path) -> None:
    zipped({"DAVIS/JPEGImages/x": b"", "~": b""})(root)
    content = (root / ARCHIVE).read_bytes()
    (root / ARCHIVE).write_bytes(content.replace(b"\x01\x00\x00\x00~", b"\x00\x00\x00\x00~").replace(b"~", b""))


def made(make: Callable[[Path], object]) -> Spoil:
    return lambda root: make(root / ARCHIVE) and None


def unpacked(root: Path) -> None:
    zipped(GOOD)(root)
    (root / "out/DAVIS/2016").mkdir(parents=True)
    (root / "out/DAVIS/2016/mine").touch()


BOMB = 10**9
ESCAPE = {"../esc": b"x"}
ROWS = (
    Row("empty file", fill(ARCHIVE, b""), DAMAGED),
    Row("web page", fill(ARCHIVE, b"<!DOCTYPE html><html>quota</html>"), r"set\.zip: a web page, not the file itself"),
    Row("text", fill(ARCHIVE, b"no archive" * 100), DAMAGED),
    Row("zip cut in the middle", then(zipped(GOOD), cut(ARCHIVE, 0.5)), DAMAGED),
    Row("zip cut at its end", then(zipped(GOOD), cut(ARCHIVE, 0.99)), DAMAGED),
    Row("zip of another file", zipped({"a/b": b"c"}), r"set\.zip: holds no JPEGImages; is it another archive\?"),
    Row("zip with a password", encrypted, DAMAGED),
    Row("zip that states a gigabyte", stated(BOMB), DAMAGED),
    Row("zip of a file that appears twice", twice, r"set\.zip: holds DAVIS/JPEGImages/x twice, and nothing is overw"),
    Row("zip of a file without a name", nameless, DAMAGED),
    Row("zip of a path upwards", zipped(GOOD | ESCAPE), OUTSIDE),
    Row("zip of a path that goes in and out", zipped(GOOD | {"a/../../esc": b"x"}), OUTSIDE),
    Row("zip of an absolute path", zipped(GOOD | {"/tmp/esc": b"x"}), OUTSIDE),
    Row("zip of a Windows path", zipped(GOOD | {"C:\\esc": b"x"}), OUTSIDE),
    Row("zip of a Windows path upwards", zipped(GOOD | {"..\\esc": b"x"}), OUTSIDE),
    Row("zip of folders too deep", zipped(GOOD | {"a/" * 99 + "esc": b"x"}), OUTSIDE),
    Row("zip of a name too long", zipped(GOOD | {"n" * 300: b"x"}), r"File name too long"),
    Row("zip of a link", zipped(GOOD | {"esc": b"/etc"}, stat.S_IFLNK | 0o777), LINK),
    Row("zip of a device", zipped(GOOD | {"esc": b""}, stat.S_IFCHR | 0o777), LINK),
    Row("zip of a file that is a folder", zipped(GOOD | {"x": b"", "x/y": b""}), r"x/y is a file and a folder in it"),
    Row("zip of a folder that is a file", zipped(GOOD | {"x/y": b"", "x": b""}), r"set\.zip: holds x twice"),
    Row("tar cut at 30 %", then(taped(), cut(ARCHIVE, 0.3)), DAMAGED),
    Row("tar.gz cut at 30 %", then(taped(kind="w:gz"), cut(ARCHIVE, 0.3)), DAMAGED),
    Row("tar.xz cut at 90 %", then(taped(kind="w:xz"), cut(ARCHIVE, 0.9)), DAMAGED),
    Row("tar of a path upwards", taped(("../esc", b"x", {})), OUTSIDE),
    Row("tar of an absolute path", taped(("/esc", b"x", {})), OUTSIDE),
    Row("tar of a link", taped(("esc", b"", {"type": tarfile.SYMTYPE, "linkname": "/etc"})), LINK),
    Row("tar of a hard link", taped(("esc", b"", {"type": tarfile.LNKTYPE, "linkname": "../esc"})), LINK),
    Row("tar of a pipe", taped(("esc", b"", {"type": tarfile.FIFOTYPE})), LINK),
    Row("tar of a negative size", taped(("esc", b"", {"pax_headers": {"size": "-1024"}})), DAMAGED),
    Row("tar of a terabyte of holes", sparse, TOO_LARGE),
    Row("pipe", made(os.mkfifo), r"set\.zip: a pipe and no regular file; give the archive itself"),
    Row("device", made(link_to("/dev/zero")), r"set\.zip: a device and no regular file; give the archive itself"),
    Row("folder", made(Path.mkdir), r"set\.zip: Is a directory"),
    Row("nothing there", lambda root: None, r"set\.zip: no such file or folder; give the archive itself"),
    Row("link to itself", made(link_to(ARCHIVE)), r"--from_archive: .*set\.zip: a link that leads in a circle"),
    Row("archive without a name", given("--from_archive", ""), r"argument --from_archive: is empty; give a path"),
    Row("root without a name", given("--root", ""), r"argument --root: is empty; give a path"),
    Row("root that is a file", then(zipped(GOOD), given("--root", Path(ARCHIVE))), r"cannot be a folder to write to"),
    Row("another folder in the way", unpacked, r"out/DAVIS/2016: is there already, and nothing is overwritten; move"),
    Row("unknown set", given("--only", "davis2015"), r"argument --only: invalid choice: 'davis2015' \(choose from"),
    Row("one archive for several sets", given("--only", "davis2017"), r"--from_archive is for one archive; name it"),
    Row("unknown option", given("--keep"), r"unrecognized arguments: --keep"),
)


@table(*ROWS)
def test_archives_of_data_sets(row: Row, tmp_path: Path, run_main: Callable) -> None:
    options = ["--yes", "--only", "davis2016", "--root", tmp_path / "out", "--from_archive", tmp_path / ARCHIVE]
    check_row(row, tmp_path, functools.partial(run_main, download_datasets.main, *options))
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file() and path.name != "mine"]


@table(
    Row("archive that was not published", zipped(GOOD), r"set\.zip: its MD5 is \w+, not \w+; get it again from http"),
)
def test_archives_of_bl30k(row: Row, tmp_path: Path, run_main: Callable) -> None:
    options = ["--yes", "--only", "a", "--root", tmp_path / "out", "--from_archive", tmp_path / ARCHIVE]
    check_row(row, tmp_path, functools.partial(run_main, download_bl30k.main, *options))
