"""Arrays in little memory: compressed, and probabilities in steps that compress well."""

import zlib
from typing import NamedTuple

import numpy as np

LEVELS = 2048  # steps between 0 and 1 in half precision near 1: with the same steps near 0, flat areas pack to nothing
PACKING = 1  # zlib's fastest level


class PackedArray(NamedTuple):
    """An array, compressed; it never changes, so that any number of snapshots may share it."""

    content: bytes
    dtype: str
    shape: tuple[int, ...]

    @classmethod
    def pack(cls, array: np.ndarray) -> "PackedArray":
        """Compress an array."""
        return cls(zlib.compress(np.ascontiguousarray(array), PACKING), array.dtype.str, array.shape)

    def unpack(self) -> np.ndarray:
        """Give the array back, writable."""
        return np.frombuffer(bytearray(zlib.decompress(self.content)), self.dtype).reshape(self.shape)
