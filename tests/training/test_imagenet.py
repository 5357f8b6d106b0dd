"""ImageNet weights: the first process fetches them while the others wait."""

import os
import socket
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import torch

from training.imagenet import load_in_turn
from util.distributed import ProcessGroup, process_group
from util.errors import InputError


def refuse() -> None:
    raise OSError("no network")


def test_a_failed_download_names_the_remedy() -> None:
    with pytest.raises(InputError, match=r"cannot be downloaded \(no network\); set encoder_weights to a folder"):
        load_in_turn(refuse, ProcessGroup())


@pytest.mark.parametrize(("rank", "turns"), [("0", ["load", "meet", "meet"]), ("1", ["meet", "load", "meet"])])
def test_the_first_process_of_a_machine_comes_first(
    monkeypatch: pytest.MonkeyPatch, rank: str, turns: list[str]
) -> None:
    found: list[str] = []

    class Group(ProcessGroup):
        def first(self, item: str | None) -> str | None:
            found.append("meet")
            return item

    monkeypatch.setenv("LOCAL_RANK", rank)
    load_in_turn(lambda: found.append("load"), Group(int(rank), 2))
    assert found == turns


def load_as_one_of_two(rank: int, folder: Path) -> None:
    """Load in one process of the next test, once well and once badly."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": (folder / "port").read_text()}

    def download(load: Callable[[], None]) -> None:
        if rank == 0:
            time.sleep(0.5)
            load()
        else:
            assert (folder / "weights").exists()

    with process_group() as group:
        load_in_turn(lambda: download((folder / "weights").touch), group)
        try:
            load_in_turn(lambda: download(refuse), group)
        except InputError as e:
            (folder / f"error_{rank}").write_text(str(e))


@pytest.mark.long
def test_two_processes_take_turns_and_end_together(tmp_path: Path) -> None:
    with closing(socket.create_server(("localhost", 0))) as server:
        (tmp_path / "port").write_text(str(server.getsockname()[1]))
    torch.multiprocessing.spawn(load_as_one_of_two, (tmp_path,), nprocs=2)
    errors = [(tmp_path / f"error_{rank}").read_text() for rank in range(2)]
    assert errors[0] == errors[1]
    assert "cannot be downloaded (no network)" in errors[0]
