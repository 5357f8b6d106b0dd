"""download_datasets.py and download_bl30k.py: archives made on the spot, and a server for them."""

import hashlib
import io
import logging
import shutil
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

import download_bl30k
import download_datasets
from downloading.sources import BL30K, DATA_SOURCES
from tests.conftest import files_in
from tests.data_sets import (
    all_frames,
    davis_2016,
    davis_test_dev,
    davis_trainval,
    scribbles,
    static,
    valid,
    write_videos,
)
from tests.download_server import QUOTA_PAGE, DownloadServer


def archive_of(folder: Path, write: Callable[[Path], None], inner: str) -> bytes:
    """A zip with a folder ``inner`` that ``write`` fills."""
    write(folder / inner)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in files_in(folder):
            file.write(folder / name, name)
    shutil.rmtree(folder)
    return buffer.getvalue()


def offer(server: DownloadServer, tmp_path: Path, **archives: tuple[Callable[[Path], None], str]) -> None:
    """Let the server have archives of sources: what fills them, and under which folder."""
    for name, (write, inner) in archives.items():
        server.files[DATA_SOURCES[name].address.split("/")[-2]] = archive_of(tmp_path / "made", write, inner)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir()
    return path


@pytest.fixture
def run(run_main: Callable, root: Path, caplog: pytest.LogCaptureFixture) -> Callable[..., tuple[int, str, str]]:
    """Run download_datasets.py with consent: status, notes, error."""
    return partial(run_and_note, run_main, caplog, download_datasets.main, "--root", root, "--yes")


def run_and_note(
    run_main: Callable, caplog: pytest.LogCaptureFixture, main: Callable, *arguments: object
) -> tuple[int, str, str]:
    caplog.set_level(logging.INFO)
    caplog.clear()
    status, _, err = run_main(main, *arguments)
    return status, "\n".join(caplog.messages), err


# Installing


@pytest.mark.parametrize(
    ("archives", "expected"),
    [
        ({"static": (static, "static")}, ["static/fss/class/1.jpg", "static/DUTS-TR/1.png"]),
        ({"static": (static, "")}, ["static/fss/class/1.jpg", "static/DUTS-TR/1.png"]),
        ({"davis2016": (davis_2016, "DAVIS")}, ["DAVIS/2016/JPEGImages/480p/v000/00000.jpg"]),
        (
            {
                "davis2017_trainval": (davis_trainval, "DAVIS"),
                "davis2017_testdev": (davis_test_dev, "DAVIS"),
                "davis2017_scribbles": (scribbles, "DAVIS"),
            },
            [
                "DAVIS/2017/trainval/Annotations/480p/w001/00001.png",
                "DAVIS/2017/trainval/Scribbles/v000/001.json",
                "DAVIS/2017/test-dev/ImageSets/2017/test-dev.txt",
            ],
        ),
        (
            {
                "youtube2019_train": (partial(write_videos, names=["a"], size=(480, 500)), "train"),
                "youtube2019_valid": (valid, "valid"),
                "youtube2019_all_frames": (all_frames, "valid_all_frames"),
            },
            [
                "YouTube/train/JPEGImages/a/00000.jpg",
                "YouTube/train_480p/Annotations/a/00001.png",
                "YouTube/valid/meta.json",
                "YouTube/all_frames/valid_all_frames/JPEGImages/v000/00002.jpg",
            ],
        ),
        (
            {"youtube2018_valid": (valid, "x/y"), "youtube2018_all_frames": (all_frames, "valid")},
            ["YouTube2018/valid/meta.json", "YouTube2018/all_frames/valid_all_frames/JPEGImages/v000/00002.jpg"],
        ),
    ],
)
def test_each_data_set_gets_its_place(
    server: DownloadServer, run: Callable, root: Path, tmp_path: Path, archives: dict, expected: list[str]
) -> None:
    offer(server, tmp_path, **archives)
    data_set = next(iter(archives)).split("_")[0]
    status, notes, err = run("--only", data_set)
    assert (status, "error" in err) == (0, False)
    found = files_in(root)
    assert set(expected) <= set(found)
    assert {name.split("/")[0] for name in found} == {expected[0].split("/")[0]}, "archives are removed"
    assert notes.count("removed") == len(archives)
    server.close()
    status, notes, _ = run("--only", data_set)
    assert (status, notes.count("is there already"), files_in(root)) == (0, len(archives), found)


