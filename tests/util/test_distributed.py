"""Several processes: how they divide work, and how they meet."""

import numpy as np
import pytest

from util.distributed import ProcessGroup, divide, is_main_process, process_group
from util.errors import InputError


@pytest.mark.parametrize("num_parts", [1, 2, 3, 8])
@pytest.mark.parametrize("num_items", [0, 1, 5, 40])
def test_parts_hold_each_item_once_and_are_balanced(num_items: int, num_parts: int) -> None:
    """No part is longer than the shortest one by more than its own shortest item, the last."""
    lengths = np.random.default_rng(num_items).integers(1, 100, num_items).tolist()
    parts = divide(lengths, num_parts)
    assert len(parts) == num_parts
    assert sorted(index for part in parts for index in part) == list(range(num_items))
    totals = [sum(lengths[index] for index in part) for part in parts]
    for part, total in zip(parts, totals):
        assert [lengths[index] for index in part] == sorted((lengths[index] for index in part), reverse=True)
        assert not part or total - lengths[part[-1]] <= min(totals)


def test_longest_come_first() -> None:
    assert divide([3, 9, 5, 1], 2) == [[1], [2, 0, 3]]


def test_a_plain_start_is_a_group_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    assert is_main_process()
    with process_group() as group:
        assert group == ProcessGroup(0, 1)
        assert group.is_main
        assert group.gather("mine") == ["mine"]


@pytest.mark.parametrize(("size", "rank", "is_main"), [("1", "1", True), ("2", "0", True), ("2", "1", False)])
def test_only_one_process_reports(monkeypatch, size: str, rank: str, is_main: bool) -> None:
    """A plain start ignores a rank that is left over in the environment."""
    monkeypatch.setenv("WORLD_SIZE", size)
    monkeypatch.setenv("RANK", rank)
    assert is_main_process() == is_main


def test_processes_that_cannot_meet_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match="WORLD_SIZE is 2, but .*; start with torchrun"), process_group():
        pass
