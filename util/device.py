"""The device to compute on: its choice, its reduced precision, its memory, and how busy it is."""

import ctypes
import functools
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from util.distributed import local_rank, num_processes
from util.errors import InputError

try:
    import resource
except ImportError:  # Windows
    resource = None

log = logging.getLogger(__name__)

FRAMES_AT_ONCE_CUDA = 4
MUCH_MEMORY = 32  # GiB
BFLOAT16_SINCE = (8, 0)  # CUDA's compute capability of Ampere
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_device(name: str = "auto") -> torch.device:
    """Resolve ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    ``auto`` takes CUDA, else Apple's GPU, else the CPU. If several processes run on a machine, each takes a GPU of its
    own.

    Raises:
        InputError: the name is unknown, this machine or this PyTorch lacks the device, or processes would share a GPU.
    """
    if name == "auto":
        name = _best_device()
    try:
        device = torch.device(name)
    except RuntimeError as e:
        raise InputError(f"device {name!r}: unknown; choose auto, cpu, cuda, cuda:N or mps") from e
    available = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if (device.index or 0) >= available.get(device.type, 0):
        raise InputError(f"device {name!r}: not available here; auto takes what there is")
    return own_gpu(device, available["cuda"]) if device.type == "cuda" else device


def own_gpu(device: torch.device, num_gpus: int) -> torch.device:
    """Choose the GPU of this process among those of the machine: the given one, or its own if processes share them.

    Raises:
        InputError: processes would share a GPU.
    """
    if num_processes() == 1:
        return torch.device("cuda", device.index or 0)
    if device.index is not None:
        raise InputError(f"device {device}: all {num_processes()} processes would take it; say cuda")
    rank = local_rank()
    if rank is None:
        raise InputError("LOCAL_RANK is not set, so all processes would take the same GPU; start with torchrun")
    if rank >= num_gpus:
        raise InputError(f"{num_gpus} GPU(s) for at least {rank + 1} processes; start a process for each GPU")
    return torch.device("cuda", rank)


def make_current(device: torch.device) -> None:
    """Let what names no GPU, such as pinned memory, belong to this one and not to the first."""
    if device.type == "cuda":
        torch.cuda.set_device(device)


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def choose_dtype(precision: str | None, device: torch.device) -> torch.dtype:
    """Choose the dtype to compute in.

    Args:
        precision: a key of ``PRECISIONS``; ``auto`` or None: what is fast on the device.

    Raises:
        InputError: it is unknown, or the device lacks it.
    """
    if precision in (None, "auto"):
        return choose_amp_dtype(device) or torch.float32
    if precision not in PRECISIONS:
        raise InputError(f"precision {precision}: unknown; choose auto, {', '.join(PRECISIONS)}")
    if precision == "bfloat16" and device.type == "cuda" and torch.cuda.get_device_capability(device) < BFLOAT16_SINCE:
        raise InputError("precision bfloat16: this GPU is older than Ampere and lacks it; choose float16")
    return PRECISIONS[precision]


def choose_amp_dtype(device: torch.device) -> torch.dtype | None:
    """Choose the reduced precision that is fast on the device.

    Returns:
        float16 on CUDA, bfloat16 on CPUs that multiply it natively, else None.
    """
    if device.type == "cuda":
        return torch.float16
    if device.type == "cpu" and _cpu_has_bfloat16():
        return torch.bfloat16
    return None


@contextmanager
def tf32_allowed(is_allowed: bool) -> Iterator[None]:
    """Let CUDA's convolutions round to TF32, or forbid it, inside a block."""
    former = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = is_allowed
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = former


def allow_tf32(dtype: torch.dtype) -> None:
    """Let CUDA's convolutions round to TF32, in the whole process, unless the dtype to compute in is float32."""
    torch.backends.cudnn.allow_tf32 = dtype != torch.float32


def default_frames_at_once(device: torch.device) -> int:
    """Choose how many frames to encode together: one frame keeps a CPU busy, but not a GPU."""
    return FRAMES_AT_ONCE_CUDA if device.type == "cuda" else 1


@functools.cache
def has_much_memory(device: torch.device) -> bool:
    """Tell whether a GPU has so much memory that a GiB for a while does not matter."""
    return torch.cuda.get_device_properties(device).total_memory >= MUCH_MEMORY * 2**30


