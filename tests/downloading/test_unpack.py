"""Unpacking: nothing outside, nothing overwritten, whole or not at all."""

import io
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from downloading.unpack import KEPT_FREE, DamagedError, unpack
from tests.conftest import files_in
from util.errors import InputError

GOOD = {"DAVIS/JPEGImages/a/00000.jpg": b"frame", "DAVIS/README": b"text", "__MACOSX/JPEGImages/x": b""}
PLACED = ["README", "JPEGImages/a/00000.jpg"]


def make_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


def make_tar(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as file:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


def add_link(path: Path, name: str, kind: bytes, to: str) -> Path:
    with tarfile.open(path, "w") as file:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, to
        file.addfile(info)
    return path


def zip_link(path: Path) -> Path:
    info = zipfile.ZipInfo("JPEGImages")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(info, "/etc")
    return path


def refused(archive: Path, target: Path) -> str:
    """The message; nothing may be left at the target or beside it."""
    with pytest.raises(InputError) as caught:
        unpack(archive, target, "JPEGImages")
    assert not target.exists()
    assert list(target.parent.glob(".*")) == []
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("make", [make_zip, make_tar, partial(make_tar, mode="w:gz")], ids=["zip", "tar", "tar.gz"])
def test_the_folder_with_the_marker_gets_its_name(tmp_path: Path, make: Callable) -> None:
    unpack(make(tmp_path / "x", GOOD), tmp_path / "to" / "2016", "JPEGImages")
    assert files_in(tmp_path / "to") == sorted(f"2016/{name}" for name in PLACED)
    assert (tmp_path / "to/2016/JPEGImages/a/00000.jpg").read_bytes() == b"frame"


def test_archives_in_archives_and_folders_anywhere(tmp_path: Path) -> None:
    inner = make_zip(tmp_path / "inner.zip", {"train/JPEGImages/v/0.jpg": b"", "train/meta.json": b"{}"})
    archive = make_zip(tmp_path / "x.zip", {"data/youtube/train.zip": inner.read_bytes()})
    unpack(archive, tmp_path / "YouTube" / "train", "JPEGImages")
    assert files_in(tmp_path / "YouTube") == ["train/JPEGImages/v/0.jpg", "train/meta.json"]
    flat = make_zip(tmp_path / "flat.zip", {"JPEGImages/v/0.jpg": b""})
    unpack(flat, tmp_path / "YouTube" / "valid", "JPEGImages")
    assert files_in(tmp_path / "YouTube" / "valid") == ["JPEGImages/v/0.jpg"]


def test_a_marker_may_be_a_path(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "x.zip", {"DAVIS/ImageSets/2017/val.txt": b"a", "DAVIS/JPEGImages/x": b""})
    unpack(archive, tmp_path / "trainval", "ImageSets/2017/val.txt")
    assert files_in(tmp_path / "trainval") == ["ImageSets/2017/val.txt", "JPEGImages/x"]


@pytest.mark.parametrize("name", ["../evil", "JPEGImages/../../evil", "/tmp/evil", "C:\\evil", "C:evil", "..\\evil"])
@pytest.mark.parametrize("make", [make_zip, make_tar], ids=["zip", "tar"])
def test_members_that_escape_are_refused(tmp_path: Path, make: Callable, name: str) -> None:
    message = refused(make(tmp_path / "x", {**GOOD, name: b"evil"}), tmp_path / "to" / "target")
    assert "evil would lie outside of the folder" in message
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
@pytest.mark.parametrize("to", ["/etc", "../../outside"])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes, to: str) -> None:
    archive = add_link(tmp_path / "x.tar", "JPEGImages", kind, to)
    assert "JPEGImages is a link or a device" in refused(archive, tmp_path / "to" / "target")


def test_links_in_zips_are_refused(tmp_path: Path) -> None:
    assert "is a link" in refused(zip_link(tmp_path / "x.zip"), tmp_path / "to" / "target")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "mine").write_text("mine")
    with pytest.raises(InputError, match="target: is there already, and nothing is overwritten; move it away"):
        unpack(make_zip(tmp_path / "x.zip", GOOD), target, "JPEGImages")
    assert files_in(target) == ["mine"]
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as file:
        file.writestr("JPEGImages/x", b"first")
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("JPEGImages/x", b"second")
    assert "holds JPEGImages/x twice" in refused(tmp_path / "twice.zip", tmp_path / "to" / "target")


