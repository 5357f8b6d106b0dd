"""Files that are whole or not there, folders that one run writes to, and the order of names with numbers."""

import errno
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import TESTS, files_in
from util.errors import InputError
from util.files import LOCK, claim_folder, natural_key, remove_leftovers, write_then_rename


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


@pytest.mark.parametrize("name", ["f" * 241 + ".png", "\u00e4" * 120 + ".png", "-.png", ".hidden.png", "a:b|c.png"])
def test_any_name_that_a_disk_holds_can_be_written(tmp_path: Path, name: str) -> None:
    with write_then_rename(tmp_path / name) as temporary:
        temporary.write_text("new")
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("names_file", [True, False])
def test_disk_errors_name_the_file_and_not_the_temporary_one(tmp_path: Path, names_file: bool) -> None:
    def use() -> None:
        with write_then_rename(tmp_path / "mask.png") as temporary:
            raise OSError(errno.ENOSPC, "No space left", f"file:{temporary}" if names_file else None)

    with pytest.raises(OSError, match=re.escape(f"No space left: '{tmp_path / 'mask.png'}'")):
        use()


def test_errors_of_other_files_stay_what_they_are(tmp_path: Path) -> None:
    def use() -> None:
        with write_then_rename(tmp_path / "mask.png"):
            (tmp_path / "frame.png").read_bytes()

    with pytest.raises(FileNotFoundError, match=r"frame\.png"):
        use()


HOLD = """
import sys, time
from pathlib import Path
from util.files import claim_folder, write_then_rename
folder = Path(sys.argv[1])
with claim_folder(folder), write_then_rename(folder / "mask.png") as temporary:
    temporary.write_text("half")
    print("ready", flush=True)
    sys.stdin.read()
"""


def start_holder(folder: Path) -> subprocess.Popen:
    """Start another process that writes to a folder until its input ends."""
    command = [sys.executable, "-c", HOLD, str(folder)]
    process = subprocess.Popen(command, cwd=TESTS.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def test_folder_in_use_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with start_holder(folder) as holder:
        before = files_in(folder)
        assert len(before) == 2
        with pytest.raises(InputError, match="out: another run is writing to it; wait"), claim_folder(folder):
            pass
        remove_leftovers(folder)  # even without a claim
        assert files_in(folder) == before
        holder.communicate("")
    assert files_in(folder) == ["mask.png"]


def test_leftovers_of_a_killed_run_are_removed_by_the_next(tmp_path: Path) -> None:
    with start_holder(tmp_path) as holder:
        holder.kill()
    (tmp_path / "inner").mkdir()
    pids = (holder.pid, os.getpid())  # a number may come back, in containers it mostly does
    leftovers = [tmp_path / f"inner/.clip_overlay.{pid}.part.mp4" for pid in pids]
    others = [tmp_path / name for name in (".keep", "x.1.part.png", f".x.{os.getppid()}.part.png", ".1.part")]
    for path in (*leftovers, *others):
        path.touch()
    assert (tmp_path / LOCK).exists()
    with claim_folder(tmp_path, [tmp_path / "inner", tmp_path / "none"]), write_then_rename(tmp_path / "a") as own:
        own.touch()
        for spelling in (tmp_path, tmp_path / "inner/..", Path(os.path.relpath(tmp_path))):
            remove_leftovers(spelling)
        assert own.exists()
    assert sorted(tmp_path.iterdir()) == sorted([*others, tmp_path / "a", tmp_path / "inner"])
    assert not files_in(tmp_path / "inner")


def test_claimed_folder_that_stays_empty_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for folder in ("a/b/c", "a"):
        with claim_folder(tmp_path / folder):
            assert (tmp_path / folder).is_dir()
    assert [path.name for path in tmp_path.rglob("*")] == ["a"]


def test_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", Path("/proc/stcn")):
        with pytest.raises(InputError, match=rf"^{path}: cannot be "), claim_folder(path):
            pass
