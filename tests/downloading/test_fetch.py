"""Downloads against a server on the loopback: resumed, repeated, refused; and the weights."""

import hashlib
import shutil
from collections import namedtuple
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

import download_model
from downloading.fetch import PAUSES, UnreachableError, fetch
from downloading.sources import RELEASE_PAGE, WEIGHTS, Source, drive_address
from tests.conftest import files_in
from tests.download_server import QUOTA_PAGE, DownloadServer, release
from util.errors import InputError

CONTENT = bytes(range(256)) * 8000  # 2 MB: several of the chunks in which it is received
CHUNK = 1 << 19  # bytes that gdown receives and writes at once
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()
SOURCE = Source("thing", drive_address("a" * 33), "thing", "JPEGImages", checksum=MD5)
API = "/repos/hkchengrex/STCN/releases/tags/"
USAGE = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Pauses are noted, not slept."""
    noted: list[int] = []
    monkeypatch.setattr("downloading.fetch.sleep", noted.append)
    return noted


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

    monkeypatch.setattr("downloading.fetch.sleep", interrupt)
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
def test_refusals_tell_address_and_place(
    server: DownloadServer, path: Path, pauses: list[int], prepare: Callable, cause: str
) -> None:
    prepare(server)
    message = refused(SOURCE, path)
    assert message.startswith(f"thing: {cause}")
    assert f"open {SOURCE.address} in a browser, save the file as {path} and run this again" in message
    assert "--from_archive FILE" in message
    assert pauses == []
    assert files_in(path.parent) == []


def test_404_of_a_plain_address(server: DownloadServer, path: Path, pauses: list[int]) -> None:
    source = Source("thing", "https://github.com/files/thing", "thing")
    assert "404" in (message := refused(source, path))
    assert source.address in message
    assert str(path) in message
    assert pauses == []


def test_no_network_is_told_with_address_and_place(server: DownloadServer, path: Path, pauses: list[int]) -> None:
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


def test_a_full_disk_is_told_before_the_download(
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


# Weights


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.pth"
    torch.save({"key_comp.bias": torch.zeros(512)}, path)
    return path


@pytest.fixture
def run(run_main: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """Run download_model.py for a project in ``tmp_path``."""
    monkeypatch.setattr(download_model, "PROJECT_ROOT", tmp_path)
    return partial(run_main, download_model.main)


def test_weights_are_fetched_once(server: DownloadServer, run: Callable, weights: Path, tmp_path: Path) -> None:
    server.files[WEIGHTS["s012"].address.split("/")[-2]] = weights.read_bytes()
    status, out, _ = run()
    assert (status, out) == (0, f"wrote {tmp_path / 'saves/stcn.pth'}\n")
    assert (tmp_path / "saves/stcn.pth").read_bytes() == weights.read_bytes()
    num_requests = len(server.requests)
    assert run()[:2] == (0, f"{tmp_path / 'saves/stcn.pth'} is there already\n")
    assert len(server.requests) == num_requests


@pytest.mark.parametrize("tag", ["1.0", "v1.0"])
@pytest.mark.parametrize("names", [("stcn_s01.pth", "s.pth", "stcn_s0.pth"), ("s01.pth", "s0.txt", "S0_300000.pth")])
def test_weights_of_the_release_are_found_by_name(
    server: DownloadServer, run: Callable, weights: Path, tmp_path: Path, tag: str, names: tuple[str, ...]
) -> None:
    digest = "sha256:" + hashlib.sha256(weights.read_bytes()).hexdigest()
    s01, _, s0 = names
    server.files[API + tag] = release("stcn.pth", "s012.pth", *names, **{s0: digest})
    server.files["/files/" + s0] = weights.read_bytes()
    assert run("--which", "s0")[0] == 0
    assert (tmp_path / "saves/stcn_s0.pth").exists()
    server.files["/files/" + s01] = b"damaged"
    status, _, err = run("--which", "s01")
    assert status == 2
    assert "stcn_s01.wrong.pth" in err
    assert files_in(tmp_path / "saves") == ["stcn_s0.pth", "stcn_s01.wrong.pth"]


@pytest.mark.parametrize("content", [None, release("other.pth"), b"no JSON"])
def test_a_release_that_does_not_tell(
    server: DownloadServer, run: Callable, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        server.files[API + "1.0"] = content
    status, _, err = run("--which", "s0")
    assert status == 2
    assert f"open {RELEASE_PAGE} in a browser, save the file as {tmp_path / 'saves/stcn_s0.pth'}" in err
    assert err.count("\n") == 1


def test_weights_by_hand(run: Callable, weights: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.pth"
    page.write_text(QUOTA_PAGE)
    status, _, err = run("--from_archive", page)
    assert (status, "page.pth: not a PyTorch file" in err) == (2, True)
    assert not (tmp_path / "saves").exists()
    assert run("--which", "s03", "--from_archive", weights)[0] == 0
    assert (tmp_path / "saves/stcn_s03.pth").read_bytes() == weights.read_bytes()
