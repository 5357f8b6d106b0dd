"""Segment one video: frames in, ids and probabilities out, averaged over the views.

On CUDA the host never waits for the frames that it has just sent off, only for those before.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dataset.arrays import check_ids, check_image
from dataset.passes import Frame
from dataset.stored_masks import find_labels
from dataset.transforms import input_size, prepare_image, prepare_mask
from inference_core import InferenceCore
from model.network import STCN, FrameFeatures
from output.result import FrameResult
from tracking.config import TrackerConfig, View
from util.device import default_frames_at_once, tf32_allowed
from util.errors import InputError
from util.pipeline import batched
from util.tensor_util import ToHost


@dataclass
class Batch:
    """Frames of one video that are to be encoded together."""

    frames: Sequence[Frame]
    images: list[Tensor | None]  # by view: [T,3,h,w], the frames that have an image; None: none has
    features: list[list[FrameFeatures] | None] | None = None  # by view: those of the images; None: not yet encoded


Step = Batch | FrameResult


def take_results(steps: Iterable[Step]) -> Iterator[FrameResult]:
    """Leave out the batches, which are then encoded one by one."""
    return (step for step in steps if isinstance(step, FrameResult))


class TrackerSession:
    """The state of one video; ``VideoTracker.start`` makes it.

    Args:
        network: the tracker's network.
        config: how to segment.
        num_memory_frames: how many memory frames the video will have, if that is known: this spares memory.
        largest_id: the largest id in all masks to come, if that is known: it decides between uint8 and uint16.
    """

    def __init__(
        self, network: STCN, config: TrackerConfig, *, num_memory_frames: int | None = None, largest_id: int = 0
    ) -> None:
        config = config.suited_to(network)
        self.frames_at_once = config.frames_at_once or default_frames_at_once(network.device)
        self._config, self._largest_id, self._dtype = config, largest_id, network.dtype
        self._views = [_ViewCore(network, view, config, num_memory_frames) for view in config.views]
        self._probabilities: Tensor | None = None  # the last frame's
        self._size: tuple[int, int] | None = None  # height and width of the first frame

    @property
    def labels(self) -> tuple[int, ...]:
        """Ids of the objects known so far, in the order of their entry."""
        return tuple(self._views[0].core.labels)

    @property
    def probabilities(self) -> np.ndarray | None:
        """Probabilities of the last frame: ``[1+K,H,W]`` float32, background, then ``labels``; None without objects."""
        return None if self._probabilities is None else self._probabilities.float().cpu().numpy()

    def step(self, image: np.ndarray, ids: np.ndarray | None = None) -> np.ndarray:
        """Segment the next frame.

        Args:
            image: ``[H,W,3]`` uint8 RGB; all frames have one size.
            ids: ``[H,W]`` object ids, 0 where nothing is labelled: new objects, or corrections of known ones.

        Returns:
            ``[H,W]`` uint8 object ids, uint16 if one is above 255; all 0 before the first object.

        Raises:
            InputError: an array that cannot be used, or too many objects.
        """
        image = check_image(image)
        ids = None if ids is None else check_ids(ids, image.shape[:2])
        frame = Frame("", image, ids, () if ids is None else find_labels(ids), is_wanted=True)
        return self._compute(self._prepare([frame]), need_probabilities=False)[0].finish().ids

    def add_objects(self, image: np.ndarray, ids: np.ndarray) -> np.ndarray:
        """Take the next frame of the video, in which objects enter or are corrected, as ``step`` does with ids."""
        return self.step(image, ids)

    def remove(self, label: int) -> None:
        """Forget an object; it may enter again later.

        Raises:
            InputError: it is not known.
        """
        if label not in self.labels:
            raise InputError(f"object {label} is not known; known are {list(self.labels)}")
        row = 1 + self.labels.index(label)
        for view in self._views:
            view.core.remove(label)
        if self._probabilities is not None:
            kept = [index for index in range(len(self._probabilities)) if index != row]
            self._probabilities = self._probabilities[kept] if self.labels else None

    def run(self, frames: Iterable[Frame], *, need_probabilities: bool = False) -> Iterator[FrameResult]:
        """Segment frames, some at a time: the results of those that are wanted."""
        return take_results(self.run_in_steps(frames, need_probabilities=need_probabilities))

    def run_in_steps(self, frames: Iterable[Frame], *, need_probabilities: bool = False) -> Iterator[Step]:
        """Segment frames as ``run`` does, and yield each batch before it is encoded.

        Whoever gets a batch may encode it together with those of other videos (``tracking.together``); else it is
        encoded here. The results of a batch are fetched from the device while the next batch is computed.
        """
        previous: list[_Computed] = []
        for group in batched(frames, self.frames_at_once, lambda frame: frame.image is not None):
            batch = self._prepare(group)
            yield batch
            computed = self._compute(batch, need_probabilities, self.frames_at_once)
            for last in previous:
                yield last.finish()
            previous = computed
        for last in previous:
            yield last.finish()

    def _prepare(self, frames: Sequence[Frame]) -> Batch:
        """Check frames in host memory, and bring their images to the device."""
        self._refuse_other_sizes(frames)
        self._refuse_too_many(frames)
        return Batch(frames, [view.prepare(frames) for view in self._views])

    def _compute(self, batch: Batch, need_probabilities: bool, at_once: int = 1) -> list["_Computed"]:
        """Segment frames, and send the results of those that are wanted on their way back."""
        computed = []
        self._probabilities = None  # freed before the next ones take memory
        features = batch.features or [None] * len(self._views)
        with tf32_allowed(self._dtype != torch.float32):
            given = zip(self._views, batch.images, features)
            runs = [view.run(batch.frames, images, known, at_once) for view, images, known in given]
            for frame, *views in zip(batch.frames, *runs):
                if frame.is_wanted:
                    self._probabilities = _average(views)
                    computed.append(self._send(frame, need_probabilities))
        batch.images, batch.features = [], None  # others may hold the batch for a while
        return computed

    def _send(self, frame: Frame, need_probabilities: bool) -> "_Computed":
        """Begin the transfer of a frame's result to host memory."""
        found, labels = self._probabilities, self.labels
        id_of_row = np.array([0, *labels], np.uint8 if max(self._largest_id, *labels, 0) < 256 else np.uint16)
        if found is None:  # no object is known yet
            return _Computed(frame, labels, id_of_row, None, None, keep_annotations=False)
        rows = found.max(0).indices  # on a CPU many times faster than argmax
        rows = ToHost(rows.to(torch.uint8 if len(found) <= 256 else torch.int16))
        probabilities = ToHost(found.half()) if need_probabilities else None
        return _Computed(frame, labels, id_of_row, rows, probabilities, self._config.keep_annotations)

    def _refuse_other_sizes(self, frames: Sequence[Frame]) -> None:
        for frame in (frame for frame in frames if frame.image is not None):
            size = frame.image.shape[:2]
            self._size = self._size or size
            if size != self._size:
                found, first = (f"{width}x{height}" for height, width in (size, self._size))
                raise InputError(f"a frame of {found} pixels after others of {first}; start anew where sizes change")

    def _refuse_too_many(self, frames: Sequence[Frame]) -> None:
        num_objects = len(set(self.labels).union(*(frame.labels for frame in frames)))
        if num_objects > self._config.max_objects:
            raise InputError(
                f"{num_objects} objects, more than max_objects {self._config.max_objects}; "
                "look whether the mask holds ids, or raise max_objects"
            )


