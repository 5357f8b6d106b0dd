"""The streaming core: one frame in, one distribution over the objects out.

It knows neither the length of the video nor its future. State belongs to one video: make one core per video.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from inference_memory_bank import MemoryBank
from model.aggregate import aggregate
from model.boxes import segment_boxes, segment_buckets
from model.network import STCN, STRIDE, FrameFeatures
from util.device import release_free_memory
from util.tensor_util import Padding

PIXELS_AT_ONCE = 2**23  # pixels of all objects that a GPU decodes together: 20 at 854 x 480, in about 1.5 GiB


@dataclass(frozen=True)
class InferenceConfig:
    """Settings of propagation.

    Raises:
        ValueError: a number is not positive.
    """

    top_k: int = 20  # memory positions read for each query position
    mem_every: int = 5  # memorise a frame when the last memory frame is this many frames back
    include_last: bool = False  # hold the last frame as a temporary memory
    max_memory_frames: int | None = None  # bound on the memory frames; None: no bound
    kernel_sigma: float | None = None  # kernelized memory reading, in cells of 16 pixels; None: plain
    exact: bool | None = True  # decode whole frames; False: objects where the memory shows them; None: so on a CPU

    def __post_init__(self) -> None:
        for name in ("top_k", "mem_every", "max_memory_frames", "kernel_sigma"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be positive, not {value}")


class FrameRole(NamedTuple):
    """The purposes that a frame is needed for."""

    is_memory: bool  # memorised for good
    is_computed: bool  # segmented at all


class MemorySchedule:
    """Tell the role of one frame after the other, beginning with the first that has objects."""

    def __init__(self, config: InferenceConfig) -> None:
        self._config = config
        self._frame = self._last_memory_frame = 0

    def next_role(self, *, is_annotated: bool, need_output: bool) -> FrameRole:
        """Tell the role of the next frame.

        Args:
            is_annotated: whether the frame has a mask.
            need_output: whether its probabilities are wanted.
        """
        is_memory = is_annotated or self._frame - self._last_memory_frame >= self._config.mem_every
        if is_memory:
            self._last_memory_frame = self._frame
        self._frame += 1
        return FrameRole(is_memory, is_memory or need_output or self._config.include_last)


class _PendingMemory(NamedTuple):
    """A frame that is memorised just before the next one is segmented: a video's last frame then takes no value."""

    image: Tensor  # [1,3,H,W], padded
    key: Tensor  # [1,CK,h,w]
    f16: Tensor  # [1,C16,h,w]
    masks: Tensor  # [K,H,W], aggregated probabilities
    is_temporary: bool
    is_annotated: bool


@torch.inference_mode()
def encode_images(network: STCN, images: Tensor, at_once: int = 1) -> list[FrameFeatures]:
    """Encode frames together, of one video or of several.

    Args:
        images: ``[T,3,H,W]``, the frames as given to ``InferenceCore.step``.
        at_once: how many frames other calls encode; a compiled network gets fewer ones, such as a video's last, in a
            batch of that size, for which it is compiled.

    Returns:
        The features of each frame, for ``InferenceCore.step``.
    """
    padded = images
    if network.has_fixed_batches and len(images) < at_once:
        padded = torch.cat([images, images[-1:].expand(at_once - len(images), -1, -1, -1)])
    features = network.encode_frames(Padding.to_multiple(*images.shape[2:], STRIDE).add(padded))
    return [features.of_frame(index) for index in range(len(images))]


