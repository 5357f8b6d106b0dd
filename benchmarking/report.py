"""Describe the machine, measure in a process apart, and show figures in tables."""

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
    """Call a function in a process of its own, so that its peak of memory is that of the function alone.

    Raises:
        InputError: the system ended the process.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(function, *args).result()
        except BrokenProcessPool as e:
            remedy = "measure smaller frames, or fewer of them"
            raise InputError(f"{function.__name__}: the system ended it for lack of memory; {remedy}") from e


def describe_machine(device: torch.device) -> str:
    """Describe processor, threads, device and versions in one line."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or platform.machine()
    device_name = describe_device(device, None).rpartition(",")[0]
    threads = f"{torch.get_num_threads()} threads of {os.cpu_count()} cores"
    return f"{processor}, {threads}; {device_name}; torch {torch.__version__}, Python {platform.python_version()}"


def format_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Make a Markdown table; numbers are right-aligned, with three significant digits."""
    text = [[format_cell(cell) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(columns, *text)]
    rule = ["-" * width if isinstance(cell, str) else "-" * (width - 1) + ":" for cell, width in zip(rows[0], widths)]
    lines = []
    for line in (columns, rule, *text):
        cells = " | ".join(cell.ljust(width) for cell, width in zip(line, widths))
        lines.append(f"| {cells} |")
    return "\n".join(lines)


def format_cell(cell: object) -> str:
    """Leave text as it is and write numbers with three significant digits."""
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:.0f}" if abs(cell) >= 100 else f"{cell:.3g}"
