"""The passes over a video: forwards from its first mask, backwards from its last one, and the masks that they take.

A backward pass is a forward pass over the reversed video. Where both reach, the tracker blends their results.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Literal, NamedTuple, Protocol, get_args

import numpy as np

from dataset.stored_masks import find_labels

Direction = Literal["forward", "backward", "both"]
MasksUsed = Literal["all", "first", "first_of_each_object"]
Numbered = tuple[str, "np.ndarray | None"]  # a frame's name and its image


class Frame(NamedTuple):
    """A frame of a video."""

    name: str
    image: np.ndarray | None  # [H,W,3] uint8 RGB; None if it is not needed
    mask: np.ndarray | None  # [H,W] int32 object ids; None if no object is given in the frame
    labels: tuple[int, ...]  # ids in the mask
    is_wanted: bool  # whether a mask is to be written for it


class FrameSource(Protocol):
    """A source of frames that can be read more than once, such as ``dataset.frames.open_frames`` gives."""

    names: list[str]

    def read(self, start: int = 0, needed: Container[str] | None = None) -> Iterator[Numbered]:
        """Yield name and ``[H,W,3]`` image of the frames from the ``start``-th on; None for those not needed."""

    def read_backwards(self, start: int, needed: Container[str] | None = None) -> Iterator[Numbered]:
        """Yield the same of the frames from the ``start``-th back to the first."""


class Passes(NamedTuple):
    """Names of the frames of each pass."""

    forward: list[str]  # from the first annotated frame to the last one that gets a mask
    backward: list[str]  # from the last annotated frame back to the first one that gets a mask
    outputs: list[str]  # the frames that get a mask, in the order of the video
    is_whole: bool  # whether these are all that the direction reaches


def plan_passes(
    names: Sequence[str], annotated: Sequence[str], direction: Direction, wanted: Collection[str] | None = None
) -> Passes:
    """Find the frames of each pass.

    Args:
        names: names of all frames.
        annotated: those with a mask that is input, in the order of the video.
        direction: ``forward``, ``backward`` or ``both``.
        wanted: the frames that are to get a mask; None: all that are reached. If none of them is, there is no pass.
    """
    index_of = {name: index for index, name in enumerate(names)}
    first, last = index_of[annotated[0]], index_of[annotated[-1]]
    reached = {"forward": names[first:], "backward": names[: last + 1], "both": names}[direction]
    outputs = [name for name in reached if wanted is None or name in wanted]
    if not outputs:
        return Passes([], [], [], is_whole=False)
    begin, end = index_of[outputs[0]], index_of[outputs[-1]] + 1
    forward = [] if direction == "backward" else names[first:end]
    needs_backward = direction == "backward" or (direction == "both" and begin < last)
    backward = list(reversed(names[begin : last + 1])) if needs_backward else []
    return Passes(list(forward), backward, outputs, is_whole=len(outputs) == len(reached))


def choose_masks(
    labels_of_frame: Mapping[str, Collection[int]], masks_used: MasksUsed, direction: Direction = "forward"
) -> dict[str, frozenset[int]]:
    """Choose which masks are input: the ids to take from them, by frame, in the order of the video.

    Args:
        labels_of_frame: the ids in each mask, in the order of the video.
        masks_used: ``all``; ``first``: the first one with objects; ``first_of_each_object``: of each object the first.
        direction: where ``backward``, the last ones in the video are the first.
    """
    order = list(labels_of_frame)[:: -1 if direction == "backward" else 1]
    chosen: dict[str, frozenset[int]] = {}
    known: set[int] = set()
    for name in order:
        labels = frozenset(labels_of_frame[name])
        if masks_used == "first_of_each_object":
            labels -= known
        if labels and not (masks_used == "first" and chosen):
            chosen[name] = labels
        known |= labels
    return {name: chosen[name] for name in labels_of_frame if name in chosen}


def check_choice(direction: str, masks_used: str) -> None:
    """Refuse names of no direction, or of no choice of masks.

    Raises:
        ValueError: naming those that there are.
    """
    for value, allowed in ((direction, get_args(Direction)), (masks_used, get_args(MasksUsed))):
        if value not in allowed:
            raise ValueError(f"{value!r}: unknown; choose from {', '.join(allowed)}")


class AnnotatedVideo(ABC):
    """Frames with their masks, read in the order of a pass; further classes say where the masks come from.

    Attributes:
        frames: the source of the frames.
        labels_of_frame: ids of the objects that are input, by annotated frame, in the order of the video.
        passes: the frames of each pass.
    """

    frames: FrameSource
    labels_of_frame: dict[str, frozenset[int]]
    passes: Passes

    @cached_property
    def index_of(self) -> dict[str, int]:
        """Places of the frames in the video, by name."""
        return {name: index for index, name in enumerate(self.frames.names)}

    @property
    def annotated_names(self) -> list[str]:
        """Names of the frames that come with objects."""
        return list(self.labels_of_frame)

    @property
    def labels(self) -> list[int]:
        """Ids of all objects, sorted."""
        return sorted(frozenset().union(*self.labels_of_frame.values()))

    @property
    def output_names(self) -> list[str]:
        """Names of the frames that get a mask."""
        return self.passes.outputs

    @property
    def frame_names(self) -> list[str]:
        """Names of the frames that are read: those of the passes, in the order of the video."""
        return sorted({*self.passes.forward, *self.passes.backward}, key=self.index_of.__getitem__)

    def read(self, needed: Container[str] | None = None, *, backwards: bool = False) -> Iterator[Frame]:
        """Yield the frames of a pass, in its order.

        Args:
            needed: names of the frames to decode; the others come without their image. None: decode all.
            backwards: which pass.
        """
        names, wanted = self.passes.backward if backwards else self.passes.forward, set(self.output_names)
        if not names:
            return
        read = self.frames.read_backwards if backwards else self.frames.read
        for name, image in islice(read(self.index_of[names[0]], needed), len(names)):
            mask = self.read_mask(name)
            yield Frame(name, image, mask, () if mask is None else find_labels(mask), name in wanted)

    def read_images(self, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
        """Yield name and ``[H,W,3]`` uint8 RGB image of some frames, named in the order of the video."""
        if not names:
            return
        first, last, needed = self.index_of[names[0]], self.index_of[names[-1]], set(names)
        for name, image in islice(self.frames.read(first, needed), last + 1 - first):
            if name in needed:
                yield name, image

    def read_mask(self, name: str) -> np.ndarray | None:
        """Read what is input of a frame's mask: ``[H,W]`` int32; None if the frame has no mask that is."""
        if name not in self.labels_of_frame:
            return None
        mask, labels = self._read_ids(name), self.labels_of_frame[name]
        return mask if labels.issuperset(find_labels(mask)) else np.where(np.isin(mask, list(labels)), mask, 0)

    @abstractmethod
    def _read_ids(self, name: str) -> np.ndarray:
        """Read a frame's mask: ``[H,W]`` int32."""