def peak_memory(device: torch.device) -> float:
    """Read the largest memory held so far, in GiB.

    This is the memory of the process, or on CUDA what PyTorch allocated on the device; NaN where the system does not
    tell (a CPU under Windows).
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count what a program that started this one held
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(peak.split()[1]) / 2**20
    if resource is None:
        return float("nan")
    unit = 1 if sys.platform == "darwin" else 2**10  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def held_memory(device: torch.device) -> float | None:
    """Read the memory held now, in GiB.

    This is the memory of the process, or on CUDA what PyTorch allocated on the device; None where the system does not
    tell (a CPU, except under Linux).
    """
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device) / 2**30
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**30


def describe_peak_memory(device: torch.device, libraries: float | None) -> str:
    """Describe the peak for logs, such as ``peak memory 0.92 GiB, 0.70 of it libraries``.

    Args:
        libraries: ``held_memory`` as read once everything was imported and nothing loaded yet, in GiB; None or 0: the
            phrase does not name them.
    """
    peak = f"peak memory {peak_memory(device):.2f} GiB"
    return f"{peak}, {libraries:.2f} of it libraries" if libraries else peak


def restart_peak_memory(device: torch.device) -> None:
    """Let ``peak_memory`` count from now on, where the system can (CUDA, Linux)."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")


def core_times() -> dict[int, tuple[int, int]] | None:
    """Read what the cores that this process may use have done since the system started.

    Returns:
        by core, its idle and its whole time in ticks; None where the system does not tell (all but Linux).
    """
    try:
        lines = Path("/proc/stat").read_text().splitlines()
        usable = os.sched_getaffinity(0)
    except (OSError, AttributeError):
        return None
    times = {}
    for name, *ticks in (line.split() for line in lines if line.startswith("cpu")):
        if name != "cpu" and int(name[3:]) in usable:  # "cpu" alone is the sum of all
            user, nice, system, idle, waiting, *others = map(int, ticks)
            times[int(name[3:])] = idle + waiting, user + nice + system + idle + waiting + sum(others[:3])
    return times


def free_cores(seconds: float = 0.2) -> float | None:
    """Measure how many of the cores that this process may use are idle, while it sleeps for some seconds.

    Returns:
        their number, which may be broken; None where the system does not tell.
    """
    before = core_times()
    time.sleep(seconds if before else 0)
    after = core_times()
    if not before or not after:
        return None
    shares = [(idle - before[core][0]) / max(1, whole - before[core][1]) for core, (idle, whole) in after.items()]
    return sum(shares)


def note_if_busy() -> None:
    """Log a note if other programs leave fewer cores free than PyTorch uses threads, which slows it down greatly.

    Less than a whole missing core is not worth a note.
    """
    free, num_threads = free_cores(), torch.get_num_threads()
    if free is not None and num_threads > 1 and free <= num_threads - 1:
        log.warning(
            "%d threads are used, but other programs leave only %.1f cores free: this may take ten times as long; "
            "wait for them, or set OMP_NUM_THREADS=%d",
            num_threads,
            free,
            max(1, round(free)),
        )


def release_free_memory(device: torch.device) -> None:
    """Give memory that the C library keeps for later use, after tensors on a CPU were freed, back to the system.

    This concerns glibc, which keeps a tenth of a GiB at 854 x 480; giving it back takes ten milliseconds then.
    Elsewhere nothing happens.
    """
    trim = _malloc_trim()
    if device.type == "cpu" and trim is not None:
        trim(0)


@functools.cache
def _malloc_trim() -> Callable[[int], int] | None:
    """Find the C library's function of that name; None where it has none."""
    if sys.platform != "linux":
        return None
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim.argtypes, trim.restype = (ctypes.c_size_t,), ctypes.c_int
    return trim


def describe_device(device: torch.device, dtype: torch.dtype | None) -> str:
    """Describe a device and the dtype to compute in for logs, such as ``cuda (NVIDIA H200), float16``.

    Args:
        dtype: None: float32.
    """
    name = f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else ""
    return f"{device}{name}, {str(dtype or torch.float32).removeprefix('torch.')}"


def has_matrix_unit(dtype: torch.dtype) -> bool:
    """Tell whether the processor has a unit (AMX) that multiplies matrices of the dtype."""
    return dtype != torch.float32 and _cpu_has_amx()


def _cpu_has_bfloat16() -> bool:
    """Tell whether the processor multiplies bfloat16 natively."""
    has_avx512_bf16 = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # private, so it may be missing
    return _cpu_has_amx() or (has_avx512_bf16 is not None and has_avx512_bf16())


def _cpu_has_amx() -> bool:
    has_amx = getattr(torch.cpu, "_is_amx_tile_supported", None)  # private, so it may be missing
    return has_amx is not None and has_amx()
