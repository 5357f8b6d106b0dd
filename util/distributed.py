"""Several processes, on one machine or many, as ``torchrun`` starts them. A plain start is a group of one."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import NamedTuple, TypeVar

import torch.distributed

from util.errors import InputError

T = TypeVar("T")

LONGEST_WAIT = timedelta(days=7)  # for the slowest process


class ProcessGroup(NamedTuple):
    """This process among all."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process speaks and writes for all."""
        return self.rank == 0

    def first(self, item: T | None) -> T | None:
        """The item of the first process, by rank, that has one; waits for all."""
        return next((item for item in self.gather(item) if item is not None), None)

    def gather(self, item: T) -> list[T]:
        """Collect a picklable item of each process, by rank, in all of them."""
        if self.size == 1:
            return [item]
        items = [item] * self.size
        torch.distributed.all_gather_object(items, item)
        return items


@contextmanager
def process_group(backend: str = "gloo") -> Iterator[ProcessGroup]:
    """Join the other processes, if the environment tells of any.

    Args:
        backend: ``gloo``, or ``cpu:gloo,cuda:nccl`` to exchange tensors of GPUs.
    """
    size = int(os.environ.get("WORLD_SIZE", 1))
    if size == 1:
        yield ProcessGroup()
        return
    try:
        torch.distributed.init_process_group(backend, timeout=LONGEST_WAIT)
    except ValueError as e:
        raise InputError(f"WORLD_SIZE is {size}, but other variables are missing ({e}); start with torchrun") from e
    yield ProcessGroup(torch.distributed.get_rank(), size)
    torch.distributed.destroy_process_group()  # not on errors: it might wait for processes that wait for this one


def is_main_process() -> bool:
    """Whether this process speaks and writes for all, inside a ``process_group`` or not."""
    return int(os.environ.get("WORLD_SIZE", 1)) == 1 or int(os.environ.get("RANK", 0)) == 0


def local_rank() -> int:
    """Index of this process on its machine."""
    return int(os.environ.get("LOCAL_RANK", 0))


def divide(lengths: Sequence[int], num_parts: int) -> list[list[int]]:
    """Divide items into parts of about equal total length: the longest first, each to the shortest part so far.

    Args:
        lengths: of the items.
        num_parts: how many parts.

    Returns:
        For each part the indices of its items, longest first.
    """
    parts: list[list[int]] = [[] for _ in range(num_parts)]
    totals = [0] * num_parts
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        shortest = totals.index(min(totals))
        parts[shortest].append(index)
        totals[shortest] += lengths[index]
    return parts
