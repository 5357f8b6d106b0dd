"""Errors that are the input's or the machine's fault."""


class InputError(Exception):
    """Something the user gave cannot be used. The message names place, cause and remedy in one line."""


def is_out_of_memory(error: Exception) -> bool:
    """CUDA has an error class of its own; the CPU and Apple's GPU raise a RuntimeError."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text
