"""Reading files of torch: hostile, damaged and foreign ones are refused in one line, before they take memory."""

import os
import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from model.checkpoint import load_network
from model.torch_file import read_torch_file
from tests.conftest import filled_network
from util.errors import InputError

CONV = "value_encoder.conv1.weight"
KEY = "key_comp.bias"
LEGACY = {"_use_new_zipfile_serialization": False}


@pytest.fixture(scope="module")
def state_dict() -> dict[str, torch.Tensor]:
    return filled_network(size="small").state_dict()


def refused(path: Path, read: Callable = load_network) -> str:
    with warnings.catch_warnings(record=True) as warned, pytest.raises(InputError) as caught:
        read(path)
    assert warned == []
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


@pytest.mark.parametrize("options", [{}, LEGACY])
def test_both_formats_are_read(tmp_path: Path, options: dict) -> None:
    torch.save({"a": torch.arange(6.0).view(2, 3), "it": 7}, tmp_path / "a.pth", **options)
    content = read_torch_file(tmp_path / "a.pth")
    assert content["it"] == 7
    assert torch.equal(content["a"], torch.arange(6.0).view(2, 3))


@pytest.mark.parametrize(
    ("name", "spoil", "cause"),
    [
        (1, torch.clone, "no network weights"),
        (("a", 1), torch.clone, "no network weights"),
        (KEY, str, f"{KEY} is no plain tensor"),
        (CONV, torch.sum, f"shape of {CONV}"),
        (CONV, torch.flatten, f"shape of {CONV}"),
        (CONV, lambda tensor: tensor.flatten(1), f"shape of {CONV}"),
        (CONV, lambda tensor: tensor.flatten(2), f"shape of {CONV}"),
        (KEY, torch.Tensor.char, f"{KEY} is torch.int8"),
        (KEY, torch.Tensor.bool, f"{KEY} is torch.bool"),
        (KEY, torch.Tensor.cfloat, f"{KEY} is no plain tensor"),
        (KEY, torch.Tensor.to_sparse, f"{KEY} is no plain tensor"),
        (KEY, lambda tensor: tensor.to("meta"), f"{KEY} is no plain tensor"),
        (KEY, lambda tensor: torch.quantize_per_tensor(tensor, 0.1, 0, torch.qint8), f"{KEY} is no plain tensor"),
        (KEY, lambda tensor: tensor * torch.nan, f"{KEY} holds NaN"),
        (KEY, lambda tensor: tensor - torch.inf, f"{KEY} holds NaN"),
        (KEY, lambda tensor: tensor.double() + 1e300, f"{KEY} holds NaN"),
        (KEY, lambda tensor: tensor[:1].expand(10**13), "weights of another network"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*quantize")
def test_other_content_than_weights_is_refused(
    tmp_path: Path, state_dict: dict, name: object, spoil: Callable, cause: str
) -> None:
    torch.save(state_dict | {name: spoil(state_dict.get(name, state_dict[KEY]))}, tmp_path / "w.pth")
    assert cause in refused(tmp_path / "w.pth")


def compressed_zip(path: Path) -> None:
    """A hundred megabytes of zeros in half a megabyte."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("a/data/0", bytes(10**8))


def enlarged(path: Path) -> None:
    """A file of the former format that states a tensor of 2 ** 31 numbers."""
    torch.save({"a": torch.zeros(77)}, path, **LEGACY)
    content = path.read_bytes()
    assert b"KM" in content
    path.write_bytes(content.replace(b"KM", b"J\xff\xff\xff\x7f"))


def script(path: Path) -> None:
    torch.jit.script(torch.nn.Linear(2, 2)).save(path)


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (compressed_zip, "states records larger than itself"),
        (enlarged, "states tensors larger than itself"),
        (script, "a TorchScript program"),
        (lambda path: path.write_bytes(pickle.dumps({"a": 1})), "not a PyTorch file"),
        (lambda path: path.write_bytes(b""), "not a PyTorch file"),
        (lambda path: path.write_bytes(b"PK\x03\x04" + bytes(100)), "not a PyTorch file"),
        (os.mkfifo, "not a regular file"),
        (Path.mkdir, "not a regular file"),
        (lambda path: path.symlink_to(path), "no such file"),
        (lambda path: None, "no such file"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, make: Callable, cause: str) -> None:
    path = tmp_path / "w.pth"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # making a TorchScript program warns
        make(path)
    for read in (read_torch_file, load_network):
        assert cause in refused(path, read)


def test_a_file_that_must_not_be_read_is_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *_) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "w.pth").touch()
    monkeypatch.setattr(Path, "open", refuse)
    assert "cannot be read (Permission denied)" in refused(tmp_path / "w.pth")


def test_lack_of_memory_is_not_called_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_, **__) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes")

    torch.save({}, tmp_path / "w.pth")
    monkeypatch.setattr(torch, "load", load)
    with pytest.raises(RuntimeError, match="can't allocate"):
        read_torch_file(tmp_path / "w.pth")
