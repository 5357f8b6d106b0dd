"""Score a network on a folder of annotated videos while it trains."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from dataset.layouts import read_list
from dataset.masks import MaskReader
from dataset.videos import SINGLE_OBJECT_ID, VideoEntry
from dataset.vos_dataset import find_videos
from evaluation.run import EvaluationSettings, segment_to_files
from evaluation.scoring import score_sequence, summarise_scores
from evaluation.truth import list_truth
from model.network import STCN
from model.optimise import optimise
from tracker import TrackerConfig, VideoTracker
from training.data import DataPlaces, video_folders
from util.errors import InputError

SHOWN = ("J&F_mean", "J_mean", "F_mean")
VALIDATION_LISTS = ("2017/val.txt", "480p/val.txt")  # files below ImageSets, in DAVIS 2017 and 2016


def annotated_videos(root: Path) -> list[VideoEntry]:
    """List the videos ``JPEGImages/<video>``, ``Annotations/<video>`` of a folder; DAVIS has ``480p`` between.

    These are the layouts of videos to train on. A validation list, as DAVIS has it, selects videos, and those with
    fewer than three masks are left out. Masks that hold 0 and 255 alone show a single object.

    Raises:
        InputError: there are none, or one lacks frames or masks.
    """
    images, annotations = video_folders(root)
    lists = [path for name in VALIDATION_LISTS if (path := root / "ImageSets" / name).exists()]
    videos = find_videos(images, annotations, names=read_list(lists[0]) if lists else None)
    if not videos:
        raise InputError(f"{annotations}: no video with three masks in it; expected a folder of masks for each video")
    return [_annotated_video(video.frames, video.masks) for video in videos]


def held_out_videos(places: DataPlaces) -> list[VideoEntry]:
    """List the own videos that training leaves out.

    Raises:
        InputError: no folder of own videos has one of them, or it lacks frames or masks.
    """
    entries = []
    folders = [video_folders(root) for root, _ in places.own]
    for name in sorted(places.held_out):
        holding = [(images / name, masks / name) for images, masks in folders if (images / name).is_dir()]
        if not holding:
            raise InputError(f"{name}: no folder of own videos holds this video; hold_out names videos of vos_root")
        entries.append(_annotated_video(*holding[0]))
    return entries


def _annotated_video(frames: Path, truth: Path) -> VideoEntry:
    for folder in (frames, truth):
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; a video needs frames and masks, complete the data")
    first = next(iter(list_truth(truth).values()))
    is_single = set(np.unique(MaskReader().read(first)).tolist()) <= {0, SINGLE_OBJECT_ID}
    options = {"truth": truth, "is_single_object": is_single, "mask_frame": first.stem}  # frames before it have no mask
    return VideoEntry(truth.name, frames, first, **options)


def validate(
    network: STCN, entries: list[VideoEntry], dtype: torch.dtype, is_stopped: Callable[[], bool] = lambda: False
) -> dict[str, float] | None:
    """Segment the videos at native size, with a copy of the network, and score them.

    Args:
        network: is not changed.
        entries: videos with ground truth.
        dtype: to compute in.
        is_stopped: asked before each video; launchers give a process half a minute to end.

    Returns:
        J&F_mean, J_mean, F_mean, and the same of each video, as ``<video>/J&F_mean``; None if it was stopped.
    """
    scores = {}
    tracker = VideoTracker(optimise(deepcopy(network), dtype), TrackerConfig(size=None, exact=True))
    with TemporaryDirectory() as folder:
        settings = EvaluationSettings(Path(folder))
        for entry in entries:
            if is_stopped():
                return None
            segment_to_files(tracker, tracker.open(entry), settings)
            masks = Path(folder, entry.name)
            scores[entry.name] = score_sequence(masks, entry.truth, is_single_object=entry.is_single_object)
    del tracker
    torch.cuda.empty_cache()  # training would miss what frames of other sizes left; elsewhere nothing happens
    summary = summarise_scores(scores)
    of_videos = {f"{name}/{key}": found[key] for name, found in summary["sequences"].items() for key in SHOWN}
    return {key: summary[key] for key in SHOWN} | of_videos
