"""Reading ahead and writing behind, in background threads with bounded queues."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from util.errors import InputError
from util.pipeline import BackgroundWriter, map_ahead, prefetch

PATIENCE = 10  # seconds after which a thread counts as hanging


def wait_until(condition: Callable[[], bool]) -> bool:
    """Wait for background threads."""
    deadline = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()


def returns(function: Callable[[], object]) -> bool:
    """Whether ``function`` comes back rather than hanging."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return not thread.is_alive()


# Reading ahead


@pytest.mark.parametrize("depth", [1, 3, 50])
def test_prefetch_keeps_order(depth: int) -> None:
    assert list(prefetch(range(20), depth)) == list(range(20))
    assert list(prefetch([None, 0, None], depth)) == [None, 0, None]
    assert list(prefetch([], depth)) == []


@pytest.mark.parametrize("depth", [1, 2, 8])
def test_prefetch_raises_errors_where_they_belong(depth: int) -> None:
    def source() -> Iterator[int]:
        yield from range(3)
        raise InputError("frame 3")

    items = prefetch(source(), depth)
    assert [next(items), next(items), next(items)] == [0, 1, 2]
    with pytest.raises(InputError, match="frame 3"):
        next(items)


@pytest.mark.parametrize("depth", [1, 4])
def test_prefetch_reads_depth_items_ahead_and_no_more(depth: int) -> None:
    produced = []

    def source() -> Iterator[int]:
        for index in range(100):
            produced.append(index)
            yield index

    items = prefetch(source(), depth)
    for num_taken in range(1, 10):
        next(items)
        assert wait_until(lambda: len(produced) >= num_taken + depth)  # noqa: B023
        time.sleep(0.01)
        assert len(produced) == num_taken + depth
    items.close()


@pytest.mark.parametrize("num_threads", [1, 3, 50])
def test_mapping_ahead_keeps_order_and_puts_errors_where_they_belong(num_threads: int) -> None:
    def invert(number: int) -> float:
        time.sleep(0.002 * (number % 3))
        return 1 / number

    assert list(map_ahead(invert, range(1, 20), num_threads)) == [1 / number for number in range(1, 20)]
    items = map_ahead(invert, [1, 2, 0, 4], num_threads)
    assert [next(items), next(items)] == [1, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(items)


def test_mapping_ahead_closed_early_drops_what_waits() -> None:
    begun = []
    items = map_ahead(begun.append, itertools.count(), 2)
    next(items)
    assert returns(items.close)
    assert len(begun) <= 3


def test_prefetch_works_in_another_thread() -> None:
    threads = []

    def source() -> Iterator[int]:
        threads.append(threading.current_thread())
        yield 1

    assert list(prefetch(source(), 2)) == [1]
    assert threads[0] is not threading.current_thread()


def test_prefetch_closed_early_stops_its_source() -> None:
    produced = []

    def source() -> Iterator[int]:
        for index in itertools.count():
            produced.append(index)
            yield index

    num_threads = threading.active_count()
    items = prefetch(source(), 3)
    assert [next(items), next(items)] == [0, 1]
    assert returns(items.close)
    num_produced = len(produced)
    assert num_produced <= 5
    assert wait_until(lambda: threading.active_count() <= num_threads)
    assert len(produced) == num_produced


# Writing behind


@pytest.mark.parametrize("num_threads", [1, 3])
def test_all_tasks_are_done_at_the_end(num_threads: int) -> None:
    done = []

    def task(index: int) -> None:
        time.sleep(0.002)
        done.append(index)

    with BackgroundWriter(num_threads) as writer:
        for index in range(30):
            writer.submit(task, index)
    assert sorted(done) == list(range(30))
    if num_threads == 1:
        assert done == list(range(30))


def test_submit_waits_while_the_queue_is_full() -> None:
    done, max_waiting = [], 0
    with BackgroundWriter(2, max_pending=3) as writer:
        for num_submitted in range(1, 31):
            writer.submit(lambda: (time.sleep(0.002), done.append(1)))
            max_waiting = max(max_waiting, num_submitted - len(done))
    assert max_waiting <= 3
    assert len(done) == 30


def fail() -> None:
    raise OSError("disk full")


def test_error_of_a_task_is_raised_at_the_end() -> None:
    def use() -> None:
        with BackgroundWriter(1) as writer:
            writer.submit(fail)
            writer.submit(lambda: None)

    with pytest.raises(OSError, match="disk full"):
        use()


def test_error_of_a_task_is_raised_by_a_later_submit() -> None:
    submitted = []

    def use() -> None:
        with BackgroundWriter(1, max_pending=2) as writer:
            for index in range(100):
                writer.submit(fail)
                submitted.append(index)

    with pytest.raises(OSError, match="disk full"):
        use()
    assert submitted == [0, 1]


def test_waiting_tasks_are_dropped_when_the_block_fails() -> None:
    release, started, done = threading.Event(), threading.Event(), []

    def first() -> None:
        started.set()
        release.wait(PATIENCE)
        done.append("first")

    def use() -> None:
        with BackgroundWriter(1) as writer:
            writer.submit(first)
            for name in ("second", "third"):
                writer.submit(done.append, name)
            assert started.wait(PATIENCE)
            threading.Timer(0.2, release.set).start()
            raise KeyError("the block")

    with pytest.raises(KeyError, match="the block"):
        use()
    assert done == ["first"]
