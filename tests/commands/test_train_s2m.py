"""train_s2m.py: files that load, exact resuming, bad input."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import train_s2m
from model.s2m import load_s2m
from tests.dataset.clips import write_photographs
from training.trainer import Trainer


@pytest.fixture
def run(run_main: Callable, tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """Train on two photographs."""
    photographs = tmp_path / "static"
    photographs.mkdir()
    write_photographs(photographs)

    def train(*more: object) -> tuple[int, str, str]:
        places = ["--static_root", photographs, "--save_root", tmp_path / "saves", "--log_root", tmp_path / "log"]
        recipe = ["--size", "small", "--crop", 32, "-b", 2, "-i", 4, "--num_workers", 0, "--device", "cpu", "--no_amp"]
        with torch.enable_grad():
            return run_main(train_s2m.main, *places, *recipe, *more)

    return train


def weights_of(root: Path, name: str) -> Path:
    (path,) = (root / "saves").glob(f"*_{name}/*_{name}_4.pth")
    return path


@pytest.mark.parametrize("finds_it_itself", [False, True])
def test_an_interrupted_training_goes_on_exactly(
    run: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finds_it_itself: bool
) -> None:
    assert run("--id", "whole", "--from_scratch")[0] == 0
    update = Trainer.update

    def update_and_stop(trainer: Trainer) -> None:
        update(trainer)
        if trainer.iteration == 2:
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "update", update_and_stop)
        assert run("--id", "parts", "--from_scratch")[0] == 128 + signal.SIGTERM
    (checkpoint,) = (tmp_path / "saves").glob("*_parts/*_checkpoint.pth")
    again = ["--resume", "--id", "parts", "--from_scratch"] if finds_it_itself else ["--load_model", checkpoint]
    assert run(*again)[0] == 0
    whole, parts = (torch.load(weights_of(tmp_path, name)) for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert load_s2m(weights_of(tmp_path, "parts"))(torch.zeros(1, 6, 32, 32)).isfinite().all()


def test_a_single_iteration(run: Callable) -> None:
    assert run("-i", 1, "--from_scratch")[0] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--crop", "40"], "--crop must be a multiple of 16"),
        (["--id", "../../elsewhere/x"], "--id becomes the name of a folder"),
        (["--load_network", "a.pth", "--from_scratch"], "exclude each other"),
        (["--resume"], "--resume finds the checkpoint by --id"),
        (["-b", "1", "--from_scratch"], "batch_size 1: S2M's normalisation needs more samples at once"),
        (["--static_root", "nowhere", "--from_scratch"], "nowhere: no name.jpg with a name.png beside it"),
        (["-b", "8", "--from_scratch"], "2 clips are fewer than a batch of 8"),
        (["--load_network", "nowhere.pth"], "nowhere.pth: no such file"),
    ],
)
def test_bad_input_ends_with_one_line(run: Callable, options: list[str], message: str) -> None:
    status, _, err = run(*options)
    assert (status, message in err) == (2, True)
