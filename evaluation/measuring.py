"""Measure J and F of the masks of one video against the ground truth, frame by frame."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dataset.images import list_images
from dataset.stored_masks import read_stored_ids
from evaluation.metrics import score_frame
from util.errors import InputError
from util.ids import UNLABELLED_ID

log = logging.getLogger(__name__)

NUM_SHOWN = 10  # ids in a message


@dataclass(frozen=True)
class Protocol:
    """The objects, pixels and measures that are scored; the defaults are the official protocol of DAVIS.

    The first and the last mask of the ground truth are left out in all protocols.
    """

    all_objects: bool = False  # those of all masks, each behind the first mask it is in; False: those of the first mask
    void_id: int | None = None  # pixels of this id in the ground truth are left out; None: all pixels count
    last_quarter: bool = False  # give the mean J of the last quarter of the frames as well


DAVIS = Protocol()


class FrameScores(NamedTuple):
    """J and F of each object in each scored frame."""

    names: list[str]  # the scored frames
    values: dict[int, np.ndarray]  # [N,2] J and F by object id, 0 to 1; NaN where an object is not scored


def measure_sequence(
    predictions: Path, truth: Path, *, is_single_object: bool = False, protocol: Protocol = DAVIS
) -> FrameScores:
    """Measure the masks of one video.

    Args:
        predictions: folder of masks.
        truth: folder of the ground truth; its names count, so that it may hold few of the frames.
        is_single_object: whether all ids above 0 are one object.
        protocol: what is scored.

    Raises:
        InputError: missing predictions, another size, unknown ids, or a ground truth that cannot be scored.
    """
    if os.path.realpath(predictions) == os.path.realpath(truth):
        raise InputError(f"{predictions}: predictions and ground truth are the same folder; give two")
    truth_paths = list_truth(truth)
    names = list(truth_paths)
    prediction_paths = _list_masks(predictions)
    missing = [name for name in names[1:-1] if name not in prediction_paths]
    if missing:
        raise InputError(f"{predictions}: lacks {len(missing)} of {len(names) - 2} masks, first {missing[0]}; add them")
    if prediction_paths.keys() - truth_paths.keys():
        log.info("%s: %d masks have no ground truth", predictions, len(prediction_paths.keys() - truth_paths.keys()))
    read = partial(read_stored_ids, allow_colours=is_single_object)
    objects = _Objects(protocol, is_single_object)
    objects.enter(read(truth_paths[names[0]]))
    if not objects.labels and not protocol.all_objects:
        hint = "" if is_single_object else "masks of 0 and 255 hold a single object (single_object); "
        raise InputError(
            f"{truth_paths[names[0]]}: no object in the first ground-truth mask; {hint}"
            "objects that enter later are scored if all are (all_objects)"
        )
    rows = []
    for name in names[1:-1]:
        wanted, found = read(truth_paths[name]), read(prediction_paths[name])
        _check_size(found, wanted, prediction_paths[name])
        objects.note_unknown(found, prediction_paths[name])
        rows.append({label or 1: score_frame(*objects.regions(found, wanted, label)) for label in objects.labels})
        if protocol.all_objects:
            objects.enter(wanted)
    objects.refuse_unknown()
    return FrameScores(names[1:-1], _gather(rows, truth))


def list_truth(folder: Path) -> dict[str, Path]:
    """List the ground-truth masks of a video by name, in natural order.

    Raises:
        InputError: there are too few to score against.
    """
    paths = _list_masks(folder)
    if len(paths) < 3:
        raise InputError(
            f"{folder}: {len(paths)} mask(s), but the first and the last are not scored; give the masks of all frames"
        )
    return paths


class _Objects:
    """The objects of the ground truth that are scored, and the ids of the predictions that are none of theirs."""

    def __init__(self, protocol: Protocol, is_single_object: bool) -> None:
        self.labels: list[int | None] = []  # None for a single object, that is all ids above 0
        self._protocol, self._is_single_object = protocol, is_single_object
        self._found: dict[int, Path] = {}  # ids in the predictions, and the first mask that holds each

    def enter(self, wanted: np.ndarray) -> None:
        """Add the objects of a mask ``[H,W]`` of the ground truth; an unlabelled or void id is none."""
        if self._is_single_object:
            self.labels = [None] if self.labels or self._region(wanted, None).any() else []
            return
        known = {0, UNLABELLED_ID, self._protocol.void_id, *self.labels}
        self.labels = sorted([*self.labels, *(label for label in np.unique(wanted).tolist() if label not in known)])

    def regions(self, found: np.ndarray, wanted: np.ndarray, label: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Find an object's pixels in a prediction and in the ground truth: two ``[H,W]`` bool without void pixels."""
        region = found > 0 if label is None else found == label
        if self._protocol.void_id is not None:
            region &= wanted != self._protocol.void_id
        return region, self._region(wanted, label)

    def note_unknown(self, found: np.ndarray, path: Path) -> None:
        """Note the ids of a prediction; if later objects count, they are known at the end only."""
        if self._is_single_object:
            return
        for label in np.flatnonzero(np.bincount(found.ravel())[1:]) + 1:
            self._found.setdefault(int(label), path)
        if not self._protocol.all_objects:
            self.refuse_unknown()

    def refuse_unknown(self) -> None:
        """Refuse predicted ids that no scored object has."""
        for label in sorted(self._found.keys() - {*self.labels}):
            where = "the ground truth" if self._protocol.all_objects else "the first ground-truth mask"
            known = ", ".join(map(str, self.labels[:NUM_SHOWN])) + (", .." if len(self.labels) > NUM_SHOWN else "")
            raise InputError(
                f"{self._found[label]}: holds id {label}, but {where} has {known}; "
                "correct it, or score all ids as one object (single_object)"
            )

    def _region(self, wanted: np.ndarray, label: int | None) -> np.ndarray:
        if label is not None:
            return wanted == label
        return wanted > 0 if self._protocol.void_id is None else (wanted > 0) & (wanted != self._protocol.void_id)


def _gather(rows: Sequence[Mapping[int, tuple[float, float]]], truth: Path) -> dict[int, np.ndarray]:
    """Put the scores of each object into an array; leave out objects that no frame scores."""
    labels = sorted({label for row in rows for label in row})
    if not labels:
        raise InputError(f"{truth}: no object that enters before the last frame but one; there is nothing to score")
    return {label: np.array([row.get(label, (np.nan, np.nan)) for row in rows]) for label in labels}


def _list_masks(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; expected masks named by frame")
    return list_images(folder)


def _check_size(found: np.ndarray, wanted: np.ndarray, path: Path) -> None:
    if found.shape != wanted.shape:
        sizes = ("x".join(map(str, mask.shape[::-1])) for mask in (found, wanted))
        raise InputError("{}: {} pixels, but the ground truth has {}; write masks at native size".format(path, *sizes))
