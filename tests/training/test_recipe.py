"""The recipe's numbers and the order of clips."""

import pytest

from training.recipe import STAGES, Batch, Schedule, divide_batch
from training.sampler import ClipSampler
from util.errors import InputError


@pytest.mark.parametrize(
    ("stage", "batches_per_epoch", "epochs", "switches"),
    [(3, 470, 320, [32, 64, 96, 128, 288]), (2, 470, 639, [64, 128, 192, 256, 575])],
)
def test_published_epochs_and_switches(stage: int, batches_per_epoch: int, epochs: int, switches: list[int]) -> None:
    num_items = 5 * 60 + 3471 - 7
    assert num_items // STAGES[stage].global_batch == batches_per_epoch
    schedule = Schedule(STAGES[stage].iterations, batches_per_epoch)
    assert schedule.epochs == epochs
    assert schedule.switches == switches


def test_curriculum_rises_and_falls_back() -> None:
    schedule = Schedule(150_000, 470)
    jumps = {epoch: schedule.max_jump(epoch) for epoch in (0, 31, 32, 63, 64, 96, 128, 287, 288, 319)}
    assert jumps == {0: 5, 31: 5, 32: 10, 63: 10, 64: 15, 96: 20, 128: 25, 287: 25, 288: 5, 319: 5}
    assert Schedule(100, 1, last_switch=0.8).max_jump(80) == 5


def test_a_given_jump_holds_in_all_epochs() -> None:
    assert {Schedule(150_000, 470, fixed_jump=3).max_jump(epoch) for epoch in range(0, 320, 10)} == {3}


def keys(num_processes: int, start: int = 0, **options: int) -> list[list]:
    """Micro-batches of all processes, round by round, for a batch of 4 in micro-batches of 1."""
    samplers = [
        ClipSampler(
            11,
            Schedule(7, 2),
            micro_batch=1,
            num_rounds=4 // num_processes,
            rank=rank,
            num_processes=num_processes,
            start=start,
            **options,
        )
        for rank in range(num_processes)
    ]
    assert {len(sampler) for sampler in samplers} == {(7 - start) * 4 // num_processes}
    return [micro_batch for rounds in zip(*samplers) for micro_batch in rounds]


@pytest.mark.parametrize("num_processes", [2, 4])
def test_any_number_of_processes_computes_the_same_clips(num_processes: int) -> None:
    assert keys(num_processes) == keys(1)


def test_an_epoch_holds_each_clip_at_most_once() -> None:
    found = [key for micro_batch in keys(1) for key in micro_batch]
    assert len(found) == 7 * 4
    assert len({key[:2] for key in found}) == len(found)
    assert [key.epoch for key in found] == [0] * 8 + [1] * 8 + [2] * 8 + [3] * 4
    assert [key.index for key in found[:8]] != [key.index for key in found[8:16]]


@pytest.mark.parametrize("start", [1, 2, 5])
def test_a_resumed_run_goes_on_where_it_stopped(start: int) -> None:
    assert keys(2, start) == keys(2)[4 * start :]


def test_the_seed_changes_the_order() -> None:
    assert keys(1, seed=1) != keys(1)


@pytest.mark.parametrize(
    ("processes", "per_process", "batch"),
    [
        (1, None, Batch(1, 4, 2)),
        (2, None, Batch(2, 4, 1)),
        (4, None, Batch(4, 2, 1)),
        (8, None, Batch(8, 1, 1)),
        (3, 5, Batch(3, 5, 1)),
    ],
)
def test_the_published_batch_is_divided_among_processes(processes: int, per_process: int | None, batch: Batch) -> None:
    assert divide_batch(STAGES[3], processes, per_process) == batch
    assert batch.total == (8 if per_process is None else 15)


def test_processes_that_do_not_divide_the_batch_are_refused() -> None:
    with pytest.raises(InputError, match="3 processes cannot share a batch of 8; start 1, 2, 4, 8 processes, or"):
        divide_batch(STAGES[2], 3)
