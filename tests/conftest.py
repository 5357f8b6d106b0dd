"""Shared fixtures: networks with deterministic weights, and small videos."""

import functools
import importlib
import logging
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
import torch
from PIL import Image

import tracker
from model.network import STCN
from model.weights import SMALL_WEIGHTS
from output.masks import write_mask
from tests.deterministic import fill_state_dict, synthetic_video
from tests.download_server import DownloadServer

TESTS = Path(__file__).parent
LOADERS = {name: functools.cache(getattr(tracker, name)) for name in ("load_network", "optimise")}
torch.set_grad_enabled(False)
# Background jobs ignore these, and the commands that tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def filled_network(seed: int = 0, **variant: bool | str) -> STCN:
    """Make a network with deterministic weights."""
    network = STCN(**variant).eval()
    fill_state_dict(network.state_dict(), seed)
    return network


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def no_progress() -> Iterator[logging.Logger]:
    """Progress would stand between the messages that tests read."""
    logger = logging.getLogger("util.progress")
    logger.setLevel(logging.WARNING)
    yield logger
    logger.setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def network() -> STCN:
    return filled_network()


@pytest.fixture(scope="session")
def weights(network: STCN, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "stcn.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture
def loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load the network of all commands once; for tests whose weights are sound."""
    for name, loader in LOADERS.items():
        monkeypatch.setattr(tracker, name, loader)
    tracker.VideoTracker.load(SMALL_WEIGHTS, "cpu", "float32")  # here, where its note is not among the lines


@pytest.fixture
def run_main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., tuple[int, str, str]]:
    """Run a script's main in this process: exit status, standard output, standard error."""

    def run(main: Callable[[], None], *arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", [f"{main.__module__}.py", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code or 0, *capsys.readouterr()

    return run


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[DownloadServer]:
    """Whatever is asked of the network is asked of this server."""
    world, request = DownloadServer(), requests.Session.request

    def rewritten(session: requests.Session, method: str, url: str, **options: object) -> requests.Response:
        return request(session, method, world.address(url), **options)

    monkeypatch.setattr(requests.Session, "request", rewritten)
    monkeypatch.setattr(
        importlib.import_module("gdown.download"), "DEFAULT_COOKIES_FILE", str(tmp_path / "cookies" / "jar.txt")
    )
    yield world
    world.close()


def files_in(folder: Path) -> list[str]:
    """Files below a folder, relative to it."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def results_in(folder: Path) -> list[str]:
    """Results below a folder, relative to it, without the records of their runs."""
    return [name for name in files_in(folder) if not name.endswith("_run.json")]


def assert_same_masks(found_root: Path, expected_root: Path) -> None:
    """Same files, same modes and palettes, 99.99 % of the pixels."""
    names = files_in(expected_root)
    assert [name for name in files_in(found_root) if name.endswith(".png")] == names
    same = total = 0
    for name in names:
        with Image.open(expected_root / name) as expected, Image.open(found_root / name) as found:
            assert (found.mode, found.getpalette()) == (expected.mode, expected.getpalette())
            same += int((np.array(found) == np.array(expected)).sum())
            total += found.width * found.height
    assert same / total >= 0.9999


def write_clip(
    root: Path, num_frames: int = 4, size: tuple[int, int] = (48, 64), *, objects: int = 2
) -> tuple[Path, Path]:
    """Write a synthetic clip as a folder of frames and a first mask; returns both paths."""
    video, masks = synthetic_video(num_frames, *size, objects)
    frames = root / "frames"
    frames.mkdir(parents=True)
    for index, frame in enumerate(video):
        Image.fromarray(frame).save(frames / f"{index:05d}.jpg")
    write_mask(root / "first.png", masks[0])
    return frames, root / "first.png"


def remove(path: str) -> Callable[[Path], None]:
    """Something to spoil a folder with: take a file or folder away."""
    return lambda root: shutil.rmtree(root / path) if (root / path).is_dir() else (root / path).unlink()


def read_ids(path: Path) -> np.ndarray:
    """Pixels of a mask as they are stored."""
    with Image.open(path) as image:
        return np.array(image)