class _Computed(NamedTuple):
    """A segmented frame whose results are on their way to host memory."""

    frame: Frame
    labels: tuple[int, ...]
    id_of_row: np.ndarray  # [1+K] uint8 or uint16
    rows: ToHost | None  # [H,W] uint8 or int16, row of the most probable object; None: all background
    probabilities: ToHost | None  # [1+K,H,W] float16
    keep_annotations: bool

    def finish(self) -> FrameResult:
        """Wait for the results, and turn rows into ids."""
        frame = self.frame
        rows = np.zeros(frame.image.shape[:2], np.uint8) if self.rows is None else self.rows.numpy()
        ids = self.id_of_row[rows]
        if self.keep_annotations and frame.mask is not None:
            ids = put_annotation(ids, frame.mask)
        probabilities = None if self.probabilities is None else self.probabilities.numpy()
        return FrameResult(frame.name, frame.image, ids, self.labels, probabilities)


class _ViewCore:
    """Propagate the masks of one video in one view of it."""

    def __init__(self, network: STCN, view: View, config: TrackerConfig, num_memory_frames: int | None) -> None:
        config = replace(config, kernel_sigma=view.kernel_sigma)
        self.core = InferenceCore(network, config, expected_memory_frames=num_memory_frames)
        self._view, self._device = view, network.device

    def prepare(self, frames: Sequence[Frame]) -> Tensor | None:
        """Bring the images ``[T,3,h,w]`` of the frames that have one to the device; None: none has."""
        images = [self._prepare(frame) for frame in frames if frame.image is not None]
        return torch.stack(images) if images else None

    def run(
        self, frames: Sequence[Frame], images: Tensor | None, features: list[FrameFeatures] | None, at_once: int
    ) -> Iterator[Tensor | None]:
        """Yield the probabilities ``[1+K,H,W]`` of the next frames at their own size, None of those not wanted.

        Unless their features are given, these frames are encoded together, as the ``at_once`` frames of other calls.
        """
        if features is None and images is not None:
            features = self.core.encode_ahead(images, at_once)
        ahead = iter(() if images is None else zip(images, features))
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


def put_annotation(ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Replace the objects of a given mask by what it shows of them: ids ``[H,W]`` of the same type."""
    kept = np.where(np.isin(ids, find_labels(mask)), 0, ids)
    return np.where(mask > 0, mask, kept).astype(ids.dtype)


def resize_probabilities(probabilities: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring probabilities ``[1+K,h,w]`` to the output's size: ``[1+K,H,W]``."""
    if probabilities.shape[1:] == size:
        return probabilities
    return F.interpolate(probabilities[None], size, mode="bilinear", align_corners=False)[0]


def _average(views: Sequence[Tensor | None]) -> Tensor | None:
    """The mean of the views' probabilities ``[1+K,H,W]``; None if no object is known yet."""
    return None if views[0] is None else sum(views) / len(views)
