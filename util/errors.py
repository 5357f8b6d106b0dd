"""Errors that are the input's or the machine's fault."""


class InputError(Exception):
    """Something the user gave cannot be used. The message names place, cause and remedy in one line."""


SIGNS_OF_NO_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "cudnn_status_alloc_failed",
    "cublas_status_alloc_failed",
)


def is_out_of_memory(error: Exception) -> bool:
    """CUDA has an error class of its own; the CPU and Apple's GPU raise a RuntimeError."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(sign in text for sign in SIGNS_OF_NO_MEMORY)
