"""The objects of a session, and masks in their three spellings: ids, numbers and rows.

An *id* is what people and mask files use; it may be free again after its object's removal. A *number* belongs to one
object for ever, so that old states can be read. A *row* is a position among the present objects, from 1 on. 0 is the
background in all of them.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from dataset.stored_masks import MAX_ID
from output.overlay import COLOURS
from util.errors import InputError

Colour = tuple[int, int, int]  # R, G and B, 0 to 255


def check_colour(colour: Sequence[int]) -> Colour:
    """Check a colour.

    Raises:
        InputError: not three numbers from 0 to 255.
    """
    if len(colour) != 3 or not all(isinstance(level, int) and 0 <= level <= 255 for level in colour):
        raise InputError(f"colour {colour}: give R, G and B from 0 to 255")
    return tuple(colour)


class Entry(NamedTuple):
    """One object."""

    number: int
    object_id: int
    name: str
    colour: Colour | None = None  # None: the overlay's for its number


class Objects(NamedTuple):
    """The present objects, in the order of their entry; it never changes, its methods return others."""

    entries: tuple[Entry, ...] = ()
    next_number: int = 1

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers in the order of the rows."""
        return tuple(entry.number for entry in self.entries)

    @property
    def names(self) -> dict[int, str]:
        """Names by id."""
        return {entry.object_id: entry.name for entry in self.entries}

    @property
    def colours(self) -> dict[int, Colour]:
        """Colours by id."""
        return {e.object_id: e.colour or COLOURS[(e.number - 1) % len(COLOURS)] for e in self.entries}

    def number(self, object_id: int) -> int:
        """Find the number of an id; that of the background is 0.

        Raises:
            InputError: no object has it.
        """
        if object_id == 0:
            return 0
        for entry in self.entries:
            if entry.object_id == object_id:
                return entry.number
        raise InputError(f"object {object_id} is not known; known are {list(self.names)}")

    def with_new(self, name: str, object_id: int | None = None, colour: Colour | None = None) -> tuple["Objects", int]:
        """Add an object; without an id it gets the lowest free one, which is returned.

        Raises:
            InputError: the id is taken, or is none.
        """
        if object_id is None:
            object_id = next(number for number in range(1, MAX_ID + 1) if number not in self.names)
        if object_id in self.names or not 0 < object_id <= MAX_ID:
            raise InputError(f"object {object_id}: taken, or not from 1 to {MAX_ID}; choose another id")
        entry = Entry(self.next_number, object_id, name or f"object {object_id}", colour)
        return Objects((*self.entries, entry), self.next_number + 1), object_id

    def without(self, object_id: int) -> "Objects":
        """Remove an object.

        Raises:
            InputError: it is not known.
        """
        number = self.number(object_id)
        return self._replace(entries=tuple(entry for entry in self.entries if entry.number != number))

    def changed(self, object_id: int, **fields: str | Colour) -> "Objects":
        """Give an object another ``name`` or ``colour``.

        Raises:
            InputError: it is not known.
        """
        number = self.number(object_id)
        entries = (entry._replace(**fields) if entry.number == number else entry for entry in self.entries)
        return self._replace(entries=tuple(entries))

    def to_rows(self, numbers: np.ndarray) -> np.ndarray:
        """Turn numbers ``[H,W]`` into rows; objects that are gone become background."""
        return self._translate(numbers, self.numbers, range(1, len(self.entries) + 1), self.next_number)

    def to_numbers(self, ids: np.ndarray) -> np.ndarray:
        """Turn ids ``[H,W]`` into numbers; unknown ones become background."""
        return self._translate(ids, self.names, self.numbers, MAX_ID + 1)

    def to_ids(self, numbers: np.ndarray) -> np.ndarray:
        """Turn numbers ``[H,W]`` into ids; objects that are gone become background."""
        return self._translate(numbers, self.numbers, self.names, self.next_number)

    def from_rows(self, rows: np.ndarray) -> np.ndarray:
        """Turn rows ``[H,W]`` into numbers."""
        return np.array([0, *self.numbers], np.int32)[rows]

    @staticmethod
    def _translate(array: np.ndarray, keys: Iterable[int], values: Iterable[int], size: int) -> np.ndarray:
        table = np.zeros(size, np.int32)
        table[list(keys)] = list(values)
        return table[array]


def enlarge(ids: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring a mask ``[H,W]`` to another ``(height, width)`` with smooth outlines: each pixel's largest share wins."""
    if ids.shape == size:
        return ids
    best, share = np.zeros(size, ids.dtype), np.full(size, -1, np.float32)
    for value in np.unique(ids).tolist():
        found = cv2.resize((ids == value).astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR)
        best[found > share] = value
        share = np.maximum(share, found)
    return best
