"""The start of a training in each of its processes: device, precision, random numbers."""

import logging
from collections.abc import Callable

import torch

from training.assembly import Training
from training.random_states import seed_everything
from training.settings import Compute
from util.device import allow_tf32, choose_device, choose_dtype, make_current
from util.distributed import ProcessGroup, process_group
from util.errors import InputError
from util.report import announce


def launch(
    prepare: Callable[[torch.device, torch.dtype | None, ProcessGroup], Training], compute: Compute, seed: int
) -> int:
    """Set a training up and run it.

    Args:
        prepare: sets it up for a device, a dtype of automatic mixed precision (None: float32) and a process.
        compute: the device, and how fast to compute.
        seed: start of all random numbers.

    Returns:
        The exit status.

    Raises:
        InputError: of ``prepare`` and of ``Run.train``.
    """
    device = choose_device(compute.device)
    amp_dtype = choose_mixed_precision(compute.precision, device)
    allow_tf32(amp_dtype or torch.float32)
    torch.backends.cudnn.benchmark = compute.benchmark
    if device.type == "mps":
        raise InputError("device mps: gradients of Apple's GPU are wrong in some layouts; train on cpu or cuda")
    make_current(device)
    with process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo") as group:
        if not group.is_main:  # the main process speaks for all
            logging.getLogger().setLevel(max(logging.getLogger().level, logging.WARNING))
        seed_everything(seed + group.rank)
        training = prepare(device, amp_dtype, group)
        if group.is_main:
            announce(training.description)
        return training.run.train(training.loader, group)


def choose_mixed_precision(precision: str, device: torch.device) -> torch.dtype | None:
    """Return the dtype of automatic mixed precision; None for float32 throughout.

    Args:
        precision: ``auto`` for what is fast on the device, or a key of ``PRECISIONS``.
    """
    dtype = choose_dtype(precision, device)
    return None if dtype == torch.float32 else dtype
