"""Measure J and F of the masks of one video against the ground truth, frame by frame."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dataset.object_masks import ObjectMasks
from dataset.stored_masks import read_stored_ids
from evaluation.metrics import score_frame
from evaluation.truth import TruthFolder, list_masks, open_truth
from util.errors import InputError
from util.ids import UNLABELLED_ID

log = logging.getLogger(__name__)

NUM_SHOWN = 10  # ids in a message
SINGLE_HINT = "masks of 0 and 255 hold a single object (single_object)"


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
    predictions: Path, truth: Path | ObjectMasks, *, is_single_object: bool = False, protocol: Protocol = DAVIS
) -> FrameScores:
    """Measure the masks of one video.

    Args:
        predictions: folder of masks.
        truth: folder of the ground truth, or masks by object; its names count, so that it may hold few of the frames.
        is_single_object: whether all ids above 0 are one object.
        protocol: what is scored.

    Raises:
        InputError: missing predictions, another size, unknown ids, or a ground truth that cannot be scored.
    """
    if isinstance(truth, Path) and os.path.realpath(predictions) == os.path.realpath(truth):
        raise InputError(f"{predictions}: predictions and ground truth are the same folder; give two")
    source = open_truth(truth, is_single_object=is_single_object)
    objects = _Objects(protocol, is_single_object)
    names = _names_from_first_object(source, objects)
    paths = list_masks(predictions)
    missing = [name for name in names if name not in paths]
    if missing:
        raise InputError(f"{predictions}: lacks {len(missing)} of {len(names)} masks, first {missing[0]}; add them")
    if paths.keys() - {*source.names}:
        log.info("%s: %d masks have no ground truth", predictions, len(paths.keys() - {*source.names}))
    rows = []
    for name in names:
        wanted, found = source.read(name), read_stored_ids(paths[name], allow_colours=is_single_object)
        _check_size(found, wanted, paths[name])
        objects.note_unknown(found, paths[name])
        rows.append({label or 1: score_frame(*objects.regions(found, wanted, label)) for label in objects.labels})
        if protocol.all_objects:
            objects.enter(wanted)
    objects.refuse_unknown()
    values = _gather(rows)
    if not values:
        hint = "" if is_single_object else f"; {SINGLE_HINT}"
        raise InputError(f"{source.path}: no object enters before the last mask but one, none is scored{hint}")
    return FrameScores(names, values)


def _names_from_first_object(source: TruthFolder | ObjectMasks, objects: "_Objects") -> list[str]:
    """List the frames that are scored: those behind the first one with an object, without the last.

    By the protocol of DAVIS the first frame must have the objects.
    """
    objects.enter(source.read(source.names[0]))
    names = source.names[1:-1]
    while objects.is_all and not objects.labels and names:
        objects.enter(source.read(names.pop(0)))
    if not objects.labels and not objects.is_all:
        hint = "" if objects.is_single else f"{SINGLE_HINT}; "
        raise InputError(
            f"{source.place(source.names[0])}: no object in the first ground-truth mask; {hint}"
            "objects that enter later are scored if all are (all_objects)"
        )
    return names


class _Objects:
    """The objects of the ground truth that are scored, and the ids of the predictions that are none of theirs."""

    def __init__(self, protocol: Protocol, is_single_object: bool) -> None:
        self.labels: list[int | None] = []  # None for a single object, that is all ids above 0
        self.is_all, self.is_single = protocol.all_objects, is_single_object
        self._void_id = protocol.void_id
        self._found: dict[int, Path] = {}  # ids in the predictions, and the first mask that holds each

    def enter(self, wanted: np.ndarray) -> None:
        """Add the objects of a ground-truth mask, as ``TruthFolder`` or ``ObjectMasks`` reads it.

        An unlabelled or void id is no object.
        """
        if self.is_single:
            self.labels = [None] if self.labels or self._region(wanted, None).any() else []
            return
        if wanted.ndim == 3:
            found = (np.flatnonzero(wanted.any((1, 2))) + 1).tolist()
        else:
            found = set(np.unique(wanted).tolist()) - {0, UNLABELLED_ID, self._void_id}
        self.labels = sorted({*self.labels, *found})

    def regions(self, found: np.ndarray, wanted: np.ndarray, label: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Find an object's pixels in a prediction and in the ground truth: two ``[H,W]`` bool without void pixels."""
        region = found > 0 if label is None else found == label
        if self._void_id is not None and wanted.ndim == 2:
            region &= wanted != self._void_id
        return region, self._region(wanted, label)

    def note_unknown(self, found: np.ndarray, path: Path) -> None:
        """Note the ids of a prediction; if later objects count, they are known at the end only."""
        if self.is_single:
            return
        for label in np.flatnonzero(np.bincount(found.ravel())[1:]) + 1:
            self._found.setdefault(int(label), path)
        if not self.is_all:
            self.refuse_unknown()

    def refuse_unknown(self) -> None:
        """Refuse predicted ids that no scored object has."""
        for label in sorted(self._found.keys() - {*self.labels}):
            where = "the ground truth" if self.is_all else "the first ground-truth mask"
            known = ", ".join(map(str, self.labels[:NUM_SHOWN])) + (", .." if len(self.labels) > NUM_SHOWN else "")
            raise InputError(
                f"{self._found[label]}: holds id {label}, but {where} has {known}; "
                "correct it, or score all ids as one object (single_object)"
            )

    def _region(self, wanted: np.ndarray, label: int | None) -> np.ndarray:
        if wanted.ndim == 3:
            return wanted[label - 1]
        if label is not None:
            return wanted == label
        return wanted > 0 if self._void_id is None else (wanted > 0) & (wanted != self._void_id)


def _gather(rows: Sequence[Mapping[int, tuple[float, float]]]) -> dict[int, np.ndarray]:
    """Put the scores of each object into an array ``[N,2]``; leave out objects that no frame scores."""
    labels = sorted({label for row in rows for label in row})
    return {label: np.array([row.get(label, (np.nan, np.nan)) for row in rows]) for label in labels}


def _check_size(found: np.ndarray, wanted: np.ndarray, path: Path) -> None:
    if found.shape != wanted.shape[-2:]:
        sizes = (f"{mask.shape[-1]}x{mask.shape[-2]}" for mask in (found, wanted))
        raise InputError("{}: {} pixels, but the ground truth has {}; write masks at native size".format(path, *sizes))
