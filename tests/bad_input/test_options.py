"""Options of benchmarks and trainings that nobody can mean, and data that they cannot use."""

import functools
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import benchmark
import train
from output.masks import write_mask
from tests.bad_input.builders import Spoil, cut, fill, given, make_bomb, replaced
from tests.bad_input.rows import Row, check_row, table
from tests.conftest import filled_network
from tests.videos import picture

KEYS = "network", "optimizer", "scheduler", "it"
PHOTOGRAPH, MASK = "static/fss/0.jpg", "static/fss/0.png"


def measured(subject: str, *options: object) -> Spoil:
    return given(subject, *options)


@table(
    Row("no subject", given(), r"the following arguments are required: subject"),
    Row("unknown subject", given("speed"), r"argument subject: invalid choice: 'speed'"),
    Row("no frames", given("long", "--frames", "0"), r"argument --frames: 0 is not from 1 to"),
    Row("frames without end", given("long", "--frames", "9" * 30), r"argument --frames: 9+ is not from 1 to"),
    Row("frames that are no number", given("long", "--frames", "many"), r"argument --frames: 'many' is not a whole"),
    Row("no size", given("memory", "--size", "0", "10"), r"argument --size: 0 is not from 1 to 10000"),
    Row("size without bounds", given("memory", "--size", "10", "10001"), r"argument --size: 10001 is not from 1 to"),
    Row("one side", given("memory", "--size", "10"), r"argument --size: expected 2 arguments"),
    Row("all frames at once", given("inference", "--frames_at_once", "1000000000"), r"--frames_at_once: 10+ is not"),
    Row("unknown precision", given("memory", "--precision", "int8"), r"argument --precision: invalid choice: 'int8'"),
    Row("unknown device", given("memory", "--device", "tpu"), r"tpu"),
    Row("device that is not there", given("memory", "--device", "cuda:99"), r"cuda"),
    Row("abbreviated option", given("data", "--clip", "1"), r"unrecognized arguments: --clip"),
    Row("figures without a name", given("data", "--json", ""), r"argument --json: is empty"),
    Row("figures below a file", given("data", "--json", Path("first.png/x.json")), r"cannot be a folder to write to"),
    Row("videos without masks", given("agreement", "--video", "a", "b"), r"--video names 2, --mask 1; give a mask"),
    Row("weights that are missing", given("agreement", "--model", Path("none.pth")), r"none\.pth: no such file"),
    Row(
        "weights that are a picture",
        given("agreement", "--model", Path("first.png")),
        r"first\.png: not a PyTorch",
    ),
)
def test_benchmarks(row: Row, clip: Path, run_main: Callable) -> None:
    check_row(row, clip, functools.partial(run_main, benchmark.main))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Photographs with masks, a video with masks, and weights."""
    for folder in ("static/fss", "own/JPEGImages/clip", "own/Annotations/clip"):
        (tmp_path / folder).mkdir(parents=True)
    ids = np.zeros((48, 64), np.uint8)
    ids[5:40, 5:50] = 1
    for index in range(4):
        Image.fromarray(picture(index)).save(tmp_path / f"static/fss/{index}.jpg")
        write_mask(tmp_path / f"static/fss/{index}.png", ids * 255, None)
        Image.fromarray(picture(index)).save(tmp_path / f"own/JPEGImages/clip/{index:05d}.jpg")
        write_mask(tmp_path / f"own/Annotations/clip/{index:05d}.png", ids)
    return tmp_path


def weights(content: Callable[[], object], *options: object) -> Spoil:
    """Save something as ``weights.pth``."""

    def spoil(root: Path) -> list:
        torch.save(content(), root / "weights.pth")
        return [root / option if isinstance(option, Path) else option for option in options]

    return spoil


def diverged() -> dict[str, torch.Tensor]:
    state_dict = filled_network(size="small", single_object=True).state_dict()
    state_dict["key_comp.bias"] *= torch.nan
    return state_dict


@table(
    Row("no clips in a batch", given("-b", "0"), r"argument -b/--batch_size: 0 is not from 1 to"),
    Row("no iterations", given("-i", "0"), r"argument -i/--iterations: 0 is not from 1 to"),
    Row("learning rate that is NaN", given("--lr", "nan"), r"argument --lr: nan is not a finite number"),
    Row("learning rate that is infinite", given("--lr", "inf"), r"argument --lr: inf is not a finite number"),
    Row("learning rate that is negative", given("--lr", "-1"), r"argument --lr: -1\.0 is negative"),
    Row("factor that is NaN", given("--gamma", "nan"), r"argument --gamma: nan is not a finite number"),
    Row("steps that are no numbers", given("--steps", "1", "x"), r"argument --steps: 'x' is not a whole number"),
    Row("crop between the cells", given("--crop", "100"), r"--crop must be a multiple of 16, at least 32"),
    Row("clip of one frame", given("--num_frames", "1"), r"--num_frames must be at least 2"),
    Row("unknown stage", given("--stage", "4"), r"argument --stage: invalid choice: 4"),
    Row("unknown network", given("--network", "tiny"), r"argument --network: invalid choice: 'tiny'"),
    Row("no jump", given("--max_jump", "0"), r"argument --max_jump: 0 is not from 1 to"),
    Row("unknown similarity", given("--similarity", "l1"), r"argument --similarity: invalid choice: 'l1'"),
    Row("no memory positions", given("--top_k", "0"), r"argument --top_k: 0 is not from 1 to"),
    Row("name that is a path", given("--id", "../up"), r"--id becomes the name of a folder; leave out separators"),
    Row("abbreviated option", given("--iter", "1"), r"unrecognized arguments: --iter"),
    Row("two starts", given("--load_network", "x"), r"--load_network, --load_model and --from_scratch exclude each"),
    Row("data without a name", given("--static_root", ""), r"argument --static_root: is empty"),
    Row("data that is not there", given("--static_root", Path("none")), r"none: "),
    Row("data without photographs", given("--static_root", Path("own/Annotations")), r"own/Annotations: no name\.jpg"),
    Row("videos that are not there", given("--stage", "3", "--vos_root", Path("none")), r"none/JPEGImages: no such"),
    Row("photograph of gigabytes", fill(PHOTOGRAPH, make_bomb(60000, 60000)), r"static/fss/0\.jpg: ", is_long=True),
    Row("photograph that is a pipe", replaced(PHOTOGRAPH, os.mkfifo), r"static/fss/0\.jpg: ", is_long=True),
    Row("mask that is cut", cut(MASK, 0.5), r"static/fss/0\.png: unreadable", is_long=True),
)
def test_trainings(row: Row, data: Path, run_main: Callable) -> None:
    with torch.enable_grad():
        check_row(row, data, functools.partial(run_main, train.main, "--from_scratch", *small(data)))


@table(
    Row("weights that are missing", given("--load_network", Path("none.pth")), r"none\.pth: no such file"),
    Row("weights of NaN", weights(diverged, "--load_network", Path("weights.pth")), r"key_comp\.bias holds NaN"),
    Row("weights of another kind", weights(list, "--load_network", Path("weights.pth")), r"holds no network weights"),
    Row("checkpoint that is missing", given("--load_model", Path("none.pth")), r"none\.pth: no such file"),
    Row(
        "checkpoint of weights",
        weights(diverged, "--load_model", Path("weights.pth")),
        r"weights\.pth: not a check",
    ),
    Row("checkpoint that is a picture", given("--load_model", Path(MASK)), r"0\.png: not a PyTorch file"),
    Row(
        "checkpoint without a network",
        weights(lambda: dict.fromkeys(KEYS), "--load_model", Path("weights.pth")),
        r"weights\.pth: holds no network weights",
    ),
    Row("encoders that are missing", given("--encoder_weights", Path("own")), r"own: no resnet\d+\*\.pth in it"),
)
def test_starts_of_trainings(row: Row, data: Path, run_main: Callable) -> None:
    check_row(row, data, functools.partial(run_main, train.main, *small(data)))


def small(root: Path) -> list:
    """A short training of the small network on photographs."""
    places = ["--static_root", root / "static", "--save_root", root / "out", "--log_root", root / "out"]
    options = "--quiet --network small --crop 32 -b 2 -i 2 --num_workers 1 --device cpu --precision float32"
    return [*places, *options.split()]
