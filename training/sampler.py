"""The order of clips: the ones that each process computes in each iteration."""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

from dataset.training_clip import ClipKey
from training.recipe import Schedule


class ClipSampler(Sampler[list[ClipKey]]):
    """Yield the keys of a process's micro-batches, iteration after iteration.

    Each epoch is a new permutation of the items; clips that do not fill a batch are dropped. The batch of an iteration
    is cut into micro-batches, which are dealt to the processes in turn. Fewer processes compute the same ones in more
    rounds.

    Args:
        num_items: size of the data set.
        schedule: the run's iterations and epochs.
        micro_batch: clips per process and round.
        num_rounds: micro-batches per process and iteration, whose gradients are accumulated.
        rank, num_processes: this process among all.
        seed: the permutations follow from it.
        start: first iteration.
    """

    def __init__(
        self,
        num_items: int,
        schedule: Schedule,
        *,
        micro_batch: int,
        num_rounds: int = 1,
        rank: int = 0,
        num_processes: int = 1,
        seed: int = 0,
        start: int = 0,
    ) -> None:
        self._num_items, self._schedule = num_items, schedule
        self._micro_batch, self._num_rounds = micro_batch, num_rounds
        self._rank, self._num_processes = rank, num_processes
        self._seed, self._start = seed, start

    def __len__(self) -> int:
        return (self._schedule.iterations - self._start) * self._num_rounds

    def __iter__(self) -> Iterator[list[ClipKey]]:
        size = self._micro_batch * self._num_rounds * self._num_processes
        order, order_epoch = np.empty(0, int), -1
        for iteration in range(self._start, self._schedule.iterations):
            epoch, batch = divmod(iteration, self._schedule.batches_per_epoch)
            if epoch != order_epoch:
                order = np.random.default_rng((self._seed, epoch)).permutation(self._num_items)
                order_epoch, max_jump = epoch, self._schedule.max_jump(epoch)
            clips = order[batch * size : (batch + 1) * size].reshape(self._num_rounds, self._num_processes, -1)
            for indices in clips[:, self._rank]:
                yield [ClipKey(epoch, index, max_jump) for index in indices.tolist()]
