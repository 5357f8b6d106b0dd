"""interactive.py as a process: its link, its end, kills, bad command lines."""

import importlib.util
import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from websockets.sync.client import ClientConnection, connect

from output.masks import write_mask
from tests.bad_input.rows import Row, check_row, table
from tests.conftest import TESTS, filled_network, read_ids
from tests.interactive.conftest import NUM_FRAMES

COMMAND = TESTS.parent / "interactive.py"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "small.pth"
    torch.save(filled_network(size="small").state_dict(), path)
    return path


@pytest.fixture
def start(clip: Path, weights: Path, tmp_path: Path) -> Callable:
    """Start the command on the clip: the process, and the address in its link."""

    @contextmanager
    def run(*options: object) -> Iterator[tuple[subprocess.Popen, str]]:
        given = {"video": clip, "workspace": tmp_path / "workspace", "model": weights, "port": 0, "fusion": "linear"}
        words = [f"--{name}={value}" for name, value in given.items()]
        program = [sys.executable, COMMAND, *words, "--no_browser", "--grabcut", *map(str, options)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(program, text=True, cwd=tmp_path, **pipes) as process:
            try:
                lines = iter(process.stdout.readline, "")
                address = next(found[1] for line in lines if (found := re.search(r"http://(\S+)", line)))
                yield process, address
            finally:
                process.kill()

    return run


def ask(connection: ClientConnection, action: str, **arguments: object) -> dict:
    """Ask for an action; the last state is returned."""
    connection.send(json.dumps({"id": 1, "do": action, **arguments}))
    state = {}
    while "event" in (content := json.loads(connection.recv())):
        state = content if content["event"] == "state" else state
    assert content.get("ok"), content
    return state


@pytest.mark.long
def test_whatever_ends_the_command_the_same_one_goes_on(start: Callable, tmp_path: Path) -> None:
    with start() as (process, address), connect(f"ws://{address}session") as connection:
        assert json.loads(connection.recv())["objects"] == []
        ask(connection, "add_object", name="cup")
        ask(connection, "draw", frame=0, points=[[10, 10], [30, 25]], object=1, thickness=8)
        ask(connection, "propagate")
        while json.loads(connection.recv()).get("frame") != 2:
            pass
        process.kill()
    with start() as (process, address), connect(f"ws://{address}session") as connection:
        state = json.loads(connection.recv())
        assert [entry["name"] for entry in state["objects"]] == ["cup"]
        assert (state["interacted"], state["changed"], state["computed"][0][0]) == ([0], [0], 0)
        assert state["computed"][0][1] >= 2
        assert "the round from frame 0 was interrupted" in json.loads(connection.recv())["text"]
        mask = urllib.request.urlopen(f"http://{address}mask/0.png").read()
        (tmp_path / "mask.png").write_bytes(mask)
        assert (read_ids(tmp_path / "mask.png") == 1).any()
        ask(connection, "propagate")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 128 + signal.SIGTERM
        assert err.splitlines()[-1].endswith("interactive.py: interrupted")
    with start() as (process, address), connect(f"ws://{address}session") as connection:
        assert json.loads(connection.recv())["computed"][0][0] == 0
        ask(connection, "propagate", frame=0)
        while (content := json.loads(connection.recv())).get("event") != "state" or content["job"] is not None:
            pass
        assert (content["computed"], content["changed"]) == ([[0, NUM_FRAMES - 1]], [])
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 128 + signal.SIGINT


@pytest.mark.long
def test_masks_to_begin_with_a_taken_port_and_a_token(start: Callable, truth: np.ndarray, tmp_path: Path) -> None:
    for frame in (0, 3):
        (tmp_path / "masks").mkdir(exist_ok=True)
        write_mask(tmp_path / "masks" / f"{frame:05d}.png", truth[frame].astype(np.uint8))
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        options = ("--masks", tmp_path / "masks", "--host", "0.0.0.0", "--port", port)
        with start(*options) as (process, address):
            place, token = address.split("/?token=")
            assert int(place.rpartition(":")[2]) > port
            for path, status in (("", 403), ("../../etc/passwd", 403), (f"?token={token}", 303)):
                assert fetch_status(place, f"/{path}") == status
            cookie = {"Cookie": f"stcn_{place.rpartition(':')[2]}={token}"}
            for path in (
                "/page/../server.py",
                "//etc/passwd",
                "/page/../../interactive.py",
                "/download/../session.json",
            ):
                assert fetch_status(place, path, cookie) in (404, 400)
            with connect(f"ws://{place}/session", additional_headers=cookie) as connection:
                state = json.loads(connection.recv())
                process.send_signal(signal.SIGHUP)
                _, err = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in err) == (128 + signal.SIGHUP, False)
    assert (state["changed"], len(state["objects"])) == ([0, 3], 2)


def fetch_status(place: str, path: str, headers: dict[str, str] | None = None) -> int:
    """Ask for a path just as it is written; clients would tidy it up."""
    host, _, port = place.rpartition(":")
    lines = [f"GET {path} HTTP/1.1", f"Host: {place}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return int(connection.makefile("rb").readline().split()[1])


@pytest.fixture(scope="module")
def command() -> ModuleType:
    """The command; its name is that of the package, which an import would give."""
    spec = importlib.util.spec_from_file_location("interactive_command", COMMAND)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def spoiled(name: str, value: object) -> Callable[[Path], list]:
    return lambda root: [f"--{name}", root / value if isinstance(value, Path) else value]


def busy_folder(root: Path) -> list:
    (root / "out").mkdir()
    (root / "out" / "letter.txt").write_text("dear")
    return []


@table(
    Row("no video", spoiled("video", Path("nowhere.mp4")), "nowhere.mp4: no such file or folder; give a video"),
    Row("no masks", spoiled("masks", Path("nowhere")), "nowhere: no mask there; give"),
    Row("masks of nothing", spoiled("masks", Path("frames")), "frames: .*no object|.*frames"),
    Row("no host", spoiled("host", "999.1.1.1"), "host 999.1.1.1: no address of this machine"),
    Row("no port", spoiled("port", 70000), "argument --port: 70000 is not from 0 to 65535"),
    Row("tiny size", spoiled("size", 8), "argument --size: must be from 32"),
    Row("no device", spoiled("device", "abacus"), "device .*abacus"),
    Row("no weights", spoiled("model", Path("frames/00000.jpg")), "00000.jpg"),
    Row("no S2M", spoiled("s2m_model", Path("nowhere.pth")), "nowhere.pth"),
    Row("no fusion", spoiled("fusion", "glue"), "argument --fusion: invalid choice"),
    Row("another folder", busy_folder, "out: holds letter.txt but no session.json; choose an empty folder"),
)
def test_bad_command_lines(
    row: Row, command: ModuleType, run_main: Callable, clip: Path, weights: Path, tmp_path: Path
) -> None:
    def run(*options: object) -> tuple[int, str, str]:
        given = {"video": clip, "workspace": tmp_path / "out", "model": weights, "port": 0}
        return run_main(
            command.main, *(word for name, value in given.items() for word in (f"--{name}", value)), *options
        )

    check_row(row, tmp_path, run)
