"""Errors that are the input's or the machine's fault."""


class InputError(Exception):
    """Something the user gave cannot be used. The message names place, cause and remedy in one line."""


SIGNS_OF_NO_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "could not create a primitive",  # oneDNN
    "bad_alloc",  # C++, through OpenCV
    "cudnn_status_alloc_failed",
    "cublas_status_alloc_failed",
    "can't start new thread",
)


def is_out_of_memory(error: Exception) -> bool:
    """CUDA has an error class of its own; other libraries raise a RuntimeError or one of their own."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(sign in text for sign in SIGNS_OF_NO_MEMORY)