class InferenceCore:
    """Propagate masks through one video, a frame at a time.

    Args:
        network: in eval mode, on the device and in the dtype to compute in; ``model.optimise`` makes it faster.
        config: settings of propagation.
        expected_memory_frames: how many memory frames the video will have, which saves memory; None: unknown.
    """

    def __init__(
        self, network: STCN, config: InferenceConfig = InferenceConfig(), *, expected_memory_frames: int | None = None
    ) -> None:
        self.network = network
        self.config = config
        self.labels: list[int] = []  # ids of the objects known so far, in the order of their entry
        self._bank = MemoryBank(
            config.top_k,
            similarity=network.reading.similarity,
            max_frames=config.max_memory_frames,
            kernel_sigma=config.kernel_sigma,
            expected_frames=expected_memory_frames,
        )
        is_cpu = network.device.type == "cpu"
        self._uses_boxes = is_cpu if config.exact is None else not config.exact
        self._segment_boxes = segment_boxes if is_cpu else partial(segment_buckets, pixels_at_once=PIXELS_AT_ONCE)
        self._schedule = MemorySchedule(config)
        self._pending: _PendingMemory | None = None
        self._frame_size: tuple[int, int] | None = None

    @torch.inference_mode()
    def encode_ahead(self, images: Tensor, at_once: int = 1) -> list[FrameFeatures]:
        """Encode several frames together, ahead of their steps, as ``encode_images`` does."""
        self._memorise_pending()  # first, since these features take memory
        return encode_images(self.network, images, at_once)

    def skip(self) -> None:
        """Pass over a frame for which ``step`` would do nothing; this takes no image.

        Raises:
            ValueError: the frame is due as memory.
        """
        if self.labels and self._schedule.next_role(is_annotated=False, need_output=False).is_computed:
            raise ValueError("a frame that is due as memory cannot be skipped")

    @torch.inference_mode()
    def step(
        self,
        image: Tensor,
        mask: Tensor | None = None,
        labels: Sequence[int] = (),
        *,
        need_output: bool = True,
        features: FrameFeatures | None = None,
    ) -> Tensor | None:
        """Take the next frame of the video.

        Objects may enter at any frame. A known object annotated again is corrected: in this frame the given mask
        replaces the propagated one. Frames before the first annotation, and frames that are neither asked for nor
        needed as memory, are not computed.

        Args:
            image: ``[3,H,W]`` float32, ImageNet-normalised, on the network's device; of the same size in each step.
            mask: ``[H,W]`` object ids (any numeric dtype), 0 where nothing is labelled; None without an annotation.
            labels: ids annotated by ``mask``, distinct and not 0; an id without a pixel is an object that is not
                visible. Empty: the ids found in the mask.
            need_output: whether to return probabilities.
            features: the features of the image, from ``encode_ahead``; None: they are computed here.

        Returns:
            ``[1+K,H,W]`` float32 probabilities that sum to 1: background, then the objects in the order of
            ``self.labels``. None if they are not asked for or if no object is known.

        Raises:
            ValueError: wrong shapes or labels.
        """
        if mask is not None and not labels:
            labels = [int(label) for label in mask.unique() if label != 0]
        self._check(image, mask, labels)
        is_annotated = mask is not None and len(labels) > 0
        if not (self.labels or is_annotated):
            return None
        role = self._schedule.next_role(is_annotated=is_annotated, need_output=need_output)
        if not role.is_computed:
            return None

        padding = Padding.to_multiple(*self._frame_size, STRIDE)
        self._memorise_pending()
        if features is None:
            features = self.encode_ahead(image[None])[0]
        probabilities = self._segment(features)
        if is_annotated:
            probabilities = self._insert(probabilities[1:], padding.add(mask), labels)
        if role.is_memory or self.config.include_last:
            masks = probabilities[1:]
            self._pending = _PendingMemory(
                padding.add(image[None]),
                features.key,
                features.f16,
                masks,
                is_temporary=not role.is_memory,
                is_annotated=is_annotated,
            )
        return padding.remove(probabilities) if need_output else None

    def remove(self, label: int) -> None:
        """Forget an object: it is neither segmented nor remembered any more, and may enter again later.

        Raises:
            ValueError: the object is not known.
        """
        if label not in self.labels:
            raise ValueError(f"object {label} is not known; known are {self.labels}")
        row = self.labels.index(label)
        self.labels.pop(row)
        if row < self._bank.num_objects:
            self._bank.remove(row)
        if self._pending is not None:
            masks = self._pending.masks
            self._pending = self._pending._replace(masks=torch.cat([masks[:row], masks[row + 1 :]]))

    def _segment(self, features: FrameFeatures) -> Tensor:
        """Segment the objects known so far: ``[1+K,H,W]`` on the padded frame."""
        if not self.labels:
            height, width = (STRIDE * cells for cells in features.key.shape[-2:])
            return torch.ones(1, height, width, device=features.key.device)
        memory_readout = self._bank.read(features.key)
        if self._uses_boxes:
            readout, presence = memory_readout[:, :-1], memory_readout[:, -1]
            logits = self._segment_boxes(self.network.decoder, readout, presence, features.frame_part)
            return aggregate(torch.sigmoid(logits)).softmax(0)
        number = choose_at_once(memory_readout, STRIDE**2)
        return self.network.segment_frame(memory_readout, features.frame_part, objects_at_once=number)

    def _insert(self, masks: Tensor, annotation: Tensor, labels: Sequence[int]) -> Tensor:
        """Put annotated masks over the propagated ones and aggregate.

        Args:
            masks: ``[K,H,W]``, propagated probabilities of the objects known so far.
            annotation: ``[H,W]`` object ids.
            labels: ids annotated here.

        Returns:
            ``[1+K',H,W]`` probabilities, with the objects that enter here.
        """
        self.labels += [label for label in labels if label not in self.labels]
        annotated = torch.stack([annotation == label for label in labels])  # [len(labels),H,W]
        merged = masks.new_zeros(len(self.labels), *masks.shape[1:])
        merged[: len(masks)] = masks * ~annotated.any(0)
        for label, pixels in zip(labels, annotated):  # all at once, the list of rows would let the host wait for a GPU
            merged[self.labels.index(label)] = pixels
        return aggregate(merged).softmax(0)

    def _memorise_pending(self) -> None:
        """Memorise the frame that waits for it, if there is one."""
        if self._pending is not None and self.labels:
            image, key, f16, masks, is_temporary, is_annotated = self._pending
            values = self.network.encode_value(image, f16, masks[None], objects_at_once=choose_at_once(masks))[0]
            if self._uses_boxes:  # the masks are read like one more channel of the values
                presence = F.max_pool2d(masks[:, None], STRIDE)
                values = torch.cat([values, presence.to(values.dtype)], 1)
            self._bank.add_memory(key, values, is_temporary=is_temporary, is_annotated=is_annotated)
            if not is_temporary:
                release_free_memory(key.device)
        self._pending = None

    def _check(self, image: Tensor, mask: Tensor | None, labels: Sequence[int]) -> None:
        if image.ndim != 3 or image.shape[0] != 3:
            raise ValueError(f"image must be [3,H,W], not {list(image.shape)}")
        size = tuple(image.shape[1:])
        self._frame_size = self._frame_size or size
        if size != self._frame_size:
            raise ValueError(f"frames of one video must have one size: {size} after {self._frame_size}")
        if mask is None and labels:
            raise ValueError("labels without a mask")
        if mask is not None and tuple(mask.shape) != size:
            raise ValueError(f"mask {tuple(mask.shape)} and image {size} differ in size")
        if len(set(labels)) < len(labels) or 0 in labels:
            raise ValueError(f"labels must be distinct and not 0: {list(labels)}")


def choose_at_once(tensor: Tensor, pixels: int = 1) -> int:
    """Choose how many objects to compute together: on a CPU one is as fast and takes the least memory.

    Args:
        tensor: ``[..., h, w]``.
        pixels: the frame's pixels for each of those of the tensor.
    """
    if tensor.device.type == "cpu":
        return 1
    return max(1, PIXELS_AT_ONCE // (pixels * tensor.shape[-2] * tensor.shape[-1]))
