"""Files of weights that are none, damaged, hostile, or of numbers and shapes of another kind."""

import functools
import os
import pickle
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

import download_model
import eval_generic
from model.s2m import S2M
from tests.bad_input.builders import Spoil, cut, fill, link_to
from tests.bad_input.rows import Row, check_row, table
from tests.conftest import filled_network

WEIGHTS = "weights.pth"
CONV, KEY = "value_encoder.conv1.weight", "key_comp.bias"
NOT_TORCH = r"weights\.pth: not a PyTorch file, or cut short; download or copy it again"
NOT_PLAIN = rf"weights\.pth: {KEY} is no plain tensor of real numbers; give trained weights"
RESHAPED = rf"weights\.pth: weights of another network: has another shape of {CONV}"


@functools.cache
def good() -> dict[str, Tensor]:
    return filled_network(size="small").state_dict()


def save(root: Path, content: object, **options: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on quantised and sparse tensors
        torch.save(content, root / WEIGHTS, **options)


def changed(name: object, change: Callable[[Tensor], object]) -> Spoil:
    """Save the weights with a change of one."""
    return lambda root: save(root, good() | {name: change(good().get(name, good()[KEY]))})


def content(made: Callable[[], object]) -> Spoil:
    return lambda root: save(root, made())


def quantised(tensor: Tensor) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.quantize_per_tensor(tensor, 0.1, 0, torch.qint8)


def cut_to(share: float) -> Spoil:
    def spoil(root: Path) -> None:
        save(root, good())
        cut(WEIGHTS, share)(root)

    return spoil


def bomb(root: Path) -> None:
    """A hundred megabytes of zeros in a tenth of a megabyte."""
    with zipfile.ZipFile(root / WEIGHTS, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", pickle.dumps({}))
        archive.writestr("a/data/0", bytes(10**8))


def enlarged(root: Path) -> None:
    """A file of the format before PyTorch 1.6, whose tensor states two thousand million numbers."""
    save(root, {"a": torch.zeros(77)}, _use_new_zipfile_serialization=False)
    former = (root / WEIGHTS).read_bytes()
    assert b"KM" in former
    (root / WEIGHTS).write_bytes(former.replace(b"KM", b"J\xff\xff\xff\x7f"))


def script(root: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(torch.nn.Linear(2, 2)).save(root / WEIGHTS)


class Command:
    """An object that runs a command when it is unpickled without care."""

    def __reduce__(self) -> tuple:
        return os.mkdir, ("made_by_weights",)


def made(make: Callable[[Path], object]) -> Spoil:
    return lambda root: make(root / WEIGHTS) and None


def tar(root: Path) -> None:
    with tarfile.open(root / WEIGHTS, "w") as archive:
        archive.addfile(tarfile.TarInfo("storages"))


ROWS = table(
    Row("number for a name", changed(1, torch.clone), r"weights\.pth: holds no network weights"),
    Row("tuple for a name", changed(("a", 1), torch.clone), r"weights\.pth: holds no network weights"),
    Row("text for a tensor", changed(KEY, str), NOT_PLAIN),
    Row("convolution of the mask without dimensions", changed(CONV, torch.sum), RESHAPED),
    Row("convolution of the mask of one dimension", changed(CONV, torch.flatten), RESHAPED),
    Row("convolution of the mask of two", changed(CONV, lambda tensor: tensor.flatten(1)), RESHAPED),
    Row("convolution of the mask of three", changed(CONV, lambda tensor: tensor.flatten(2)), RESHAPED),
    Row("convolution of the mask of nothing", changed(CONV, lambda tensor: tensor[:, :0]), RESHAPED),
    Row("8-bit integers", changed(KEY, Tensor.char), rf"weights\.pth: {KEY} is torch.int8, not floating point"),
    Row("truth values", changed(KEY, Tensor.bool), rf"weights\.pth: {KEY} is torch.bool, not floating point"),
    Row("complex numbers", changed(KEY, Tensor.cfloat), NOT_PLAIN),
    Row("sparse tensor", changed(KEY, Tensor.to_sparse), NOT_PLAIN),
    Row("tensor without numbers", changed(KEY, lambda tensor: tensor.to("meta")), NOT_PLAIN),
    Row("quantised tensor", changed(KEY, quantised), NOT_PLAIN),
    Row("NaN", changed(KEY, lambda tensor: tensor * torch.nan), rf"weights\.pth: {KEY} holds NaN or infinite"),
    Row("infinite numbers", changed(KEY, lambda tensor: tensor - torch.inf), rf"{KEY} holds NaN or infinite"),
    Row("numbers beyond float32", changed(KEY, lambda tensor: tensor.double() + 1e300), rf"{KEY} holds NaN or infin"),
    Row("one number that stands for 10 ** 13", changed(KEY, lambda tensor: tensor[:1].expand(10**13)), "another net"),
    Row("a weight too many", changed("more.weight", torch.clone), "another network: has the unknown more.weight"),
    Row("another network", content(lambda: S2M("small").state_dict()), r"weights\.pth: weights of another network"),
    Row("list", content(lambda: [torch.zeros(1)]), r"weights\.pth: holds no network weights"),
    Row("nothing in a dict", content(dict), r"weights\.pth: weights of another network: lacks "),
    Row("one tensor", content(lambda: torch.zeros(3)), r"weights\.pth: holds no network weights"),
    Row("checkpoint with NaN", content(lambda: {"network": good() | {KEY: good()[KEY] / 0}}), rf"{KEY} holds NaN"),
    Row("checkpoint of lists", content(lambda: {"network": {"a": [1]}}), r"weights\.pth: a is no plain tensor"),
    Row("cut in the middle", cut_to(0.5), NOT_TORCH),
    Row("cut at its end", cut_to(0.999), NOT_TORCH),
    Row("empty file", fill(WEIGHTS, b""), NOT_TORCH),
    Row("web page", fill(WEIGHTS, b"<!DOCTYPE html><html>quota exceeded</html>"), NOT_TORCH),
    Row("zip of nothing", fill(WEIGHTS, b"PK\x05\x06" + bytes(18)), NOT_TORCH),
    Row("beginning of a zip", fill(WEIGHTS, b"PK\x03\x04" + bytes(100)), NOT_TORCH),
    Row("plain pickle", fill(WEIGHTS, pickle.dumps({"a": 1})), NOT_TORCH),
    Row("pickle that runs a command", fill(WEIGHTS, pickle.dumps(Command())), NOT_TORCH),
    Row("command inside of a good file", content(lambda: good() | {"more": Command()}), NOT_TORCH),
    Row("tar", tar, NOT_TORCH),
    Row("records larger than the file", bomb, r"weights\.pth: states records larger than itself; do not trust it"),
    Row("tensors larger than the file", enlarged, r"weights\.pth: states tensors larger than itself; do not trust it"),
    Row("TorchScript", script, r"weights\.pth: a TorchScript program, not weights; give a file of its state_dict"),
    Row("pipe", made(os.mkfifo), r"weights\.pth: not a regular file"),
    Row("folder", made(Path.mkdir), r"weights\.pth: not a regular file"),
    Row("link that leads nowhere", made(link_to("gone")), r"weights\.pth: no such file"),
    Row("link to itself", made(link_to(WEIGHTS)), r"weights\.pth: a link that leads in a circle"),
    Row("nothing there", lambda root: None, r"weights\.pth: no such file"),
)


@ROWS
def test_weights_of_a_command_that_segments(row: Row, clip: Path, run_main: Callable) -> None:
    files = ["--video", clip / "frames", "--mask", clip / "first.png", "--output", clip / "out"]
    check_row(row, clip, functools.partial(run_main, eval_generic.main, "--quiet", *files, "--model", clip / WEIGHTS))
    assert not (clip / "out").exists()


@ROWS
def test_weights_by_hand(row: Row, tmp_path: Path, run_main: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_model, "PROJECT_ROOT", tmp_path / "out")
    check_row(
        row, tmp_path, functools.partial(run_main, download_model.main, "--quiet", "--from_archive", tmp_path / WEIGHTS)
    )
    assert not (tmp_path / "out").exists()
