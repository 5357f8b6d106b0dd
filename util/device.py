"""Choice of the device and of its reduced precision."""

import ctypes
import functools
import sys
from collections.abc import Callable

import torch

from util.distributed import local_rank
from util.errors import InputError

try:
    import resource
except ImportError:  # Windows
    resource = None

FRAMES_AT_ONCE_CUDA = 4
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_device(name: str = "auto") -> torch.device:
    """Resolve ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    ``auto`` takes CUDA, else Apple's GPU, else the CPU. Of several processes on a machine each takes a GPU of its
    own, unless the number is given.

    Raises:
        InputError: unknown name, or a device that this machine or this PyTorch lacks.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as e:
        raise InputError(f"--device {name}: unknown; choose auto, cpu, cuda, cuda:N or mps") from e
    available = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if (device.index or 0) >= available.get(device.type, 0):
        raise InputError(f"--device {name}: not available here; --device auto takes what there is")
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", local_rank() % torch.cuda.device_count())
    return device


def choose_amp_dtype(device: torch.device) -> torch.dtype | None:
    """Reduced precision that is fast on the device: float16 on CUDA, bfloat16 on CPUs that have it, else None."""
    if device.type == "cuda":
        return torch.float16
    if device.type == "cpu" and _cpu_has_bfloat16():
        return torch.bfloat16
    return None


def allow_tf32(dtype: torch.dtype) -> None:
    """Let CUDA's convolutions round to TF32 where reduced precision is asked for: float32 means float32."""
    torch.backends.cudnn.allow_tf32 = dtype != torch.float32


def default_frames_at_once(device: torch.device) -> int:
    """How many frames to encode together: a GPU is not busy with one, a CPU is."""
    return FRAMES_AT_ONCE_CUDA if device.type == "cuda" else 1


def peak_memory(device: torch.device) -> float:
    """Largest memory held so far, in GiB: of the process, or on CUDA what PyTorch allocated on the device.

    NaN where the system does not tell (a CPU under Windows).
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    if resource is None:
        return float("nan")
    unit = 1 if sys.platform == "darwin" else 2**10  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def release_free_memory(device: torch.device) -> None:
    """Give the system back what freed tensors on a CPU have left with the C library, in the whole process.

    This is for glibc, which keeps a tenth of a GiB at 854 x 480; it takes ten milliseconds then. Elsewhere nothing
    happens.
    """
    if device.type == "cpu" and (trim := _malloc_trim()) is not None:
        trim(0)


@functools.cache
def _malloc_trim() -> Callable[[int], int] | None:
    """The C library's function, where it has one."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim.argtypes, trim.restype = (ctypes.c_size_t,), ctypes.c_int
    return trim


def describe_device(device: torch.device, dtype: torch.dtype | None) -> str:
    """One phrase for logs, such as ``cuda (NVIDIA H200), float16``."""
    name = f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else ""
    return f"{device}{name}, {str(dtype or torch.float32).removeprefix('torch.')}"


def has_matrix_unit(dtype: torch.dtype) -> bool:
    """Whether the processor multiplies matrices of the dtype as a whole (AMX)."""
    return dtype != torch.float32 and _cpu_has("_is_amx_tile_supported")


def _cpu_has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 natively."""
    return _cpu_has("_is_avx512_bf16_supported") or _cpu_has("_is_amx_tile_supported")


def _cpu_has(check: str) -> bool:
    """PyTorch has no public questions for these features."""
    return getattr(torch.cpu, check, bool)()
