"""Score a network on a folder of annotated videos while it trains."""

from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from dataset.layouts import read_list
from dataset.masks import MaskReader
from dataset.videos import SINGLE_OBJECT_ID, VideoEntry
from evaluation.run import EvaluationSettings, segment_to_files
from evaluation.scoring import list_truth, score_sequence, summarise_scores
from model.network import STCN
from model.optimise import optimise
from tracker import TrackerConfig, VideoTracker
from util.errors import InputError

VALIDATION_LISTS = ("2017/val.txt", "480p/val.txt")  # files below ImageSets, in DAVIS 2017 and 2016


def annotated_videos(root: Path) -> list[VideoEntry]:
    """List the videos of a folder in DAVIS's layout, ``JPEGImages/480p/<video>`` and ``Annotations/480p/<video>``.

    A validation list, as DAVIS has it, selects videos. Masks that hold 0 and 255 alone show a single object.

    Raises:
        InputError: there are none, or one lacks frames or masks.
    """
    images, annotations = root / "JPEGImages" / "480p", root / "Annotations" / "480p"
    if not (images.is_dir() and annotations.is_dir()):
        raise InputError(f"{root}: lacks JPEGImages/480p or Annotations/480p; give a folder in DAVIS's layout")
    lists = [path for name in VALIDATION_LISTS if (path := root / "ImageSets" / name).exists()]
    names = read_list(lists[0]) if lists else sorted(path.name for path in annotations.iterdir() if path.is_dir())
    if not names:
        raise InputError(f"{annotations}: no masks in it; give a folder in DAVIS's layout")
    return [_annotated_video(images / name, annotations / name) for name in names]


def _annotated_video(frames: Path, truth: Path) -> VideoEntry:
    for folder in (frames, truth):
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; a video needs frames and masks, complete the data")
    first = next(iter(list_truth(truth).values()))
    is_single = set(np.unique(MaskReader().read(first)).tolist()) <= {0, SINGLE_OBJECT_ID}
    return VideoEntry(truth.name, frames, first, truth=truth, is_single_object=is_single)


def validate(network: STCN, entries: list[VideoEntry], dtype: torch.dtype) -> dict[str, float]:
    """Segment the videos at native size, with a copy of the network, and score them: J&F_mean, J_mean, F_mean."""
    scores = {}
    tracker = VideoTracker(optimise(deepcopy(network), dtype), TrackerConfig(size=None))
    with TemporaryDirectory() as folder:
        settings = EvaluationSettings(Path(folder))
        for entry in entries:
            segment_to_files(tracker, tracker.open(entry), settings)
            masks = Path(folder, entry.name)
            scores[entry.name] = score_sequence(masks, entry.truth, is_single_object=entry.is_single_object)
    summary = summarise_scores(scores)
    return {key: summary[key] for key in ("J&F_mean", "J_mean", "F_mean")}
