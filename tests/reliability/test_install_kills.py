"""A data set's installation that is killed at any moment leaves whole files, and the next one finishes it."""

import random
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from tests.conftest import TESTS
from tests.download_server import DownloadServer

CHILD = """
import util.signals
import sys
from pathlib import Path
from urllib.parse import urlsplit

import requests

from downloading.install import InstallSettings, install
from downloading.sources import Source
from util.script import script_main

root, port = sys.argv[1:]
request = requests.Session.request
requests.Session.request = lambda session, method, url, **options: request(
    session, method, f"http://127.0.0.1:{port}{urlsplit(url).path}", **options
)
script_main(install)(Source("set", "https://host/set.zip", "sets/set", "JPEGImages"), InstallSettings(Path(root)))
"""
NUM_FILES, NUM_KILLS = 60, 10


def write_archive(path: Path) -> dict[str, bytes]:
    """A zip of many incompressible files; returns them."""
    source = random.Random(0)
    files = {f"set/JPEGImages/{index}.jpg": source.randbytes(20_000) for index in range(NUM_FILES)}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return {name.removeprefix("set/"): content for name, content in files.items()}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.long
def test_a_killed_installation_is_finished_by_the_next(server: DownloadServer, tmp_path: Path) -> None:
    expected = write_archive(tmp_path / "set.zip")
    archive = (tmp_path / "set.zip").read_bytes()
    server.files["/set.zip"], server.pause = archive, 0.01
    command = [sys.executable, "-c", CHILD]

    def start(root: Path) -> subprocess.Popen:
        port = server.address("").partition("?")[0].rpartition(":")[2]
        return subprocess.Popen([*command, root, port], cwd=TESTS.parent, stderr=subprocess.PIPE, text=True)

    begin = time.monotonic()
    assert start(tmp_path / "whole").wait() == 0
    duration, moments = time.monotonic() - begin, random.Random(1)
    for kill in range(NUM_KILLS):
        root = tmp_path / str(kill)
        process = start(root)
        time.sleep(moments.uniform(0.2, 1.1) * duration)
        process.send_signal(moments.choice([signal.SIGINT, signal.SIGTERM, signal.SIGKILL]))
        _, err = process.communicate()
        assert "Traceback" not in err
        if (root / "sets/set").exists():
            assert contents(root / "sets/set") == expected
        if (root / "archives/set.zip").exists():
            assert (root / "archives/set.zip").read_bytes() == archive
        assert start(root).wait() == 0
        assert contents(root) == {f"sets/set/{name}": content for name, content in expected.items()}