def test_what_fails_does_not_stop_the_rest(server: DownloadServer, run: Callable, root: Path, tmp_path: Path) -> None:
    offer(server, tmp_path, davis2017_testdev=(davis_test_dev, "DAVIS"))
    server.pages[DATA_SOURCES["davis2017_trainval"].address.split("/")[-2]] = QUOTA_PAGE
    status, notes, _ = run("--only", "davis2017", "--keep_archives")
    assert status == 1
    place = (root / "archives/davis2017_trainval.zip").resolve()
    assert f"open {DATA_SOURCES['davis2017_trainval'].address} in a browser, save the file as {place}" in notes
    assert "DAVIS/2017/trainval: must be there before davis2017_scribbles" in notes
    assert "DAVIS/2017/test-dev is in place" in notes
    assert "archives/davis2017_testdev.zip" in files_in(root)
    status, _, err = run("--only", "davis2017_trainval", "davis2017_scribbles")
    assert (status, f"error: {root}: none of 2 archives could be installed" in err) == (2, True)


def test_no_network_is_reported_once(
    server: DownloadServer, run: Callable, monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    server.close()
    status, _, err = run()
    errors = [line for line in err.splitlines() if "error" in line]
    assert status == 2
    assert len(errors) == 1
    assert "static: no connection; open https://drive.google.com/" in errors[0]
    assert files_in(root) == []


def test_an_archive_by_hand(run: Callable, root: Path, tmp_path: Path) -> None:
    archive = tmp_path / "DAVIS-data.zip"
    archive.write_bytes(archive_of(tmp_path / "made", davis_2016, "DAVIS"))
    assert run("--only", "davis2016", "--from_archive", archive)[0] == 0
    assert (root / "DAVIS/2016/ImageSets/480p/val.txt").exists()
    assert archive.exists()
    status, _, err = run("--only", "davis2017", "--from_archive", archive)
    assert (status, "--from_archive is for one archive; name it with --only" in err) == (2, True)
    status, _, err = run("--only", "davis2017_testdev", "--from_archive", archive)
    assert (status, "holds no ImageSets/2017/test-dev.txt; is it another archive?" in err) == (2, True)
    archive.write_text(QUOTA_PAGE)
    status, _, err = run("--only", "static", "--from_archive", archive)
    assert (status, "DAVIS-data.zip: a web page, not the file itself" in err) == (2, True)
    status, _, err = run("--only", "static", "--from_archive", tmp_path / "none.zip")
    assert (status, "none.zip: no such file" in err) == (2, True)


def test_a_file_put_into_its_place_by_hand_goes_on(server: DownloadServer, run: Callable, root: Path) -> None:
    (root / "archives").mkdir()
    (root / "archives/static.zip").write_bytes(archive_of(root / "made", static, ""))
    (root / "archives/static.zipabcdefgh.part").write_bytes(b"half of it")
    assert run("--only", "static")[0] == 0
    assert not any((root / "archives").iterdir())
    assert server.requests == []
    assert (root / "static/ecssd/1.jpg").exists()


def test_a_damaged_archive_is_kept_aside(server: DownloadServer, run: Callable, root: Path, tmp_path: Path) -> None:
    offer(server, tmp_path, static=(static, ""))
    drive_id = next(iter(server.files))
    whole, server.files[drive_id] = server.files[drive_id], b"PK no archive"
    status, _, err = run("--only", "static")
    assert (status, "kept aside as static.wrong.zip, run this again" in err) == (2, True)
    assert files_in(root) == ["archives/static.wrong.zip"]
    server.files[drive_id] = whole
    assert run("--only", "static")[0] == 0
    assert (root / "static/fss/class/1.jpg").exists()


def test_another_folder_in_the_way_is_not_touched(run: Callable, root: Path, tmp_path: Path) -> None:
    (root / "static").mkdir()
    (root / "static/mine").write_text("mine")
    archive = tmp_path / "static.zip"
    archive.write_bytes(archive_of(tmp_path / "made", static, ""))
    status, _, err = run("--only", "static", "--from_archive", archive)
    assert (status, "static: is there already, and nothing is overwritten" in err) == (2, True)
    assert files_in(root) == ["static/mine"]


def test_licences_are_asked_for(
    run_main: Callable, root: Path, monkeypatch: pytest.MonkeyPatch, server: DownloadServer
) -> None:
    run = partial(run_main, download_datasets.main, "--root", root, "--only", "static")
    status, _, err = run()
    assert status == 2
    assert "https://davischallenge.org" in err
    assert "no terminal to ask; read them, then add --yes" in err.splitlines()[-1]
    monkeypatch.setattr(sys, "stdin", io.StringIO("no\n"))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    status, _, err = run()
    assert "Download and unpack under these terms? [y/N]" in err
    assert (status, "not accepted" in err) == (2, True)
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    status, _, err = run()
    assert (status, "Google Drive does not hand it out" in err) == (2, True)


# BL30K


def segment(*videos: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        for name in [f"BL30K/{kind}/{video}/00000" for video in videos for kind in ("JPEGImages", "Annotations")]:
            file.addfile(tarfile.TarInfo(name))
    return buffer.getvalue()


@pytest.fixture
def run_bl30k(
    run_main: Callable,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    server: DownloadServer,
    caplog: pytest.LogCaptureFixture,
) -> Callable:
    """Run download_bl30k.py with segments a and b of one video each, b with a wrong checksum."""
    for letter, content in (("a", segment("0001")), ("b", segment("0002"))):
        server.files[BL30K[letter].address.split("/")[-2]] = content
        source = replace(BL30K[letter], num_bytes=0)
        if letter == "a":
            source = replace(source, checksum=f"md5:{hashlib.md5(content).hexdigest()}")
        monkeypatch.setitem(BL30K, letter, source)
    return partial(run_and_note, run_main, caplog, download_bl30k.main, "--root", root, "--yes")


def test_segments_of_bl30k_are_checked_and_merged(run_bl30k: Callable, root: Path, server: DownloadServer) -> None:
    status, notes, _ = run_bl30k("--only", "a", "b")
    assert status == 1
    assert "bl30k_b.tar: its MD5 is" in notes
    assert BL30K["b"].checksum.removeprefix("md5:") in notes
    merged = ["BL30K/Annotations/0001/00000", "BL30K/JPEGImages/0001/00000"]
    assert files_in(root) == [*merged, "archives/bl30k_b.wrong.tar"]
    server.close()
    assert run_bl30k("--only", "a")[0] == 0


def test_an_interrupted_merge_goes_on_and_overwrites_nothing(run_bl30k: Callable, root: Path) -> None:
    assert run_bl30k("--only", "a")[0] == 0
    (root / "BL30K/JPEGImages/0001").rename(root / "BL30K/segments/a/JPEGImages/0001")
    assert run_bl30k("--only", "a")[0] == 0
    assert (root / "BL30K/JPEGImages/0001").exists()
    (root / "BL30K/segments/a").rename(root / "BL30K/lost")
    status, _, err = run_bl30k("--only", "a")
    assert (status, "BL30K/Annotations/0001: is there already, and nothing is overwritten" in err) == (2, True)


def test_a_segment_needs_room_for_itself_and_what_it_holds(
    run_main: Callable, root: Path, server: DownloadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 200e9}))
    status, _, err = run_main(download_bl30k.main, "--root", root, "--yes", "--only", "c")
    assert (status, "bl30k_c.tar needs 230.0 GB, but 200.0 GB are free" in err) == (2, True)
    assert server.requests == []
