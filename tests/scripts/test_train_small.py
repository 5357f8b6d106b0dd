"""The recipe of the small network: runs one after the other, parts left out, scores on the way, signals, files."""

import csv
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
from model.weights import SMALL_WEIGHTS
from scripts import train_small
from tests.commands.training import saved, write_training_data
from training.options import read_settings
from training.settings import Recipe
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
    for more in (("--start", "small.pth"), ("--without", "videos"), ("--iterations", "3")):
        with pytest.raises(InputError, match=f"{more[0]} is for the runs with videos; give --vos_root"):
            chosen(*more)


def test_each_part_of_the_mixture_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run without a part differs from all others, and has a name of its own; the runs on scenes stay."""

    def settings(run: train_small.SmallRun) -> Recipe:
        options = [*train_small.COMMON.split(), *run.options.split(), "--vos_root", "videos"]
        monkeypatch.setattr(sys, "argv", ["train.py", *options])
        return read_settings("").recipe

    *scenes, mixture = train_small.RECIPE
    assert [train_small.change_run(run, "videos", 3) for run in scenes] == scenes
    assert train_small.change_run(mixture, None, None) == mixture
    runs = [train_small.change_run(mixture, part, None) for part in train_small.PARTS]
    assert [run.name for run in runs] == [f"small_mixture_without_{part}" for part in train_small.PARTS]
    recipes = [settings(run) for run in (mixture, *runs)]
    assert all(recipe not in recipes[:index] for index, recipe in enumerate(recipes))


@pytest.mark.long
def test_mixture_without_a_part_is_scored_on_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_main: Callable
) -> None:
    few = [replace(run, options=f"{run.options} --crop 32 -b 2 --device cpu") for run in train_small.RECIPE]
    monkeypatch.setattr(train_small, "RECIPE", few)
    write_training_data(tmp_path)
    places = ["--static_root", tmp_path / "static", "--vos_root", tmp_path / "YouTube/train_480p", "--hold_out", "v2"]
    places += ["--save_root", tmp_path / "saves", "--log_root", tmp_path / "log", "--output", tmp_path / "small.pth"]
    more = ["--start", SMALL_WEIGHTS, "--without", "pasted", "--iterations", 3, "--val_every", 2]
    assert run_main(train_small.main, *places, *more)[0] == 0
    (table,) = (tmp_path / "log").glob("*_small_mixture_without_pasted/validation.csv")
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["iteration"] for row in rows] == ["2", "3"]
    assert all(0 <= float(row["validation/v2/J&F_mean"]) <= 1 for row in rows)


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
