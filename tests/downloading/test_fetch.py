"""Downloads from a server on the loopback: resumed, repeated, refused."""

import hashlib
import shutil
import time
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from downloading.fetch import PAUSES, UnreachableError, fetch
from downloading.sources import Source, drive_address
from tests.conftest import files_in
from tests.download_server import QUOTA_PAGE, DownloadServer
from util.errors import InputError

CONTENT = bytes(range(256)) * 8000  # 2 MB: several of the chunks in which it is received
CHUNK = 1 << 19  # bytes that gdown receives and writes at once
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()
SOURCE = Source("thing", drive_address("a" * 33), "thing", "JPEGImages", checksum=MD5)
USAGE = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record the pauses instead of sleeping."""
    recorded: list[int] = []
    monkeypatch.setattr(time, "sleep", recorded.append)
    return recorded


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "archives" / "thing.zip"


def refused(source: Source, path: Path, error: type[InputError] = InputError) -> str:
    with pytest.raises(error) as caught:
        fetch(source, path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_drive_file_is_fetched_behind_its_confirmation(server: DownloadServer, path: Path) -> None:
    server.files["a" * 33] = CONTENT
    fetch(SOURCE, path)
    assert path.read_bytes() == CONTENT
    assert server.requests == ["/uc", "/download"]
    assert files_in(path.parent) == ["thing.zip"]


def test_a_complete_file_is_not_fetched_again(server: DownloadServer, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    fetch(SOURCE, path)
    assert server.requests == []


def test_cut_connections_are_resumed_with_growing_pauses(server: DownloadServer, path: Path, pauses: list[int]) -> None:
    server.files["a" * 33] = CONTENT
    # An attempt to go on asks twice: for the whole, which gdown leaves unread, and for the rest.
    server.cuts = [2 * CHUNK + 9, 10, 0, 10, 0, 10, CHUNK + 9]
    fetch(SOURCE, path)
    assert path.read_bytes() == CONTENT
    assert [start for start in server.ranges if start] == [2 * CHUNK, 2 * CHUNK, 2 * CHUNK, 3 * CHUNK]
    assert pauses == [1, 2, 4, 1]


def test_an_interrupted_download_is_resumed_by_the_next_run(
    server: DownloadServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["a" * 33] = CONTENT
    server.cuts = [CHUNK]

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch(SOURCE, path)
    assert not path.exists()
    fetch(SOURCE, path)
    assert path.read_bytes() == CONTENT
    assert server.ranges[-1] == CHUNK


@pytest.mark.parametrize("cuts", [[CHUNK], [CHUNK] * 50])
def test_a_server_that_cannot_resume_starts_anew_and_not_for_ever(
    server: DownloadServer, path: Path, cuts: list[int]
) -> None:
    server.files["a" * 33] = CONTENT
    server.has_ranges, server.cuts = False, list(cuts)
    if len(cuts) > 1:
        assert "run this again" in refused(SOURCE, path)
    else:
        fetch(SOURCE, path)
        assert path.read_bytes() == CONTENT


def test_a_busy_server_is_asked_again_and_given_up_at_last(
    server: DownloadServer, path: Path, pauses: list[int]
) -> None:
    source = Source("thing", "https://github.com/files/thing", "thing")
    server.files["/files/thing"] = CONTENT
    server.statuses = [503, 429]
    fetch(source, path)
    assert pauses == [1, 2]
    path.unlink()
    server.statuses = [503] * 20
    assert "503" in refused(source, path)
    assert pauses == [1, 2, *PAUSES]


@pytest.mark.parametrize(
    ("prepare", "cause"),
    [
        (lambda server: server.pages.update({"a" * 33: QUOTA_PAGE}), "Google Drive does not hand it out now"),
        (lambda server: None, "Google Drive does not hand it out now"),  # 404
    ],
)
def test_a_refusal_names_address_and_place(
    server: DownloadServer, path: Path, pauses: list[int], prepare: Callable, cause: str
) -> None:
    prepare(server)
    message = refused(SOURCE, path)
    assert message.startswith(f"thing: {cause}")
    assert f"open {SOURCE.address} in a browser, save the file as {path} and run this again" in message
    assert "or give the file as from_archive" in message
    assert pauses == []
    assert files_in(path.parent) == []


def test_404_of_a_plain_address(server: DownloadServer, path: Path, pauses: list[int]) -> None:
    source = Source("thing", "https://github.com/files/thing", "thing")
    assert "404" in (message := refused(source, path))
    assert source.address in message
    assert str(path) in message
    assert pauses == []


def test_a_mirror_is_named(server: DownloadServer, path: Path) -> None:
    mirrored = replace(SOURCE, mirror="https://mirror.example/thing")
    assert f"open {SOURCE.address} (or https://mirror.example/thing) in a browser" in refused(mirrored, path)


def test_no_network_is_refused_with_address_and_place(server: DownloadServer, path: Path, pauses: list[int]) -> None:
    server.close()
    message = refused(SOURCE, path, UnreachableError)
    assert message.startswith("thing: no connection; open https://drive.google.com/")
    assert str(path) in message
    assert pauses == list(PAUSES)


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT[:-1] + b"x", QUOTA_PAGE.encode()])
def test_a_wrong_file_is_kept_aside(server: DownloadServer, path: Path, content: bytes) -> None:
    server.files["a" * 33] = content
    message = refused(SOURCE, path)
    assert "thing.wrong.zip" in message
    assert ("a web page" if content == QUOTA_PAGE.encode() else "its MD5 is") in message
    assert files_in(path.parent) == ["thing.wrong.zip"]
    server.files["a" * 33] = CONTENT
    fetch(SOURCE, path)
    assert path.read_bytes() == CONTENT


def test_a_full_disk_is_refused_before_the_download(
    server: DownloadServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: USAGE(0, 0, 1.5 * len(CONTENT)))
    server.files["a" * 33] = CONTENT
    known = Source("thing", SOURCE.address, "thing", "JPEGImages", num_bytes=len(CONTENT))
    assert "thing.zip needs 0.0 GB, but 0.0 GB are free" in refused(known, path)
    assert server.requests == []
    assert "are free" in refused(SOURCE, path)  # the size is the server's: archive and unpacked do not fit
    assert not path.exists()
    fetch(Source("thing", SOURCE.address, "thing"), path)  # nothing to unpack
