"""Several processes on one machine or many, as ``torchrun`` starts them. A plain start makes a group of one."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import NamedTuple, TypeVar

import torch.distributed

from util.errors import InputError

T = TypeVar("T")

LONGEST_WAIT = timedelta(days=7)  # how long the other processes wait for the slowest one's objects
LONGEST_EXCHANGE = timedelta(hours=1)  # the same for tensors, such as gradients: an ended process is noticed then


class ProcessGroup(NamedTuple):
    """The place of this process among all of them."""

    rank: int = 0
    size: int = 1
    objects: torch.distributed.ProcessGroup | None = None  # exchanges objects, over gloo; None: a group of one

    @property
    def is_main(self) -> bool:
        """Whether this process reports and writes for all of them."""
        return self.rank == 0

    def first(self, item: T | None) -> T | None:
        """Wait for all processes and give the item of the first one, by rank, whose item is not None.

        Returns:
            None if no process has an item.
        """
        return next((gathered for gathered in self.gather(item) if gathered is not None), None)

    def gather(self, item: T) -> list[T]:
        """Wait for all processes and give each of them the items of all, by rank. Items must be picklable."""
        if self.size == 1:
            return [item]
        items = [item] * self.size
        torch.distributed.all_gather_object(items, item, group=self.objects)
        return items


@contextmanager
def process_group(backend: str = "gloo") -> Iterator[ProcessGroup]:
    """Join the other processes, if the environment names any.

    Args:
        backend: ``gloo``, or ``cpu:gloo,cuda:nccl`` to exchange tensors of GPUs.

    Raises:
        InputError: the environment names other processes, but not how to reach them.
    """
    size = num_processes()
    if size == 1:
        yield ProcessGroup()
        return
    try:
        torch.distributed.init_process_group(backend, timeout=LONGEST_EXCHANGE)
    except ValueError as e:
        raise InputError(f"WORLD_SIZE is {size}, but other variables are missing ({e}); start with torchrun") from e
    objects = torch.distributed.new_group(backend="gloo", timeout=LONGEST_WAIT)
    yield ProcessGroup(torch.distributed.get_rank(), size, objects)
    torch.distributed.destroy_process_group()  # not on errors: it might wait for processes that wait for this one


def is_main_process() -> bool:
    """Tell whether this process reports and writes for all of them, inside a ``process_group`` or not."""
    return num_processes() == 1 or int(os.environ.get("RANK", 0)) == 0


def num_processes() -> int:
    """Give the number of processes on all machines."""
    return int(os.environ.get("WORLD_SIZE", 1))


def local_rank() -> int | None:
    """Give the index of this process on its machine; None if the launcher does not tell."""
    return int(os.environ["LOCAL_RANK"]) if "LOCAL_RANK" in os.environ else None


def divide(lengths: Sequence[int], num_parts: int) -> list[list[int]]:
    """Divide items into parts of about equal total length.

    The items are taken from the longest to the shortest; each goes to the part that is the shortest so far.

    Args:
        lengths: length of each item.
        num_parts: number of parts.

    Returns:
        the indices of each part's items, longest first.
    """
    parts: list[list[int]] = [[] for _ in range(num_parts)]
    totals = [0] * num_parts
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        shortest = totals.index(min(totals))
        parts[shortest].append(index)
        totals[shortest] += lengths[index]
    return parts
