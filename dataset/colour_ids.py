"""The ids that the colours of a video's masks stand for."""

from dataset.painted_masks import COLOUR_REACH
from dataset.stored_masks import Colour

SAME_COLOUR = COLOUR_REACH // 2  # levels by which a lossy format may change a colour from mask to mask


class ColourIds:
    """Keep the colours of a video's masks and their ids, in the order in which they were met."""

    def __init__(self) -> None:
        self._ids: dict[Colour, int] = {}
        self._inexact: dict[Colour, int] = {}  # those that smoothed masks gave
        self.next_free = 1  # above all others

    def find(self, colour: Colour, *, is_exact: bool) -> int | None:
        """Find the id of the first colour that is the same; or nearly so, where a smoothed mask is involved."""
        if is_exact and colour in self._ids:
            return self._ids[colour]
        for known, label in (self._inexact if is_exact else self._ids).items():
            if max(abs(ours - theirs) for ours, theirs in zip(colour, known)) <= SAME_COLOUR:
                return label
        return None

    def add(self, colour: Colour, label: int, *, is_exact: bool) -> int:
        """Add a colour if it is new, and return its id."""
        if colour not in self._ids:
            self._ids[colour] = label
            self.next_free = max(self.next_free, label + 1)
            if not is_exact:
                self._inexact[colour] = label
        return self._ids[colour]

    def has_label(self, label: int) -> bool:
        """Whether a colour has this id."""
        return label in self._ids.values()

    def set_background(self, colour: Colour, *, is_exact: bool) -> None:
        """Make a colour the background, before all others."""
        self._ids = {colour: 0} | {known: label for known, label in self._ids.items() if label > 0 and known != colour}
        if not is_exact:
            self._inexact = {colour: 0} | self._inexact
