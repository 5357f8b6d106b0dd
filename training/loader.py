"""Training clips, loaded by processes of their own."""

import os
import signal

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from dataset.training_clip import collate
from training.recipe import Batch, Schedule
from training.sampler import ClipSampler
from util.distributed import ProcessGroup


def make_loader(
    data: Dataset,
    schedule: Schedule,
    batch: Batch,
    group: ProcessGroup,
    *,
    seed: int,
    start: int = 0,
    num_workers: int = 0,
    pin_memory: bool = False,
) -> DataLoader:
    """Load this process's micro-batches, from iteration ``start`` on.

    Args:
        data: a data set that maps a ``ClipKey`` to a ``Clip``.
        schedule, batch: the run's iterations, and how the clips of each are divided.
        group: this process among all.
        seed: the order of the clips follows from it.
        num_workers: number of loading processes; 0: this one loads.
        pin_memory: whether batches go into memory that a GPU copies from fastest.
    """
    sampler = ClipSampler(
        len(data),
        schedule,
        micro_batch=batch.micro,
        num_rounds=batch.rounds,
        rank=group.rank,
        num_processes=group.size,
        seed=seed,
        start=start,
    )
    return DataLoader(
        data,
        batch_sampler=sampler,
        collate_fn=collate,
        num_workers=num_workers,
        pin_memory=pin_memory,
        worker_init_fn=start_worker,
        generator=torch.Generator(),  # otherwise the loader's start takes a number of those that dropout draws
    )


def start_worker(_: int) -> None:
    """Keep signals to the whole process group away from a loading process, and keep it to one core.

    Terminals and launchers signal all processes; the main one needs its workers to finish the iteration.
    """
    if os.name == "posix":
        os.setpgrp()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    cv2.setNumThreads(1)
