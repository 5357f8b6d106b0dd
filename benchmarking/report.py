"""Where and how things are measured, and how figures are shown."""

import os
import platform
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import torch

from util.device import describe_device
from util.errors import InputError

T = TypeVar("T")


def run_apart(function: Callable[..., T], *args) -> T:
    """Call a function in a process of its own: its peak of memory is then nobody else's.

    Raises:
        InputError: the process was ended from outside.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(function, *args).result()
        except BrokenProcessPool as e:
            raise InputError(f"{function.__name__}: the system ended it, for lack of memory; measure less") from e


def describe_machine(device: torch.device) -> str:
    """One line: processor, threads, device, versions."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or platform.machine()
    device_name = describe_device(device, None).rpartition(",")[0]
    threads = f"{torch.get_num_threads()} threads of {os.cpu_count()} cores"
    return f"{processor}, {threads}; {device_name}; torch {torch.__version__}, Python {platform.python_version()}"


def format_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; numbers are right-aligned, with three significant digits."""
    text = [[format_cell(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *text)]
    rule = ["-" * width if isinstance(cell, str) else "-" * (width - 1) + ":" for cell, width in zip(rows[0], widths)]
    lines = [columns, rule, *text]
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines)


def format_cell(cell: object) -> str:
    """Text as it is, numbers with three significant digits."""
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:.0f}" if abs(cell) >= 100 else f"{cell:.3g}"


def current_memory(device: torch.device) -> float:
    """Memory held now, in GiB: of the process, or on CUDA what PyTorch allocated. NaN where no system tells."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device) / 2**30
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**30 if status.exists() else float("nan")


def restart_peak_memory(device: torch.device) -> None:
    """Let ``peak_memory`` count from now on, where the system can: CUDA, Linux."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")