def test_damaged_and_foreign_archives_are_refused(tmp_path: Path) -> None:
    target = tmp_path / "to" / "target"
    assert "x.zip: holds no JPEGImages" in refused(make_zip(tmp_path / "x.zip", {"a/b": b""}), target)
    content = bytearray(make_zip(tmp_path / "crc.zip", {"JPEGImages/x": bytes(range(256))}).read_bytes())
    content[60] ^= 0xFF
    (tmp_path / "crc.zip").write_bytes(content)
    assert "crc.zip: damaged" in refused(tmp_path / "crc.zip", target)
    for make in (make_zip, make_tar):
        whole = make(tmp_path / "cut", {"JPEGImages/x": bytes(100_000)}).read_bytes()
        (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
        assert "cut: damaged" in refused(tmp_path / "cut", target)
    tar = bytearray(make_tar(tmp_path / "x.tar", {"JPEGImages/x": b"x", "JPEGImages/y": b"y"}).read_bytes())
    (tmp_path / "boundary.tar").write_bytes(tar[:1024])  # behind the first member
    assert "boundary.tar: damaged, or no zip or tar archive (it ends early)" in refused(
        tmp_path / "boundary.tar", target
    )
    tar[1024 + 10] ^= 0xFF  # the name of the second member
    (tmp_path / "header.tar").write_bytes(tar)
    assert "header.tar: damaged" in refused(tmp_path / "header.tar", target)
    (tmp_path / "page.zip").write_text("<html>quota</html>")
    assert "page.zip: damaged, or no zip or tar archive" in refused(tmp_path / "page.zip", target)


class Disk:
    """A disk of limited size that holds one folder; it stands in for ``shutil.disk_usage``.

    Attributes:
        size: in bytes.
        most_used: the most that the folder held at any time the disk was looked at.
        is_pulled: whether to interrupt as soon as something is written.
    """

    def __init__(self, folder: Path, size: int, *, is_pulled: bool = False) -> None:
        self.folder, self.size, self.most_used, self.is_pulled = folder, size, 0, is_pulled

    def __call__(self, _: Path) -> SimpleNamespace:
        used = sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        self.most_used = max(used, self.most_used)
        if used and self.is_pulled:
            raise KeyboardInterrupt
        return SimpleNamespace(free=self.size - used)


@pytest.mark.parametrize("make", [make_zip, make_tar], ids=["zip", "tar"])
def test_a_full_disk_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable
) -> None:
    archive = make(tmp_path / "x.zip", {f"JPEGImages/{name}": bytes(5_000) for name in range(2)})
    disk = Disk(tmp_path / "to", KEPT_FREE + 9_999)
    monkeypatch.setattr(shutil, "disk_usage", disk)
    assert "unpacking x.zip needs 0.1 GB" in refused(archive, tmp_path / "to" / "target")
    assert disk.most_used == 0


def make_sparse_tar(path: Path, files: dict[str, bytes]) -> Path:
    """A tar archive without compression whose files are all holes: it is small, and what it holds is not."""
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as file:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.type = tarfile.GNUTYPE_SPARSE
            header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
            header[483:495] = b"%011o\0" % len(content)  # the size with its holes
            header[148:156] = b"        "
            header[148:156] = b"%06o\0 " % sum(header)
            file.fileobj.write(header)
            file.offset += len(header)
    return path


@pytest.mark.parametrize(
    "make",
    [*(partial(make_tar, mode=f"w:{kind}") for kind in ("gz", "bz2", "xz")), make_sparse_tar],
    ids=["tar.gz", "tar.bz2", "tar.xz", "sparse"],
)
def test_a_small_archive_of_much_does_not_fill_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable
) -> None:
    content = {f"JPEGImages/{index}": bytes(1_000_000) for index in range(8)}
    archive = make(tmp_path / "x.tar", content)
    assert archive.stat().st_size < 100_000
    disk = Disk(tmp_path / "to", KEPT_FREE + 5_500_000)
    monkeypatch.setattr(shutil, "disk_usage", disk)
    message = refused(archive, tmp_path / "to" / "target")
    assert "unpacking x.tar needs 0.1 GB, but 0.1 GB are free" in message
    assert disk.most_used == 0
    disk.size += 3_000_000
    unpack(archive, tmp_path / "to" / "target", "JPEGImages")
    assert files_in(tmp_path / "to" / "target") == sorted(content)


