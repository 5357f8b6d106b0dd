"""Reading files of torch: hostile, damaged and foreign ones are refused in one line, before they take memory."""

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from model.checkpoint import load_network
from model.torch_file import read_torch_file
from util.errors import InputError

LEGACY = {"_use_new_zipfile_serialization": False}


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
