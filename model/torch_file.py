"""Files that PyTorch wrote: read without running code that they hold, and never larger in memory than on the disk."""

import pickletools
import warnings
import zipfile
from pathlib import Path
from typing import IO

import torch

from util.errors import InputError, is_out_of_memory

NUM_HEADERS = 3  # pickles before the content, in the format of PyTorch before 1.6


def read_torch_file(path: Path, *, is_mapped: bool = False) -> object:
    """Read what ``torch.save`` wrote, onto the CPU.

    Args:
        is_mapped: whether tensors stay in the file until they are used.

    Raises:
        InputError: not a readable file, not one of ``torch.save``, damaged, or its content is larger than the file.
    """
    if not path.is_file():
        raise InputError(f"{path}: {'not a regular file' if path.exists() else 'no such file'}; give a .pth")
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on other formats: the error says it
            if problem := _find_problem(file, path.stat().st_size):
                raise InputError(f"{path}: {problem}")
            is_mapped = is_mapped and zipfile.is_zipfile(file)  # the former format cannot be
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_mapped)
    except PermissionError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror}); change its permissions") from e
    except Exception as e:  # the unpickler raises whatever the bytes make it raise
        if isinstance(e, InputError) or is_out_of_memory(e):
            raise
        raise InputError(f"{path}: not a PyTorch file, or cut short; download or copy it again") from e


def _find_problem(file: IO[bytes], num_bytes: int) -> str:
    """Say why a file must not be loaded; empty if nothing speaks against it."""
    if not zipfile.is_zipfile(file):
        return "" if _largest_number(file) <= num_bytes else "states tensors larger than itself; do not trust it"
    with zipfile.ZipFile(file) as archive:
        records = archive.infolist()
    if any(record.filename.endswith("/constants.pkl") for record in records):
        return "a TorchScript program, not weights; give a file of its state_dict"
    if sum(record.file_size for record in records) > num_bytes:  # torch compresses nothing
        return "states records larger than itself; do not trust it"
    return ""


def _largest_number(file: IO[bytes]) -> int:
    """Return the largest number in the content of a file of the former format: sizes of its storages are among them."""
    file.seek(0)
    for _ in range(NUM_HEADERS):
        for _ in pickletools.genops(file):
            pass
    return max((number for _, number, _ in pickletools.genops(file) if isinstance(number, int)), default=0)
