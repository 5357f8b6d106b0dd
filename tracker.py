"""Segment one video: frames in, masks out.

Reading and writing run in threads beside the computing: a loader some frames ahead, writers behind. Each frame is
read once, unless nobody needs it, and each mask written as soon as it is final. On CUDA the host never waits for the
frames that it has just sent off, only for those before.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

import numpy as np
import progressbar
import torch
import torch.nn.functional as F
from torch import Tensor

from dataset.transforms import input_size, prepare_image, prepare_mask
from dataset.videos import Frame, Video
from evaluation.options import Settings, View
from inference_core import FrameFeatures, InferenceConfig, InferenceCore, MemorySchedule
from model.network import STCN
from output.video import Prediction, VideoOutput
from util.pipeline import batched, prefetch
from util.tensor_util import ToHost

FRAMES_AHEAD = 4


class ViewSegmenter:
    """Propagate the masks of one video in one view of it."""

    def __init__(self, network: STCN, view: View, settings: Settings, num_memory_frames: int | None = None) -> None:
        config = replace(settings.config, kernel_sigma=view.kernel_sigma)
        self.core = InferenceCore(network, config, expected_memory_frames=num_memory_frames)
        self._view, self._device = view, settings.device

    def run(self, frames: Sequence[Frame]) -> Iterator[Tensor | None]:
        """Probabilities ``[1+K,H,W]`` of the next frames at their own size, of those that are wanted.

        All these frames are encoded together.
        """
        images = [self._prepare(frame) for frame in frames if frame.image is not None]
        ahead = iter(zip(images, self.core.encode_ahead(torch.stack(images)) if images else ()))
        for frame in frames:
            if frame.image is None:
                self.core.skip()
                yield None
            else:
                yield self._step(frame, *next(ahead))

    def _prepare(self, frame: Frame) -> Tensor:
        size = input_size(*frame.image.shape[:2], self._view.short_side)
        image = prepare_image(frame.image, size, self._device)
        return image.flip(-1) if self._view.is_mirrored else image

    def _step(self, frame: Frame, image: Tensor, features: FrameFeatures) -> Tensor | None:
        mask = None if frame.mask is None else prepare_mask(frame.mask, image.shape[1:], self._device)
        if mask is not None and self._view.is_mirrored:
            mask = mask.flip(-1)
        found = self.core.step(image, mask, frame.labels, need_output=frame.is_wanted, features=features)
        if found is None:
            return None
        resized = resize_probabilities(found, frame.image.shape[:2])
        return resized.flip(-1) if self._view.is_mirrored else resized


def resize_probabilities(probabilities: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring probabilities ``[1+K,h,w]`` to the output's size: ``[1+K,H,W]``."""
    if probabilities.shape[1:] == size:
        return probabilities
    return F.interpolate(probabilities[None], size, mode="bilinear", align_corners=False)[0]


class _Computed(NamedTuple):
    """A segmented frame whose results are on their way to host memory."""

    frame: Frame
    labels: tuple[int, ...]
    rows: ToHost  # [H,W] uint8 or int16, row of the most probable object
    scores: ToHost | None  # [1+K,H,W] float16

    def finish(self, id_dtype: type, keep_annotations: bool) -> Prediction:
        """Ids instead of rows."""
        frame = self.frame
        ids = np.array([0, *self.labels], id_dtype)[self.rows.numpy()]
        if keep_annotations and frame.mask is not None:
            ids[np.isin(ids, frame.labels)] = 0
            ids = np.where(frame.mask > 0, frame.mask, ids).astype(id_dtype)
        scores = None if self.scores is None else self.scores.numpy()
        return Prediction(frame.name, frame.image, ids, self.labels, scores)


def segment_video(network: STCN, video: Video, settings: Settings, title: str | None) -> None:
    """Segment one video and write the results.

    Args:
        title: of the progress bar; None: no bar.
    """
    needed = plan_frames(video, settings.config).needed
    output = VideoOutput(
        settings.output / video.name,
        video.palette,
        video.frames.frame_rate,
        overlay=settings.overlay,
        save_scores=settings.save_scores,
    )
    with output, _progress_bar(title, len(video.frame_names)) as bar:
        frames = _counted(prefetch(video.read(needed), FRAMES_AHEAD + settings.frames_at_once), bar)
        for prediction in predict(network, video, frames, settings):
            output.write(prediction)


def predict(network: STCN, video: Video, frames: Iterable[Frame], settings: Settings) -> Iterator[Prediction]:
    """Segment the frames of a video, some at a time: the results of those that are wanted."""
    num_memory_frames = plan_frames(video, settings.config).num_memory_frames
    segmenters = [ViewSegmenter(network, view, settings, num_memory_frames) for view in settings.views]
    id_dtype = np.uint8 if video.labels[-1] < 256 else np.uint16
    batches = batched(frames, settings.frames_at_once, lambda frame: frame.image is not None)
    previous = []
    for batch in chain(batches, [[]]):  # at last only what is on its way
        computed = list(_compute(segmenters, batch, settings.save_scores))
        for last in previous:
            yield last.finish(id_dtype, settings.keep_annotations)
        previous = computed


class FramePlan(NamedTuple):
    """What a video's frames are needed for, known beforehand."""

    needed: set[str]  # names of the frames that are computed; of the others not even the image is needed
    num_memory_frames: int  # to be held at a time, if the memory is not bounded


def plan_frames(video: Video, config: InferenceConfig) -> FramePlan:
    """Follow the memory's schedule through the video."""
    annotated, wanted = set(video.annotated_names), set(video.output_names)
    schedule = MemorySchedule(config)
    roles = {
        name: schedule.next_role(is_annotated=name in annotated, need_output=name in wanted)
        for name in video.frame_names
    }
    needed = {name for name, role in roles.items() if role.is_computed}
    return FramePlan(needed, sum(role.is_memory for role in roles.values()) + config.include_last)


def _compute(segmenters: Sequence[ViewSegmenter], frames: Sequence[Frame], need_scores: bool) -> Iterator[_Computed]:
    """From frames in host memory to their results on the way there, of those that are wanted."""
    for frame, *views in zip(frames, *(segmenter.run(frames) for segmenter in segmenters)):
        if not frame.is_wanted:
            continue
        probabilities = sum(views) / len(views)
        rows = probabilities.max(0).indices  # on a CPU many times faster than argmax
        rows = rows.to(torch.uint8 if len(probabilities) <= 256 else torch.int16)
        scores = ToHost(probabilities.half()) if need_scores else None
        yield _Computed(frame, tuple(segmenters[0].core.labels), ToHost(rows), scores)


def _counted(frames: Iterable[Frame], bar: progressbar.ProgressBar) -> Iterator[Frame]:
    """Advance the bar by each frame that is done with."""
    for frame in frames:
        yield frame
        bar.increment()


def _progress_bar(title: str | None, num_frames: int) -> progressbar.ProgressBar:
    if title is None:
        return progressbar.NullBar()
    return progressbar.ProgressBar(
        max_value=num_frames,
        max_error=False,  # damaged video files may hold more frames than they tell
        widgets=[title, " ", progressbar.Bar(), " ", progressbar.SimpleProgress(), " ", progressbar.AdaptiveETA()],
    )
