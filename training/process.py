"""A training in a process of its own, as recipes start it, and the file that they write of its result."""

import subprocess
import sys
from pathlib import Path

import torch

from model.checkpoint import read_state_dict
from training.run import handled_signals
from util.errors import InputError
from util.files import PROJECT_ROOT, make_folder, write_then_rename


def run_training(name: str, options: list[object]) -> None:
    """Run ``train.py`` to its end.

    Args:
        name: of the run, for messages.
        options: given to it, as text.

    Raises:
        InputError: the training failed; it has said why.
        SystemExit: a signal ended it, after it saved a checkpoint.
    """
    process = subprocess.Popen([sys.executable, PROJECT_ROOT / "train.py", *map(str, options)])
    with handled_signals(lambda number, _: process.send_signal(number)):  # it saves first
        status = process.wait()
    if status > 128:  # a signal ended it
        sys.exit(status)
    if status:
        raise InputError(f"{name}: train.py ended with status {status}; fix what it reports and run this again")


def write_half(network: Path, output: Path) -> None:
    """Write the weights of a network file in float16."""
    state_dict = {
        name: tensor.half().contiguous() if tensor.is_floating_point() else tensor
        for name, tensor in read_state_dict(network).items()
    }
    make_folder(output.resolve().parent)
    with write_then_rename(output) as temporary:
        torch.save(state_dict, temporary)
