"""The device: its choice, its memory, and cores that other programs use."""

import json
import logging
import os
import platform
import re
import subprocess
import sys

import pytest
import torch

from tests.conftest import TESTS
from util import device as module
from util.device import (
    choose_amp_dtype,
    choose_device,
    choose_dtype,
    core_times,
    describe_device,
    describe_peak_memory,
    free_cores,
    held_memory,
    note_if_busy,
    release_free_memory,
)
from util.errors import InputError, is_out_of_memory

CPU = torch.device("cpu")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the memory held is read from /proc")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("abacus", "device 'abacus': unknown; choose auto, cpu"),
        ("cuda:99", "device 'cuda:99': not available here; auto takes"),
        ("cpu:1", "device 'cpu:1': not available here"),
    ],
)
def test_devices_that_are_not_there_are_refused(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        choose_device(name)


def test_cpu_is_chosen_by_name() -> None:
    assert choose_device("cpu") == CPU
    assert describe_device(CPU, torch.bfloat16) == "cpu, bfloat16"
    assert describe_device(CPU, None) == "cpu, float32"


def test_processors_without_bfloat16_compute_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False, raising=False)
    assert choose_amp_dtype(CPU) is None
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert choose_amp_dtype(CPU) == torch.bfloat16
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported")
    assert choose_amp_dtype(CPU) is None


@pytest.mark.parametrize(
    ("name", "rank", "expected"),
    [
        ("cuda", 1, "cuda:1"),
        ("cuda:1", 0, "device cuda:1: all 2 processes would take it; say cuda"),
        ("cuda", 2, r"2 GPU\(s\) for at least 3 processes; start a process for each GPU"),
        ("cuda", None, "LOCAL_RANK is not set, .*; start with torchrun"),
    ],
)
def test_processes_never_share_a_gpu(monkeypatch, name: str, rank: int | None, expected: str) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("cuda:1") == torch.device("cuda:1")
    assert choose_device("cuda") == torch.device("cuda:0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    if rank is not None:
        monkeypatch.setenv("LOCAL_RANK", str(rank))
    if expected.startswith("cuda:"):
        assert choose_device(name) == torch.device(expected)
    else:
        with pytest.raises(InputError, match=expected):
            choose_device(name)


def test_bfloat16_is_refused_where_the_gpu_lacks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    gpu = torch.device("cuda:0")
    with pytest.raises(InputError, match="this GPU is older than Ampere and lacks it; choose float16"):
        choose_dtype("bfloat16", gpu)
    assert [choose_dtype(name, gpu) for name in ("auto", "float32")] == [torch.float16, torch.float32]
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    assert choose_dtype("bfloat16", gpu) == torch.bfloat16


@pytest.mark.parametrize("text", ["CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling", "CUDA out of memory"])
def test_lack_of_memory_is_recognised_in_all_wordings(text: str) -> None:
    assert is_out_of_memory(RuntimeError(text))
    assert not is_out_of_memory(RuntimeError("CUBLAS_STATUS_EXECUTION_FAILED"))


MEMORY_OF_A_FRESH_PROCESS = """
import json, torch
from util.device import held_memory, peak_memory, restart_peak_memory
cpu = torch.device("cpu")
before = held_memory(cpu)
block = torch.ones(2**26)  # a quarter of a GiB
readings = [held_memory(cpu) - before]
del block
readings.append(held_memory(cpu) - before)
restart_peak_memory(cpu)
readings.append(peak_memory(cpu) - held_memory(cpu))
torch.ones(2**26)
readings.append(peak_memory(cpu) - held_memory(cpu))
print(json.dumps(readings))
"""


@on_linux
def test_memory_is_read_as_it_is_held() -> None:
    command = [sys.executable, "-c", MEMORY_OF_A_FRESH_PROCESS]
    result = subprocess.run(command, capture_output=True, text=True, cwd=TESTS.parent, check=True)
    grown, released, peak_after_restart, peak_after_block = json.loads(result.stdout)
    assert grown == pytest.approx(0.25, abs=0.05)
    assert released < 0.05
    assert peak_after_restart < 0.1
    assert peak_after_block > 0.2


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps freed memory and gives it back")
def test_freed_memory_goes_back_to_the_system() -> None:
    blocks = [torch.ones(2**12) for _ in range(2**13)]  # 128 MiB in pieces that are too small to be mapped apart
    held = held_memory(CPU)
    last = torch.ones(2**12)  # behind the blocks, so that the C library does not shrink its heap by itself
    del blocks
    release_free_memory(CPU)
    assert held - held_memory(CPU) > 0.1
    assert last.numel() == 2**12


def test_peak_memory_is_described_beside_the_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "peak_memory", lambda _: 0.921)
    assert describe_peak_memory(CPU, 0.7) == "peak memory 0.92 GiB, 0.70 of it libraries"
    assert describe_peak_memory(CPU, None) == "peak memory 0.92 GiB"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine on which this process may use 4 cores, and does."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    return monkeypatch


def load_cores(machine: pytest.MonkeyPatch, *busy: float) -> None:
    """Let the cores be busy for these shares of the time between two readings, of 1000 ticks."""
    before = {core: (500, 2000) for core in range(4)}
    after = {core: (1500 - int(1000 * share), 3000) for core, share in enumerate(busy)}
    readings = iter([before, after])
    machine.setattr(module, "core_times", lambda: next(readings))


def test_free_cores_are_those_that_idle(machine: pytest.MonkeyPatch) -> None:
    load_cores(machine, 0, 0.25, 1, 0.5)
    assert free_cores(0) == pytest.approx(2.25)


@on_linux
def test_core_times_are_those_of_usable_cores() -> None:
    times = core_times()
    assert times.keys() <= os.sched_getaffinity(0)
    assert all(0 <= idle <= whole for idle, whole in times.values())
    assert 0 <= free_cores(0.05) <= len(times)


@pytest.mark.parametrize(
    ("busy", "note"),
    [
        ((0, 0, 0, 0), None),
        ((0.9, 0, 0, 0), None),  # less than a core is missing
        ((1, 0.5, 0, 0), r"4 threads are used, but other programs leave only 2\.5 cores free: .* OMP_NUM_THREADS=2"),
        ((1, 1, 1, 1), r"only 0\.0 cores free: .* set OMP_NUM_THREADS=1"),
    ],
)
def test_busy_machines_are_noted(machine: pytest.MonkeyPatch, caplog, busy: tuple, note: str | None) -> None:
    load_cores(machine, *busy)
    with caplog.at_level(logging.INFO):
        note_if_busy()
    assert len(caplog.records) == (note is not None)
    assert note is None or re.search(note, caplog.text)


def test_systems_that_do_not_tell_are_not_noted(machine: pytest.MonkeyPatch, caplog) -> None:
    machine.setattr(module, "core_times", lambda: None)
    assert free_cores() is None
    note_if_busy()
    assert not caplog.records
