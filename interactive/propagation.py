"""Propagation with random access: from a frame both ways to the nearest interacted frames, fused with earlier results.

Cheng, Tai, Tang, MiVOS, CVPR 2021, with the memory of STCN. The streaming core, ``inference_core``, takes frames in
order; this one goes wherever a person looks, and shares network, memory and aggregation with it.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from inference_core import choose_at_once
from inference_memory_bank import MemoryBank
from interactive.results import FrameProbabilities, Results, spread
from model.aggregate import aggregate
from model.fusion import Distances, FusionNetwork, attend, blend, difference
from model.network import STCN, STRIDE, FrameFeatures
from util.packing import PackedArray
from util.tensor_util import Padding

Direction = Literal["both", "forward", "backward"]


@dataclass(frozen=True)
class PropagationConfig:
    """Settings of propagation."""

    mem_every: int = 5  # memorise a frame when the last memory frame is this many frames back
    top_k: int = 20  # memory positions read for each query position
    max_memory_frames: int = 100  # bound on the memory frames of a pass, beside the interacted ones
    cached_bytes: int = 2**28  # features kept for the next round
    is_blended: bool = True  # whether results are blended by distance without a fusion network; else the newest counts
    is_exact: bool = False  # whether results are kept in float32


class Interaction(NamedTuple):
    """The mask of an interacted frame, which is certain."""

    objects: tuple[int, ...]  # the ones known then
    mask: PackedArray  # [H,W] rows, 0 for background, else 1 + the position of the object; or [1+K,H,W] probabilities
    memory: tuple[Tensor, Tensor] | None  # key [1,CK,h,w] and values [K,CV,h,w]; None: to be computed


class Step(NamedTuple):
    """A frame that a round has computed."""

    frame: int
    done: int  # frames so far
    total: int  # frames of the round
    new: Tensor  # [1+K,H,W], what was propagated, before fusion


class Snapshot(NamedTuple):
    """The whole state of a propagation, to go back to."""

    objects: tuple[int, ...]
    results: dict[int, FrameProbabilities]
    interactions: dict[int, Interaction]


class Propagation:
    """The masks of one video, spread from the frames that a person has marked.

    Objects are numbers that the caller chooses and never uses again.

    Args:
        network: in eval mode, on the device and in the dtype to compute in.
        read_frame: gives a frame's ``[3,H,W]`` float32, ImageNet-normalised, on the network's device.
        num_frames: T.
        size: ``(height, width)`` of the frames.
        fusion: the fusion network; None: results are blended by distance.
        config: settings.
    """

    def __init__(
        self,
        network: STCN,
        read_frame: Callable[[int], Tensor],
        num_frames: int,
        size: tuple[int, int],
        fusion: FusionNetwork | None = None,
        config: PropagationConfig = PropagationConfig(),
    ) -> None:
        self.objects: tuple[int, ...] = ()  # in the order of their entry
        self._network, self._fusion, self._config = network, fusion, config
        self._read_frame, self._num_frames = read_frame, num_frames
        self._padding = Padding.to_multiple(*size, STRIDE)
        self._results = Results(size, self._padding, is_exact=config.is_exact)
        self._interactions: dict[int, Interaction] = {}  # in the order of the rounds
        self._features: OrderedDict[int, FrameFeatures] = OrderedDict()  # the ones used last

    @property
    def interacted(self) -> tuple[int, ...]:
        """Frames whose masks are certain, in the order of their rounds."""
        return tuple(self._interactions)

    def has_result(self, frame: int) -> bool:
        """Tell whether a frame was interacted or reached by a round."""
        return frame in self._results

    def probabilities(self, frame: int) -> Tensor:
        """Read a frame's result: ``[1+K,H,W]`` float32, background, then ``objects``; without any all near 0."""
        return self._padding.remove(self._results.probabilities(frame, self.objects))

    def read(self, result: FrameProbabilities, objects: Sequence[int]) -> Tensor:
        """Read a result of a snapshot, as ``probabilities`` reads the present one."""
        return self._padding.remove(result.probabilities(objects, self._padding))

    def ids(self, frame: int, labels: dict[int, int]) -> np.ndarray:
        """Read a frame's mask: ``[H,W]`` int32.

        Args:
            labels: ids by object; objects that are not in it count as background.
        """
        return self._results.ids(frame, labels)

    def withdraw(self, frame: int) -> None:
        """Forget that a frame's mask is certain; its result stays until a round reaches it."""
        del self._interactions[frame]

    def interact(self, frame: int, mask: np.ndarray, objects: tuple[int, ...] | None = None) -> None:
        """Take a frame's mask as certain and as its result, in place of an earlier one; nothing is propagated yet.

        Args:
            mask: ``[H,W]`` rows, 0 for background, else 1 + the object's position in ``objects``; or ``[1+K,H,W]``
                float32, probabilities of the background and of these objects.
            objects: the objects known then, if they are not those known now.
        """
        objects = self.objects if objects is None else objects
        self._interactions.pop(frame, None)
        self._interactions[frame] = Interaction(objects, PackedArray.pack(mask), None)
        self._set(frame, objects, mask)

    def set_result(self, frame: int, mask: np.ndarray) -> None:
        """Set a frame's result, as if a round had reached it; ``mask`` as for ``interact``."""
        self._set(frame, self.objects, mask)

    def snapshot(self) -> Snapshot:
        """Give the state, to ``restore`` it later; this copies no pixel."""
        return Snapshot(self.objects, self._results.snapshot(), dict(self._interactions))

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot, exactly."""
        self.objects = snapshot.objects
        self._results.restore(snapshot.results)
        self._interactions = dict(snapshot.interactions)

    def round(self, frame: int, mask: np.ndarray, direction: Direction = "both") -> Iterator[Step]:
        """Take a frame's mask as certain, at once, and propagate it up to the nearest interacted frames.

        Whoever stops iterating keeps what is done so far.

        Args:
            frame: the interacted frame.
            mask: its mask, as for ``interact``.
            direction: where to go.
        """
        before = self._results.probabilities(frame, self.objects)[1:]
        self.interact(frame, mask)
        change = difference(self._spread(mask, len(self.objects))[1:], before).to(self._network.device)
        passes = self._passes(frame, direction)
        steps = chain.from_iterable(self._pass(frame, frames, neighbour, change) for frames, neighbour in passes)
        total = self.count_frames(frame, direction)
        return (Step(reached, done, total, self._padding.remove(new)) for done, (reached, new) in enumerate(steps, 1))

    def count_frames(self, frame: int, direction: Direction = "both", others: Sequence[int] = ()) -> int:
        """Count the frames that a round would compute, once some other frames are interacted."""
        return sum(len(frames) for frames, _ in self._passes(frame, direction, others))

    @torch.inference_mode()
    def _pass(
        self, start: int, frames: Sequence[int], neighbour: int | None, change: Tensor
    ) -> Iterator[tuple[int, Tensor]]:
        """Segment frames one after the other, away from the interacted frame ``start``."""
        bank, known = self._fill_bank(len(frames))
        last = start
        for frame in frames:
            image = self._padding.add(self._read_frame(frame)[None])
            features = self._encode(frame, image)
            readout = bank.read(features.key)
            number = choose_at_once(readout, STRIDE**2)
            found = self._network.segment_frame(readout, features.frame_part, objects_at_once=number)
            new = self._order(found, known)
            fused = new
            if neighbour is not None and frame in self._results:
                fused = self._fuse(image, features.key, frame, new, change, _distances(frame, start, neighbour), start)
            self._results.set(frame, self.objects, fused)
            yield frame, new
            if abs(frame - last) >= self._config.mem_every and frame != frames[-1]:
                bank.add_memory(features.key, self._encode_value(image, features, found[1:]))
                last = frame

    def _fuse(
        self,
        image: Tensor,
        key: Tensor,
        frame: int,
        new: Tensor,
        change: Tensor,
        distances: Distances,
        start: int,
    ) -> Tensor:
        """Merge a frame's earlier result with what a round has propagated: ``[1+K,H,W]``."""
        old = self._results.probabilities(frame, self.objects).to(new.device)
        if self._fusion is None:
            return blend(old, new, distances) if self._config.is_blended else new
        attention = attend(self._memory(start)[0], key, change, self._network.reading.similarity)
        planes = new.new_tensor([distances])
        logits = self._fusion(image, old[None, 1:], new[None, 1:], attention[None], planes)[0]
        return aggregate(torch.sigmoid(logits)).softmax(0)

    def _fill_bank(self, num_frames: int) -> tuple[MemoryBank, list[int]]:
        """Make the memory of a pass from all interacted frames, and list its objects in the order of its rows.

        Args:
            num_frames: of the pass.
        """
        certain, bound = len(self._interactions), self._config.max_memory_frames
        expected = certain + min(bound, num_frames // self._config.mem_every)
        similarity, most = self._network.reading.similarity, certain + bound
        bank = MemoryBank(self._config.top_k, similarity=similarity, max_frames=most, expected_frames=expected)
        known: list[int] = []
        for frame, interaction in list(self._interactions.items()):  # later ones know all objects of earlier ones
            present = [name for name in interaction.objects if name in self.objects]
            known += [name for name in present if name not in known]
            key, values = self._memory(frame)
            rows = [interaction.objects.index(name) for name in known]
            bank.add_memory(key, values[rows], is_annotated=True)
        return bank, known

    def _memory(self, frame: int) -> tuple[Tensor, Tensor]:
        """Give key and values of an interacted frame, which are computed once."""
        interaction = self._interactions[frame]
        if interaction.memory is None:
            image = self._padding.add(self._read_frame(frame)[None])
            features = self._encode(frame, image)
            masks = self._spread(interaction.mask.unpack(), len(interaction.objects))[1:].to(image.device)
            memory = features.key, self._encode_value(image, features, masks)
            interaction = self._interactions[frame] = interaction._replace(memory=memory)
        return interaction.memory

    def _encode(self, frame: int, image: Tensor) -> FrameFeatures:
        """Compute the features of a padded frame ``[1,3,H,W]``, unless they were used lately."""
        if frame not in self._features:
            kept = self._network.encode_frames(image)
            num_kept = max(1, self._config.cached_bytes // _num_bytes(kept))
            while len(self._features) >= num_kept:
                self._features.popitem(last=False)
            self._features[frame] = kept
        self._features.move_to_end(frame)
        return self._features[frame]

    def _encode_value(self, image: Tensor, features: FrameFeatures, masks: Tensor) -> Tensor:
        """Compute the values of masks ``[K,H,W]``."""
        return self._network.encode_value(image, features.f16, masks[None], objects_at_once=choose_at_once(masks))[0]

    def _passes(self, frame: int, direction: Direction, more: Sequence[int] = ()) -> list[tuple[range, int | None]]:
        """List the frames on each side of a frame, and the nearest interacted frame behind them, if there is one."""
        others = [other for other in (*self._interactions, *more) if other != frame]
        left = max((other for other in others if other < frame), default=None)
        right = min((other for other in others if other > frame), default=None)
        passes = []
        if direction != "backward":
            passes.append((range(frame + 1, self._num_frames if right is None else right), right))
        if direction != "forward":
            passes.append((range(frame - 1, -1 if left is None else left, -1), left))
        return passes

    def _spread(self, mask: np.ndarray, num_objects: int) -> Tensor:
        """Make probabilities ``[1+K,H,W]`` of a mask, on the padded frame; the padding belongs to no row."""
        return self._padding.add(torch.from_numpy(mask).float() if mask.ndim == 3 else spread(mask, num_objects))

    def _set(self, frame: int, objects: tuple[int, ...], mask: np.ndarray) -> None:
        """Set a frame's result; ``mask`` as for ``interact``."""
        if mask.ndim == 3:
            self._results.set(frame, objects, self._spread(mask, len(objects)))
        else:
            self._results.set_rows(frame, objects, mask)

    def _order(self, found: Tensor, known: Sequence[int]) -> Tensor:
        """Bring rows of the objects in memory to the order of ``objects``; the others have probability 0."""
        ordered = found.new_zeros(1 + len(self.objects), *found.shape[1:])
        ordered[[0, *(1 + self.objects.index(name) for name in known)]] = found
        return ordered


def _distances(frame: int, start: int, neighbour: int) -> Distances:
    whole = abs(neighbour - start)
    return Distances(abs(neighbour - frame) / whole, abs(start - frame) / whole)


def _num_bytes(features: FrameFeatures) -> int:
    tensors = [features.key, features.f16, *features.frame_part.at_16, *features.frame_part[1:]]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
