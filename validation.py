"""Score a network on a folder of annotated videos while it trains."""

from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from dataset.frames import list_images
from dataset.videos import SINGLE_OBJECT_ID, Video, VideoEntry
from evaluation_settings import Settings, View
from inference_core import InferenceConfig
from model.network import STCN
from model.optimise import optimise
from scoring import score_sequence, summarise_scores
from segmentation import segment_video
from util.errors import InputError
from util.mask_io import MaskReader


def annotated_videos(root: Path) -> list[VideoEntry]:
    """Videos of a folder in DAVIS's layout, ``JPEGImages/480p/<video>`` and ``Annotations/480p/<video>``.

    Masks of 0 and 255 hold a single object.

    Raises:
        InputError: there are none.
    """
    images, annotations = root / "JPEGImages" / "480p", root / "Annotations" / "480p"
    if not (images.is_dir() and annotations.is_dir()):
        raise InputError(f"{root}: lacks JPEGImages/480p or Annotations/480p; give a folder in DAVIS's layout")
    entries = []
    for truth in sorted(path for path in annotations.iterdir() if path.is_dir()):
        masks = list_images(truth)
        if masks:
            first = next(iter(masks.values()))
            ids = np.unique(MaskReader().read(first))
            is_single = set(ids.tolist()) <= {0, SINGLE_OBJECT_ID}
            entries.append(VideoEntry(truth.name, images / truth.name, first, truth=truth, is_single_object=is_single))
    if not entries:
        raise InputError(f"{annotations}: no masks in it; give a folder in DAVIS's layout")
    return entries


def validate(network: STCN, entries: list[VideoEntry], dtype: torch.dtype) -> dict[str, float]:
    """Segment the videos at native size, with a copy of the network, and score them: J&F_mean, J_mean, F_mean."""
    scores = {}
    network = optimise(deepcopy(network), dtype)
    with TemporaryDirectory() as folder, torch.inference_mode():
        settings = Settings(Path(folder), network.device, InferenceConfig(), dtype, views=(View(-1),))
        for entry in entries:
            segment_video(network, Video(entry), settings, None)
            masks = Path(folder, entry.name)
            scores[entry.name] = score_sequence(masks, entry.truth, is_single_object=entry.is_single_object)
    summary = summarise_scores(scores)
    return {key: summary[key] for key in ("J&F_mean", "J_mean", "F_mean")}
