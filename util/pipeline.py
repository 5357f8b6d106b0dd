"""Read ahead of the computation and write behind it, in threads with bounded queues."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

S, T = TypeVar("S"), TypeVar("T")


def prefetch(items: Iterable[T], depth: int) -> Iterator[T]:
    """Iterate over ``items`` in a background thread, ``depth`` of them ahead.

    Raises:
        Exception: the errors of the iteration, in the place of the item that failed.
    """
    iterator, end = iter(items), object()
    pool = ThreadPoolExecutor(1)
    try:
        ahead = deque(pool.submit(next, iterator, end) for _ in range(depth))
        while (item := ahead.popleft().result()) is not end:
            ahead.append(pool.submit(next, iterator, end))
            yield item
    finally:
        pool.shutdown(cancel_futures=True)


def map_ahead(function: Callable[[S], T], items: Iterable[S], num_threads: int) -> Iterator[T]:
    """Map items in background threads, ``num_threads`` of them ahead; results come in order.

    Raises:
        Exception: the errors of the function, in the place of the item that failed.
    """
    pool, ahead = ThreadPoolExecutor(num_threads), deque()
    try:
        for item in items:
            ahead.append(pool.submit(function, item))
            if len(ahead) > num_threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def batched(items: Iterable[T], size: int, counts: Callable[[T], bool] = lambda item: True) -> Iterator[list[T]]:
    """Group items: each group ends with its ``size``-th item that counts, the last group with the last item.

    Args:
        counts: tells whether an item counts.
    """
    batch, num_counted = [], 0
    for item in items:
        batch.append(item)
        num_counted += counts(item)
        if num_counted == size:
            yield batch
            batch, num_counted = [], 0
    if batch:
        yield batch


class BackgroundWriter:
    """Run tasks in background threads; at most ``max_pending`` wait or run at a time.

    As a context manager it waits for all tasks at the end, or drops those that have not begun if the block failed. A
    later ``submit``, or the end, raises the error of a task.
    """

    def __init__(self, num_threads: int, max_pending: int = 8) -> None:
        self._pool = ThreadPoolExecutor(num_threads)
        self._max_pending = max_pending
        self._pending: deque[Future] = deque()

    def submit(self, task: Callable[..., None], *args) -> None:
        """Queue ``task(*args)``; waits while the queue is full."""
        if len(self._pending) >= self._max_pending:
            self._pending.popleft().result()
        self._pending.append(self._pool.submit(task, *args))

    def __enter__(self) -> "BackgroundWriter":
        return self

    def __exit__(self, error_type: type | None, *_) -> None:
        self._pool.shutdown(cancel_futures=error_type is not None)
        if error_type is None:
            for task in self._pending:
                task.result()
