"""Segment one video: frames in, masks out.

Reading and writing run in threads beside the computing: a loader some frames ahead, writers behind. Each frame is
read once and each mask written as soon as it is final.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import progressbar
import torch
import torch.nn.functional as F
from torch import Tensor

from dataset.transforms import input_size, prepare_image, prepare_mask
from dataset.videos import Frame, Video
from evaluation_settings import Settings, View
from inference_core import InferenceCore
from model.network import STCN
from util.pipeline import prefetch
from util.video_output import Prediction, VideoOutput

FRAMES_AHEAD = 4


class ViewSegmenter:
    """Propagate the masks of one video in one view of it."""

    def __init__(self, network: STCN, view: View, settings: Settings) -> None:
        self.core = InferenceCore(network, replace(settings.config, kernel_sigma=view.kernel_sigma))
        self._view, self._device = view, settings.device

    def step(self, frame: Frame) -> Tensor | None:
        """Probabilities ``[1+K,H,W]`` at the frame's own size, if they are wanted."""
        frame_size = frame.image.shape[:2]
        size = input_size(*frame_size, self._view.short_side)
        image = prepare_image(frame.image, size, self._device)
        mask = None if frame.mask is None else prepare_mask(frame.mask, size, self._device)
        if self._view.is_mirrored:
            image, mask = image.flip(-1), None if mask is None else mask.flip(-1)
        probabilities = self.core.step(image, mask, frame.labels, need_output=frame.is_wanted)
        if probabilities is None:
            return None
        resized = resize_probabilities(probabilities, frame_size)
        return resized.flip(-1) if self._view.is_mirrored else resized


def resize_probabilities(probabilities: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring probabilities ``[1+K,h,w]`` to the output's size: ``[1+K,H,W]``."""
    if probabilities.shape[1:] == size:
        return probabilities
    return F.interpolate(probabilities[None], size, mode="bilinear", align_corners=False)[0]


def segment_video(network: STCN, video: Video, settings: Settings, title: str | None) -> float:
    """Segment one video and write the results.

    Args:
        title: of the progress bar; None: no bar.

    Returns:
        Seconds of computing: from frames in memory to masks in memory.
    """
    segmenters = [ViewSegmenter(network, view, settings) for view in settings.views]
    id_dtype = np.uint8 if video.labels[-1] < 256 else np.uint16
    seconds = 0.0
    output = VideoOutput(
        settings.output / video.name,
        video.palette,
        video.frames.frame_rate,
        overlay=settings.overlay,
        save_scores=settings.save_scores,
    )
    with output, _progress_bar(title, len(video.frame_names)) as bar:
        for frame in prefetch(video, FRAMES_AHEAD):
            start = time.perf_counter()
            prediction = _segment_frame(segmenters, frame, settings, id_dtype)
            seconds += time.perf_counter() - start
            if prediction is not None:
                output.write(prediction)
            bar.increment()
    return seconds


def _segment_frame(
    segmenters: Sequence[ViewSegmenter], frame: Frame, settings: Settings, id_dtype: type
) -> Prediction | None:
    """From a frame in host memory to its mask in host memory, at the frame's own size."""
    views = [segmenter.step(frame) for segmenter in segmenters]
    if not frame.is_wanted:
        return None
    probabilities = sum(views) / len(views)
    labels = segmenters[0].core.labels
    rows = probabilities.argmax(0).to(torch.uint8 if len(probabilities) <= 256 else torch.int16).cpu().numpy()
    ids = np.array([0, *labels], id_dtype)[rows]
    if settings.keep_annotations and frame.mask is not None:
        ids[np.isin(ids, frame.labels)] = 0
        ids = np.where(frame.mask > 0, frame.mask, ids).astype(id_dtype)
    scores = probabilities.half().cpu().numpy() if settings.save_scores else None
    return Prediction(frame.name, frame.image, ids, tuple(labels), scores)


def _progress_bar(title: str | None, num_frames: int) -> progressbar.ProgressBar:
    if title is None:
        return progressbar.NullBar()
    return progressbar.ProgressBar(
        max_value=num_frames,
        max_error=False,  # damaged video files may hold more frames than they tell
        widgets=[title, " ", progressbar.Bar(), " ", progressbar.SimpleProgress(), " ", progressbar.AdaptiveETA()],
    )
