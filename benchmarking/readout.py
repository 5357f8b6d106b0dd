"""Measure time and memory of reading the memory: the memory bank beside the dense textbook readout."""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarking.published_twin import dense_readout
from benchmarking.report import format_table, run_apart
from inference_memory_bank import MemoryBank
from model.network import KEY_CHANNELS, STRIDE
from util.device import PRECISIONS, held_memory, peak_memory, restart_peak_memory

VALUE_CHANNELS = 512


class ReadoutCost(NamedTuple):
    """Cost of reading the memory for one query frame."""

    seconds: float
    memory: float  # peak in GiB, beyond the keys and values that are held anyway; NaN: the system does not tell


def measure_readout(
    is_dense: bool, memory_frames: int, objects: int, cells: tuple[int, int], device_name: str, precision: str
) -> ReadoutCost:
    """Read a memory of random keys and values: the first reading for its memory, the fastest of five for its time."""
    device = torch.device(device_name)
    options = {"device": device, "dtype": PRECISIONS[precision]}
    torch.manual_seed(0)
    query = torch.randn(1, KEY_CHANNELS, *cells, **options)
    if is_dense:
        keys = torch.randn(1, KEY_CHANNELS, memory_frames * cells[0] * cells[1], **options)
        values = torch.randn(objects, VALUE_CHANNELS, keys.shape[2], **options)

        def read():
            return dense_readout(keys, values, query.flatten(2), top_k=20)
    else:
        bank = MemoryBank(top_k=20, max_frames=memory_frames)
        for _ in range(memory_frames):
            key = torch.randn(1, KEY_CHANNELS, *cells, **options)
            bank.add_memory(key, torch.randn(objects, VALUE_CHANNELS, *cells, **options))

        def read():
            return bank.read(query)

    with torch.inference_mode():
        restart_peak_memory(device)
        before = held_memory(device)
        read().sum().item()
        memory = float("nan") if before is None else peak_memory(device) - before
        return ReadoutCost(min(_seconds(read) for _ in range(5)), memory)


def _seconds(read: Callable[[], Tensor]) -> float:
    start = time.perf_counter()
    read().sum().item()  # waits for a GPU
    return time.perf_counter() - start


def compare_readouts(
    memory_frames: list[int], objects: int, size: tuple[int, int], device: str, precision: str
) -> list[dict]:
    """Measure both readouts, each in a process of its own, and print a table."""
    cells = tuple(math.ceil(side / STRIDE) for side in size)
    results = []
    for frames in memory_frames:
        ours, dense = (
            run_apart(measure_readout, is_dense, frames, objects, cells, device, precision)
            for is_dense in (False, True)
        )
        results.append({"memory_frames": frames, "ours": ours._asdict(), "dense": dense._asdict()})
    rows = [_row(result["memory_frames"], result["ours"], result["dense"]) for result in results]
    columns = ["memory frames", "ms", "dense ms", "faster", "extra MiB", "dense extra MiB", "less"]
    print(format_table(columns, rows))
    return results


def _row(memory_frames: int, ours: dict, dense: dict) -> list:
    times = [1000 * ours["seconds"], 1000 * dense["seconds"], dense["seconds"] / ours["seconds"]]
    memory = [1024 * ours["memory"], 1024 * dense["memory"], dense["memory"] / max(ours["memory"], 1e-6)]
    return [memory_frames, *times, *memory]