def test_a_disk_that_others_fill_meanwhile_is_left_some_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make_zip(tmp_path / "x.zip", {f"JPEGImages/{index}": bytes(1_000_000) for index in range(8)})
    disk = Disk(tmp_path / "to", KEPT_FREE + 5_500_000)
    free = iter([10**12])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=next(free, disk(path).free)))
    assert "unpacking JPEGImages/5 of x.zip needs 0.1 GB" in refused(archive, tmp_path / "to" / "target")
    assert disk.most_used == 5_000_000


def with_member(info: tarfile.TarInfo, content: bytes = b"") -> Callable[[Path], None]:
    """Write a tar archive of a good member and another one."""

    def write(path: Path) -> None:
        with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as file:
            file.addfile(tarfile.TarInfo("JPEGImages/x"))
            file.addfile(info, io.BytesIO(content))

    return write


def tar_member(name: str, **attributes: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


def zip_with_empty_name(path: Path) -> None:
    content = make_zip(path, {"JPEGImages/x": b"", "y": b""}).read_bytes()
    path.write_bytes(content.replace(b"\x01\x00\x00\x00y", b"\x00\x00\x00\x00y").replace(b"y", b""))


def damaged_bz2(path: Path) -> None:
    content = bytearray(make_tar(path, {"JPEGImages/x": bytes(range(256)) * 20}, "w:bz2").read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("write", "cause"),
    [
        (lambda path: make_zip(path, {"JPEGImages/x": b"", "JPEGImages/x/y": b""}), "x/y is a file and a folder in it"),
        (lambda path: make_tar(path, {"JPEGImages/x": b"", "JPEGImages/x/y": b""}), "x/y is a file and a folder in it"),
        (lambda path: make_zip(path, {"JPEGImages/x/y": b"", "JPEGImages/x": b""}), "holds JPEGImages/x twice"),
        (lambda path: make_zip(path, {"JPEGImages/" + "a/" * 70 + "x": b""}), "would lie outside of the folder"),
        (zip_with_empty_name, "damaged, or no zip or tar archive"),
        (with_member(tar_member("y", pax_headers={"size": "-1024"})), "y has -1024 bytes"),
        (with_member(tar_member("y", type=tarfile.XHDTYPE, size=10**8), bytes(10**8)), "a description of 100 MB"),
        (
            with_member(tar_member("y", type=tarfile.GNUTYPE_LONGNAME, size=10**8), bytes(10**8)),
            "description of 100 MB",
        ),
        (damaged_bz2, "damaged"),
    ],
)
def test_hostile_archives_are_refused(tmp_path: Path, write: Callable[[Path], None], cause: str) -> None:
    write(tmp_path / "x")
    assert cause in refused(tmp_path / "x", tmp_path / "to" / "target")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_wherever_a_tar_is_cut_all_or_nothing_is_unpacked(tmp_path: Path, mode: str) -> None:
    content = {f"JPEGImages/{index}": bytes(700 * index) for index in range(4)}
    whole = make_tar(tmp_path / "x", content, mode).read_bytes()
    for size in range(0, len(whole), len(whole) // 60):
        (tmp_path / "x").write_bytes(whole[:size])
        with suppress(DamagedError):
            unpack(tmp_path / "x", tmp_path / f"{size}", "JPEGImages")
            assert {f"JPEGImages/{p.name}": p.read_bytes() for p in (tmp_path / f"{size}").rglob("[0-9]")} == content


def test_interrupted_unpacking_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, target = make_zip(tmp_path / "x.zip", GOOD), tmp_path / "to" / "target"
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", Disk(tmp_path / "to", 10**9, is_pulled=True))
        with pytest.raises(KeyboardInterrupt):
            unpack(archive, target, "JPEGImages")
    assert files_in(tmp_path / "to") == []
    leftover = target.with_name(".target.unpacking")  # left by a run that was killed
    (leftover / "DAVIS/JPEGImages/old").mkdir(parents=True)
    unpack(archive, target, "JPEGImages")
    assert files_in(tmp_path / "to") == sorted(f"target/{name}" for name in PLACED)


def test_file_attributes_of_macs_are_left_out(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "x.zip", {**GOOD, "__MACOSX/JPEGImages/._x.zip": b"no archive"})
    unpack(archive, tmp_path / "target", "JPEGImages")
    assert not [name for name in files_in(tmp_path / "target") if "._" in name]
