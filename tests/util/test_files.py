"""Files that are whole or not there, and the order of names with numbers."""

import itertools
from pathlib import Path

import pytest

from util.errors import InputError
from util.files import natural_key, write_then_rename


def test_natural_key_orders_numbers_by_value() -> None:
    names = ["f10b", "f9", "10", "f", "2", "1", "f10a", "g1"]
    assert sorted(names, key=natural_key) == ["1", "2", "10", "f", "f9", "f10a", "f10b", "g1"]


def test_natural_key_tells_leading_zeros_apart() -> None:
    """Names that mean one number still have one order, whatever the order in which they are found."""
    for names in itertools.permutations(["1", "01", "001", "2"]):
        assert sorted(names, key=natural_key)[-1] == "2"
        assert sorted(names, key=natural_key) == sorted(names[::-1], key=natural_key)


def test_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "some.clip.npz"
    with write_then_rename(path) as temporary:
        assert temporary.suffix == ".npz"
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".")
        temporary.write_text("new")
        assert not path.exists()
    assert [file.name for file in tmp_path.iterdir()] == ["some.clip.npz"]
    assert path.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failing_block_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")

    def use() -> None:
        with write_then_rename(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        use()
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"file.txt": "old"}


def test_full_disk_is_reported(tmp_path: Path) -> None:
    """As torch.save does; other errors of PyTorch stay what they are."""

    def use(message: str) -> None:
        with write_then_rename(tmp_path / "network.pth") as temporary:
            temporary.write_text("half")
            raise RuntimeError(message)

    with pytest.raises(InputError, match="network.pth: cannot be written to its end; make room"):
        use("inline_container.cc:668 . PytorchStreamWriter failed writing file data/2: file write failed")
    with pytest.raises(RuntimeError, match="size mismatch"):
        use("size mismatch")
    assert not list(tmp_path.iterdir())


def test_files_of_one_folder_have_different_temporary_names(tmp_path: Path) -> None:
    with write_then_rename(tmp_path / "1.png") as first, write_then_rename(tmp_path / "2.png") as second:
        assert first != second
        first.write_text("1")
        second.write_text("2")
    assert (tmp_path / "1.png").read_text() == "1"
