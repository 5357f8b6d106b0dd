"""The recipe of the small network: runs one after the other, signals, files."""

import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torchvision

from model.checkpoint import load_network
from scripts import train_small
from tests.commands.training import saved, write_training_data
from util.errors import InputError


@pytest.mark.long
def test_recipe_of_the_small_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_main: Callable) -> None:
    """Each run starts from the one before; what is done is not done again; float16 weights tell their size."""
    write_training_data(tmp_path)
    few = [
        replace(run, iterations=1, options=f"{run.options} --crop 32 -b 2 --device cpu") for run in train_small.RECIPE
    ]
    monkeypatch.setattr(train_small, "RECIPE", few)
    torch.save(torchvision.models.resnet18().state_dict(), tmp_path / "resnet18.pth")
    places = ["--static_root", tmp_path / "static", "--encoder_weights", tmp_path]
    places += ["--vos_root", tmp_path / "YouTube/train_480p", "--hold_out", "v2"]
    places += ["--save_root", tmp_path / "saves", "--log_root", tmp_path / "log", "--output", tmp_path / "small.pth"]
    assert run_main(train_small.main, *places)[0] == 0
    assert len(list((tmp_path / "saves").glob("*/*_1.pth"))) == len(few)
    weights = torch.load(tmp_path / "small.pth")
    assert {tensor.dtype for tensor in weights.values() if tensor.is_floating_point()} == {torch.float16}
    last = load_network(saved(tmp_path, f"*_{few[-1].name}_1.pth"))
    assert torch.equal(load_network(tmp_path / "small.pth").key_comp.weight, last.key_comp.weight.half().float())
    status, out, _ = run_main(train_small.main, *places)
    assert (status, out.count("done before")) == (0, len(few))


def test_recipe_of_the_small_network_is_as_long_as_its_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without videos it is scenes alone; from given weights on it is the mixture alone."""

    def chosen(*arguments: str) -> list[bool]:
        monkeypatch.setattr(sys, "argv", ["train_small", "--static_root", "photographs", *arguments])
        return [run.has_videos for run in train_small.choose_runs(train_small.parse_arguments())]

    assert chosen() == [False] * 4
    assert chosen("--vos_root", "videos") == [False] * 4 + [True]
    assert chosen("--vos_root", "videos", "--start", "small.pth") == [True]
    with pytest.raises(InputError, match="give --vos_root"):
        chosen("--start", "small.pth")


def test_recipe_hands_signals_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_main: Callable) -> None:
    """The training finishes what it does; the recipe ends with its status."""
    started, saved_marker = tmp_path / "started", tmp_path / "saved"
    (tmp_path / "train.py").write_text(
        "import pathlib, signal, sys, time\n"
        f"signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path({str(saved_marker)!r}).touch(), sys.exit(143)))\n"
        f"pathlib.Path({str(started)!r}).touch()\n"
        "time.sleep(60)\n"
    )
    monkeypatch.setattr("training.process.PROJECT_ROOT", tmp_path)

    def stop() -> None:
        deadline = time.monotonic() + 30
        while not started.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    with ThreadPoolExecutor(1) as pool:
        stopping = pool.submit(stop)
        assert run_main(train_small.main, "--static_root", tmp_path, "--save_root", tmp_path / "saves")[0] == 143
        stopping.result()
    assert saved_marker.exists()
