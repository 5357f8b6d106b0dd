"""Results that wait for others: compressed, in little memory, in a temporary file once they are many."""

import tempfile
from collections.abc import Container, Iterable, Iterator
from contextlib import ExitStack
from typing import NamedTuple

import numpy as np

from output.result import FrameResult
from tracking.session import Step
from util.errors import InputError
from util.packing import LEVELS, PackedArray
from util.pipeline import BackgroundWriter

MEMORY_BYTES = 2**26  # compressed results beyond this go to a file


class _Place(NamedTuple):
    """The place of an array in the file."""

    start: int
    num_bytes: int
    dtype: str
    shape: tuple[int, ...]


class _Stored(NamedTuple):
    """A result without its image."""

    labels: tuple[int, ...]
    ids: _Place
    probabilities: _Place | None


class ResultSpool:
    """Results of frames by name, without their images; a context manager, whose file goes with it.

    Args:
        is_exact: whether probabilities are kept as they are, or in steps of 1 / 2048, which take much less.
    """

    def __init__(self, *, is_exact: bool) -> None:
        self._is_exact = is_exact
        self._stored: dict[str, _Stored] = {}
        self._stack = ExitStack()

    def __enter__(self) -> "ResultSpool":
        self._file = self._stack.enter_context(tempfile.SpooledTemporaryFile(MEMORY_BYTES))
        return self

    def __exit__(self, *error) -> None:
        self._stack.__exit__(*error)

    def __contains__(self, name: str) -> bool:
        return name in self._stored

    def fill(self, steps: Iterable[Step], with_probabilities: Container[str]) -> Iterator[Step]:
        """Store the results among steps, in a thread of its own, and yield the other steps.

        Args:
            with_probabilities: names of the frames whose probabilities are kept.

        Raises:
            InputError: the folder of temporary files is full.
        """
        with BackgroundWriter(1) as writer:
            for step in steps:
                if isinstance(step, FrameResult):
                    writer.submit(self._add, step, step.name in with_probabilities)
                else:
                    yield step

    def take(self, name: str, image: np.ndarray) -> FrameResult:
        """Give the result of a frame, with its image."""
        labels, ids, probabilities = self._stored[name]
        found = None if probabilities is None else self._read(probabilities)
        return FrameResult(name, image, self._read(ids), labels, found)

    def _add(self, result: FrameResult, with_probabilities: bool) -> None:
        probabilities = None
        if with_probabilities:
            found = result.probabilities
            if not self._is_exact:
                found = (np.round(found.astype(np.float32) * LEVELS) / LEVELS).astype(np.float16)
            probabilities = self._write(found)
        self._stored[result.name] = _Stored(result.labels, self._write(result.ids), probabilities)

    def _write(self, array: np.ndarray) -> _Place:
        content, dtype, shape = PackedArray.pack(array)
        try:
            start = self._file.tell()
            self._file.write(content)
        except OSError as e:
            folder = tempfile.gettempdir()
            raise InputError(f"{folder}: {e.strerror}; make room, or set TMPDIR to another folder") from e
        return _Place(start, len(content), dtype, shape)

    def _read(self, place: _Place) -> np.ndarray:
        self._file.seek(place.start)
        return PackedArray(self._file.read(place.num_bytes), place.dtype, place.shape).unpack()
