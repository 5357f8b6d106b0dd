"""Downloads that survive cut connections: they are resumed, tried again with growing pauses, and checked at the end."""

import glob
import hashlib
import logging
import re
import time
from contextlib import ExitStack
from pathlib import Path

import gdown
import requests
from gdown.exceptions import DownloadError, FileURLRetrievalError

from downloading.sources import RELEASE_PAGE, Source
from util.errors import InputError
from util.files import check_free_space, make_folder
from util.progress import byte_bar

log = logging.getLogger(__name__)

PAUSES = (1, 2, 4, 8, 16, 32)  # seconds before the next attempts; after an attempt that got further they begin again
TIMEOUT = 60  # seconds without a byte
BLOCKED = (requests.exceptions.SSLError, requests.exceptions.ProxyError)  # certificates and proxies refuse for good
RELEASE_API = "https://api.github.com/repos/hkchengrex/STCN/releases/tags/"


class UnreachableError(InputError):
    """There is no connection, so other downloads would fail as well."""


def fetch(source: Source, path: Path) -> None:
    """Download a file to ``path``, unless it is there already, and check it.

    What an interrupted download has received stays beside ``path``, and the next call goes on from there. A file that
    turns out to be another one is renamed and kept.

    Raises:
        UnreachableError: there is no connection.
        InputError: the file cannot be downloaded or is not the expected one, with how to do it by hand; or the disk is
            full.
    """
    make_folder(path.parent)
    pages = f"{source.address} (or {source.mirror})" if source.mirror else source.address
    by_hand = f"open {pages} in a browser, save the file as {path.resolve()} and run this again"
    checksum = source.checksum
    try:
        if not path.exists():
            address = source.address
            if address == RELEASE_PAGE:
                address, checksum = _find_asset(source.name)
            _download(address, path, num_bytes=source.num_bytes, num_copies=2 if source.marker else 1)
    except (requests.RequestException, DownloadError) as e:
        is_offline = isinstance(e, (requests.ConnectionError, requests.Timeout))
        raise (UnreachableError if is_offline else InputError)(
            f"{source.name}: {_describe(e)}; {by_hand}, or give the file as from_archive"
        ) from e
    _remove_partial(path)  # left over if the file was put here by hand
    if problem := find_problem(path, checksum):
        raise InputError(f"{path}: {problem}; it is kept aside as {set_aside(path).name}, run this again, or {by_hand}")


def set_aside(path: Path) -> Path:
    """Rename a file that is not the expected one; returns its new path."""
    return path.replace(path.with_name(f"{path.stem}.wrong{path.suffix}"))


def find_problem(path: Path, checksum: str = "") -> str:
    """Say why a file is not the expected one; empty if nothing speaks against it.

    Args:
        checksum: ``algorithm:hexadecimal digits``; empty if it is unknown.
    """
    with path.open("rb") as file:
        if file.read(512).lstrip().lower().startswith((b"<!doctype html", b"<html")):
            return "a web page, not the file itself"
    algorithm, _, expected = checksum.partition(":")
    if not algorithm:
        return ""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file, byte_bar(f"checking {path.name}", path.stat().st_size) as bar:
        while block := file.read(1 << 20):
            digest.update(block)
            bar.update(file.tell())
    found = digest.hexdigest()
    return "" if found == expected else f"its {algorithm.upper()} is {found}, not {expected}"


def _download(address: str, path: Path, *, num_bytes: int, num_copies: int) -> None:
    """Try until the file is whole; give up when several attempts in a row received nothing.

    Args:
        num_bytes: approximate size, 0 if it is unknown.
        num_copies: how many times that size the disk must have room for.
    """
    check_free_space(path.parent, num_copies * num_bytes - _count_received(path), path.name)
    pauses, num_before = list(PAUSES), _count_received(path)
    while True:
        try:
            return _attempt(address, path, num_copies)
        except (requests.RequestException, DownloadError) as e:
            num_received = _count_received(path)
            if "did not honor" in str(e):  # gdown's words: the file has changed, or the server cannot resume
                log.warning("%s: the server cannot go on where it was cut; it starts anew", path.name)
                _remove_partial(path)
            elif num_received > num_before:
                pauses = list(PAUSES)
            if _is_final(e) or not pauses:
                raise
            num_before, pause = max(num_before, num_received), pauses.pop(0)
            log.warning("%s: %s; trying again in %d s", path.name, _describe(e), pause)
            time.sleep(pause)


def _attempt(address: str, path: Path, num_copies: int) -> None:
    """Receive what is missing, and check the disk's free space as soon as the server says how large the file is."""
    bar = None
    with ExitStack() as bars:

        def show(num_done: int, num_bytes: int | None) -> None:
            nonlocal bar
            if bar is None:
                check_free_space(path.parent, num_copies * (num_bytes or 0) - num_done, path.name)
                bar = bars.enter_context(byte_bar(path.name, num_bytes))
            bar.update(num_done)

        gdown.download(address, str(path), quiet=True, resume=True, progress=show, timeout=TIMEOUT)


def _find_partial(path: Path) -> list[Path]:
    """Files in which gdown keeps what it has received so far."""
    return list(path.parent.glob(f"{glob.escape(path.name)}????????.part"))


def _count_received(path: Path) -> int:
    return sum(partial.stat().st_size for partial in _find_partial(path))


def _remove_partial(path: Path) -> None:
    for partial in _find_partial(path):
        partial.unlink()


def _is_final(error: Exception) -> bool:
    """Whether trying again in a minute is of no use."""
    if isinstance(error, requests.HTTPError):
        return error.response.status_code < 500 and error.response.status_code != 429
    return isinstance(error, (FileURLRetrievalError, *BLOCKED))


def _describe(error: Exception) -> str:
    if isinstance(error, FileURLRetrievalError):
        return "Google Drive does not hand it out now (too many downloads today, or it was moved)"
    if isinstance(error, requests.HTTPError):
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, BLOCKED):
        return f"a certificate or a proxy refuses the connection ({str(error).splitlines()[0]})"
    if isinstance(error, (requests.ConnectionError, requests.Timeout)):
        return "no connection"
    return str(error).splitlines()[0].rstrip(".:")


def _find_asset(name: str) -> tuple[str, str]:
    """Find the file of the GitHub release that is named after the weights ``name``.

    Returns:
        Its address, and its checksum (empty if GitHub gives none).
    """
    for tag in ("1.0", "v1.0"):
        response = requests.get(RELEASE_API + tag, timeout=TIMEOUT)
        if response.status_code != 404:
            break
    response.raise_for_status()
    assets = response.json().get("assets", [])
    for asset in sorted(assets, key=lambda asset: (not asset["name"].endswith(".pth"), len(asset["name"]))):
        if re.search(rf"(?<![a-z0-9]){name}(?!\d)", asset["name"].lower()):
            return asset["browser_download_url"], asset.get("digest") or ""
    raise DownloadError(f"none of the release's files ({', '.join(asset['name'] for asset in assets)}) is named {name}")
