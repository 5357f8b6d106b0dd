"""Videos to segment: their frames, one at a time, with the annotations that come with them."""

from collections import Counter
from collections.abc import Container, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dataset.frames import FrameFolder, VideoFile, list_images, open_frames
from dataset.images import MaskReader
from util.errors import InputError


class Frame(NamedTuple):
    """One frame of a video."""

    name: str
    image: np.ndarray | None  # [H,W,3] uint8 RGB; None if it is not needed
    mask: np.ndarray | None  # [H,W] int32 object ids; None without an annotation
    labels: tuple[int, ...]  # ids annotated by the mask
    is_wanted: bool  # whether its mask is to be written


class VideoEntry(NamedTuple):
    """Where a video lies and what is asked of it; ``Video`` opens it."""

    name: str
    frames: Path  # a folder of images or a video file
    masks: Path  # a folder of masks named by frame, or the mask of the first frame
    wanted: frozenset[str] | None = None  # frames whose masks a benchmark asks for; None: all
    truth: Path | None = None  # a folder with the masks of all frames, to score against
    is_single_object: bool = False  # all ids are one object, SINGLE_OBJECT_ID


SINGLE_OBJECT_ID = 255  # white in a grey image


class Video:
    """A video with the masks of its objects where they first appear (and, as corrections, anywhere else).

    Opening it validates all that can be known before anything is computed: frame sizes and every mask. Iterating
    reads the frames, from the first annotated one on.

    Args:
        entry: where it lies.
        max_objects: refuse masks with more ids than this.
        ignore_id: an id that means "not labelled".
        output_all: whether frames get a mask that the entry does not ask for.

    Attributes:
        labels: ids of all objects, sorted.
        palette: 768 numbers to write masks with, from the video's own annotations; None: as grey images.
        annotated_names: names of the frames that come with objects.
        frame_names: names of the frames to read, from the first annotated to the last that gets a mask.
        output_names: names of the frames that get a mask.

    Raises:
        InputError: naming the file, the cause and the remedy.
    """

    def __init__(
        self, entry: VideoEntry, *, max_objects: int = 50, ignore_id: int | None = None, output_all: bool = False
    ) -> None:
        self.name = entry.name
        self.frames = open_frames(entry.frames)
        self._is_single_object = entry.is_single_object
        self._mask_paths = _match_masks(self.frames, entry)
        self._reader = MaskReader(ignore_id)
        pixels_of_frame = {name: self._count_pixels(name) for name in self._mask_paths}
        self.labels = _collect_labels(pixels_of_frame, max_objects, entry.masks)
        self.palette = None if entry.is_single_object else self._reader.palette
        self.annotated_names = [name for name, pixels in pixels_of_frame.items() if pixels]
        self._first_index = self.frames.names.index(self.annotated_names[0])
        self.frame_names = self.output_names = self.frames.names[self._first_index :]
        if entry.wanted is not None:
            wanted_names = self._select(entry.wanted)
            if not output_all:
                self.output_names = wanted_names
                self.frame_names = self.frame_names[: self.frame_names.index(wanted_names[-1]) + 1]

    def __iter__(self) -> Iterator[Frame]:
        return self.read()

    def read(self, needed: Container[str] | None = None) -> Iterator[Frame]:
        """Yield the frames.

        Args:
            needed: names of those to decode, the others come without their image; None: all.
        """
        wanted = set(self.output_names)
        for name, image in islice(self.frames.read(self._first_index, needed), len(self.frame_names)):
            mask = self._read_mask(name) if name in self._mask_paths else None
            labels = () if mask is None else tuple(np.unique(mask[mask != 0]).tolist())
            yield Frame(name, image, mask, labels, name in wanted)

    def _select(self, wanted: frozenset[str]) -> list[str]:
        """Of the wanted frames those from the first annotated one on."""
        absent = sorted(wanted.difference(self.frames.names))
        if absent:
            raise InputError(f"{self.frames.path}: frame {absent[0]} is asked for but absent; get the frames again")
        names = [name for name in self.frame_names if name in wanted]
        if not names:
            raise InputError(f"{self.frames.path}: no frame from the first annotated one on is asked for")
        return names

    def _count_pixels(self, name: str) -> Counter[int]:
        """Pixels of each object in a frame's mask."""
        mask = self._read_mask(name)
        ids, counts = np.unique(mask[mask != 0], return_counts=True)
        return Counter(dict(zip(ids.tolist(), counts.tolist())))

    def _read_mask(self, name: str) -> np.ndarray:
        mask = self._reader.read(self._mask_paths[name])
        if mask.shape != self.frames.size:
            found, wanted = ("x".join(map(str, size[::-1])) for size in (mask.shape, self.frames.size))
            raise InputError(f"{self._mask_paths[name]}: mask of {found} pixels for frames of {wanted}; resize it")
        return np.where(mask > 0, np.int32(SINGLE_OBJECT_ID), 0) if self._is_single_object else mask


def count_frames(entry: VideoEntry) -> int:
    """Number of frames of a video; 0 if they cannot be read."""
    try:
        return len(open_frames(entry.frames).names)
    except (InputError, OSError):
        return 0


def _match_masks(frames: FrameFolder | VideoFile, entry: VideoEntry) -> dict[str, Path]:
    """Masks by frame name, in the order of the frames."""
    masks = entry.masks
    if not masks.exists():
        raise InputError(f"{masks}: no mask there; give the mask of each object where it first appears")
    if masks.is_file():
        first = frames.names[0]
        if entry.truth is not None and masks.stem != first:
            raise InputError(f"{frames.path}: begins with frame {first}, but {masks} is the first mask; complete it")
        return {first: masks}
    paths = list_images(masks)
    if not paths:
        raise InputError(f"{masks}: no mask in it; give the mask of each object where it first appears")
    if isinstance(frames, VideoFile):  # frame numbers, with any number of leading zeros
        paths = _by_frame_number(paths)
    unknown = sorted(paths.keys() - set(frames.names))
    if unknown:
        first, last = frames.names[0], frames.names[-1]
        raise InputError(f"{paths[unknown[0]]}: no such frame in {frames.path}, which has {first} to {last}; rename it")
    return {name: paths[name] for name in frames.names if name in paths}


def _by_frame_number(paths: dict[str, Path]) -> dict[str, Path]:
    """Name masks as a video file's frames are named."""
    numbered: dict[str, Path] = {}
    for name, path in paths.items():
        frame = f"{int(name):05d}" if name.isdecimal() else name
        if frame in numbered:
            raise InputError(f"{path}: names the same frame as {numbered[frame].name}; remove one of them")
        numbered[frame] = path
    return numbered


def _collect_labels(pixels_of_frame: dict[str, Counter[int]], max_objects: int, masks: Path) -> list[int]:
    """Ids in all masks, refused if there are none or too many."""
    pixels = sum(pixels_of_frame.values(), Counter())
    if not pixels:
        raise InputError(f"{masks}: no object, all pixels are 0; label at least one")
    if len(pixels) > max_objects:
        listed = ", ".join(f"{label} ({count} px)" for label, count in sorted(pixels.items()))
        raise InputError(
            f"{masks}: {len(pixels)} objects, more than --max_objects {max_objects}; ids (pixels): {listed}; "
            "draw masks without smoothed edges, or raise --max_objects"
        )
    return sorted(pixels)
