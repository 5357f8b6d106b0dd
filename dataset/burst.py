"""Masks of BURST: run lengths in a JSON file, by track."""

import json
import math
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from dataset.object_masks import ObjectMasks
from util.errors import InputError
from util.limits import MAX_PIXELS, check_kind
from util.rle import decode


class BurstSequence(NamedTuple):
    """A video in the file."""

    folder: str  # where its frames lie, below those of the split
    masks: "BurstMasks"


class BurstMasks(ObjectMasks):
    """The masks of one sequence; the objects are its tracks, whatever their numbers.

    Args:
        path: the file, for messages.
        name: of the sequence.
        sequence: its part of the file.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is no such part.
    """

    def __init__(self, path: Path, name: str, sequence: Mapping) -> None:
        self.path, self._name = path, name
        self.size = (sequence["height"], sequence["width"])
        if not all(type(side) is int and side > 0 for side in self.size) or math.prod(self.size) > MAX_PIXELS:
            raise ValueError(f"{name} has the size {str(self.size)[:40]}")
        self.names = [frame_name(frame) for frame in sequence["annotated_image_paths"]]
        frames = [dict(segmentations) for segmentations in sequence["segmentations"]]
        if len(frames) != len(self.names) or len(set(self.names)) < len(self.names):
            raise ValueError(f"{name} has {len(frames)} segmentations for {len(self.names)} different frames")
        self._frames = dict(zip(self.names, frames))
        tracks = {track for segmentations in frames for track in segmentations}
        self.objects = sorted(tracks, key=lambda track: (int(track), track))

    @property
    def has_truth(self) -> bool:
        """Whether an object has more than its first mask."""
        return sum(map(len, self._frames.values())) > len(self.objects)

    def place(self, name: str) -> str:
        """Say, for a message, where the masks of a frame are."""
        return f"{self.path}: {self._name}, {name}"

    def read(self, name: str) -> np.ndarray:
        """Read the masks of a frame: ``[K,H,W]`` bool; tracks without an entry are nowhere."""
        regions = np.zeros((len(self.objects), *self.size), bool)
        for track, segmentation in self._frames[name].items():
            try:
                rle = segmentation["rle"]
                regions[self.objects.index(track)] = decode(
                    {"size": list(self.size), "counts": rle} if isinstance(rle, str) else rle
                )
            except (ValueError, KeyError, TypeError) as e:
                raise InputError(f"{self.place(name)}, track {track}: unreadable mask ({e}); get the file again") from e
        return regions

    def names_from_first_object(self) -> list[str]:
        """List the frames from the first one with a track on; there may be none."""
        first = next((index for index, name in enumerate(self.names) if self._frames[name]), len(self.names))
        return self.names[first:]


def read_burst(path: Path) -> list[BurstSequence]:
    """Read the sequences of a file of BURST.

    Raises:
        InputError: it is unreadable, or no such file.
    """
    content = load_burst(path)
    try:
        sequences = []
        for sequence in content["sequences"]:
            folder = f"{sequence['dataset']}/{sequence['seq_name']}"
            sequences.append(BurstSequence(folder, BurstMasks(path, folder, sequence)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        raise InputError(f"{path}: not a file of BURST ({type(e).__name__}: {e}); get it again") from e
    if not sequences:
        raise InputError(f"{path}: lists no sequence; get it again")
    return sequences


def load_burst(path: Path) -> dict:
    """Load a file of BURST.

    Raises:
        InputError: it is unreadable.
    """
    check_kind(path, "get it from the data set")
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as e:
        raise InputError(f"{path}: unreadable ({e.strerror}); get it from the data set") from e
    except (ValueError, RecursionError) as e:
        raise InputError(f"{path}: no JSON ({e}); get it again") from e


def frame_name(frame: str) -> str:
    """Name the frame of an image: its base name without the suffix."""
    return PurePosixPath(frame).stem
