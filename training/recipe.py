"""The published training recipe: its stages, its batches and its curriculum."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from util.errors import InputError

CURRICULUM = (5, 10, 15, 20, 25, 5)  # largest jump between a clip's frames, phase by phase


@dataclass(frozen=True)
class Stage:
    """One of the four stages of training."""

    data: str  # static, bl30k or vos
    num_objects: int  # objects in a clip; from two on, the value encoder sees the others' masks as well
    iterations: int
    lr_steps: tuple[int, ...]  # iterations at which the learning rate falls
    global_batch: int  # clips per iteration, over all processes
    last_switch: float = 0.9  # share of the epochs at which the curriculum's last phase begins


STAGES = {
    0: Stage("static", 1, 300_000, (150_000,), 16),
    1: Stage("bl30k", 2, 500_000, (400_000,), 8, last_switch=0.8),
    2: Stage("vos", 2, 300_000, (250_000,), 8),
    3: Stage("vos", 2, 150_000, (125_000,), 8),
}


@dataclass(frozen=True)
class Schedule:
    """The iterations and epochs of a run."""

    iterations: int
    batches_per_epoch: int
    last_switch: float = 0.9
    fixed_jump: int | None = None  # largest jump in all epochs; None: the curriculum

    @property
    def epochs(self) -> int:
        """Number of passes over the data; the last one may end early."""
        return math.ceil(self.iterations / self.batches_per_epoch)

    @property
    def switches(self) -> list[int]:
        """Epochs at which the phases of the curriculum begin, from the second on."""
        return [round(share * self.epochs) for share in (0.1, 0.2, 0.3, 0.4, self.last_switch)]

    def max_jump(self, epoch: int) -> int:
        """Return the largest jump between a clip's frames in an epoch."""
        return self.fixed_jump or CURRICULUM[sum(epoch >= switch for switch in self.switches)]


class Batch(NamedTuple):
    """The parts of an iteration's batch."""

    processes: int
    micro: int  # clips that a process computes at once
    rounds: int  # micro-batches per process, whose gradients are accumulated

    @property
    def total(self) -> int:
        """Clips per iteration."""
        return self.processes * self.micro * self.rounds


def divide_batch(stage: Stage, processes: int, per_process: int | None = None) -> Batch:
    """Divide the published batch among processes, at most the published number of clips at once in each.

    Args:
        per_process: clips per process instead, without accumulation: another batch, another recipe.

    Raises:
        InputError: the batch cannot be divided evenly.
    """
    if per_process is not None:
        return Batch(processes, per_process, 1)
    if stage.global_batch % processes:
        fitting = [count for count in range(1, stage.global_batch + 1) if stage.global_batch % count == 0]
        raise InputError(
            f"{processes} processes cannot share a batch of {stage.global_batch}; "
            f"start {', '.join(map(str, fitting))} processes, or set batch_size"
        )
    share = stage.global_batch // processes
    micro = min(share, stage.global_batch // 2)
    return Batch(processes, micro, share // micro)
