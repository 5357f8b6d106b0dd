"""The memory bank of one video.

The keys of the memory frames are held once for all objects, the values by groups of objects that entered together.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from model.memory import (
    TopK,
    apply_kernel,
    as_multiplied,
    get_similarity,
    get_squared_norm,
    merge_top_k,
    readout_top_k,
)
from util.device import has_much_memory

CHUNK_SIZE = 2**23  # numbers of the similarity held at a time: 32 MiB
CHUNK_SIZE_CUDA, CHUNK_SIZE_LARGE = 2**25, 2**28  # the latter on cards with much memory
MIN_QUERIES = 64  # query positions compared at a time
DEFAULT_CAPACITY = 4  # frames to make room for if nobody knows how many will come


class FrameBuffer:
    """Equally shaped tensors, one per frame, in one preallocated block that doubles when it is full.

    Slots of discarded frames are used again. ``slots`` holds the slot of each frame, oldest first.

    Args:
        bound: frames beyond this number are unlikely: the block doubles no further before it holds them.
        expected_frames: how many frames to make room for at once, as far as the bound allows; None: a few.
    """

    def __init__(self, bound: int | None = None, expected_frames: int | None = None) -> None:
        self._bound, self._expected_frames = bound, expected_frames
        self.block: Tensor | None = None  # [capacity, ...]
        self.slots: list[int] = []
        self._slot_table: Tensor | None = None  # kept until the slots change
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self.slots)

    def append(self, frame: Tensor) -> None:
        """Copy a frame in as the newest."""
        if not self._free:
            self._grow(frame)
        slot = self._free.pop()
        self.block[slot] = frame
        self.slots.append(slot)
        self._slot_table = None

    def discard(self, index: int) -> None:
        """Forget the frame at ``index``, counted from the oldest; negative from the newest."""
        self._free.append(self.slots.pop(index))
        self._slot_table = None

    def slot_table(self) -> Tensor:
        """Give the slots, newest frame first: ``[len(self)]`` int64 on the block's device."""
        if self._slot_table is None:
            self._slot_table = torch.tensor(self.slots[::-1]).to(self.block.device, non_blocking=self.block.is_cuda)
        return self._slot_table

    def _grow(self, frame: Tensor) -> None:
        if self.block is None:
            used, capacity = 0, self._expected_frames or DEFAULT_CAPACITY
        else:
            used, capacity = len(self.block), 2 * len(self.block)
        if self._bound is not None and used < self._bound:
            capacity = min(capacity, self._bound)
        block = frame.new_empty((capacity, *frame.shape))
        if used:
            block[:used] = self.block
        self.block = block
        self._free = list(range(capacity - 1, used - 1, -1))


class MemoryBank:
    """Memorise frames and read them for a query frame.

    An object has values from the frame on in which it entered; objects that entered in the same frame form a group.
    A group's frames are therefore the newest ones of the bank: a single pass over the keys, from the newest frame to
    the oldest, serves all groups.

    Args:
        top_k: memory positions read for each query position.
        max_frames: bound on the memory frames, without the temporary one; the oldest frame that is not annotated is
            evicted. None: no bound.
        kernel_sigma: see ``model.memory.apply_kernel``; None: plain memory reading.
        expected_frames: how many frames will be memorised; None: unknown, and growing takes half as much memory again.
        similarity: the network's, one of ``model.memory.SIMILARITIES``.
    """

    def __init__(
        self,
        top_k: int,
        *,
        similarity: str = "l2",
        max_frames: int | None = None,
        kernel_sigma: float | None = None,
        expected_frames: int | None = None,
    ) -> None:
        self.top_k, self._similarity = top_k, similarity
        self.max_frames = max_frames
        self.kernel_sigma = kernel_sigma
        self._bound = None if max_frames is None else max_frames + 1  # one for the temporary frame
        self._expected_frames = expected_frames
        self._keys = FrameBuffer(self._bound, expected_frames)  # [h*w,CK]
        self._norms = FrameBuffer(self._bound, expected_frames)  # [h*w], their squared norms, float32
        self._groups: list[FrameBuffer] = []  # [h*w,K of the group,CV], in the order of entry
        self._is_annotated: list[bool] = []  # per frame, oldest first
        self._has_temporary = False

    @property
    def num_objects(self) -> int:
        """Number of objects with a memory."""
        return sum(group.block.shape[2] for group in self._groups)

    @property
    def num_frames(self) -> int:
        """Frames held, the temporary one included."""
        return len(self._keys)

    def add_memory(
        self, key: Tensor, values: Tensor, *, is_temporary: bool = False, is_annotated: bool = False
    ) -> None:
        """Memorise a frame; this replaces a temporary frame.

        Args:
            key: ``[1,CK,h,w]``.
            values: ``[K,CV,h,w]`` of all objects; rows beyond ``num_objects`` are objects that enter here.
            is_temporary: hold the frame only until the next one.
            is_annotated: never evict the frame.
        """
        if self._has_temporary:
            self._discard(-1)
        if not is_temporary and self.max_frames is not None and len(self._keys) >= self.max_frames:
            if False in self._is_annotated:
                self._discard(self._is_annotated.index(False))
            elif not is_annotated:
                return  # there is room for annotated frames only
        self._has_temporary = is_temporary
        self._keys.append(key[0].flatten(1).t())
        self._norms.append(get_squared_norm(key.flatten(2))[0, 0])
        self._is_annotated.append(is_annotated)
        if len(values) > self.num_objects:
            sizes = [self.num_objects, len(values) - self.num_objects]
            known, entering = values.split(sizes)
            self._append_values(known)
            self._groups.append(FrameBuffer(self._bound, self._frames_to_come()))
            self._groups[-1].append(entering.flatten(2).permute(2, 0, 1))
        else:
            self._append_values(values)

    def read(self, query_key: Tensor) -> Tensor:
        """Read the memory of every object for a query frame.

        Args:
            query_key: ``[1,CK,h,w]``.

        Returns:
            ``[K,CV,h,w]``, in the dtype of the values.
        """
        height, width = query_key.shape[-2:]
        best, num_seen, readouts = None, 0, []
        for group in reversed(self._groups):  # from the group with the fewest frames to that with the most
            best = self._select(best, num_seen, len(group), query_key)
            num_seen = len(group)
            readouts.append(self._read_group(group, best).view(height, width, *group.block.shape[2:]))
        return torch.cat(readouts[::-1], dim=2).permute(2, 3, 0, 1)

    def remove(self, row: int) -> None:
        """Forget an object. The rows after it move up by one."""
        for group in self._groups:
            num_objects = group.block.shape[2]
            if row < num_objects:
                group.block = torch.cat([group.block[:, :, :row], group.block[:, :, row + 1 :]], dim=2)
                break
            row -= num_objects
        self._groups = [group for group in self._groups if group.block.shape[2]]
        num_read = max((len(group) for group in self._groups), default=0)
        while len(self._keys) > num_read:  # the oldest frames, which no object reads any more
            self._discard(0)

    def _append_values(self, values: Tensor) -> None:
        sizes = [group.block.shape[2] for group in self._groups]
        for group, rows in zip(self._groups, values.split(sizes)):
            group.append(rows.flatten(2).permute(2, 0, 1))

    def _frames_to_come(self) -> int | None:
        """Tell how many frames are expected, with the one just memorised; None if that is unknown."""
        if self._expected_frames is None:
            return None
        return max(1, self._expected_frames - len(self._keys) + 1)

    def _discard(self, index: int) -> None:
        from_newest = index if index < 0 else index - len(self._keys)
        for group in self._groups:
            if len(group) >= -from_newest:
                group.discard(from_newest)
        self._keys.discard(index)
        self._norms.discard(index)
        self._is_annotated.pop(index)
        self._has_temporary = self._has_temporary and from_newest != -1

    def _select(self, best: TopK | None, start: int, stop: int, query_key: Tensor) -> TopK:
        """Extend the selection by the frames ``start`` to ``stop``, counted from the newest.

        A few query positions are compared with many memory positions at a time, which leaves the least to merge. The
        kernel needs all query positions at once.
        """
        query, chunk_size = as_multiplied(query_key).flatten(2), _chunk_size(query_key.device)
        num_queries, num_positions = query.shape[2], (stop - start) * self._keys.block.shape[1]
        if self.kernel_sigma is None:
            num_queries = min(num_queries, max(MIN_QUERIES, chunk_size // num_positions))
        num_positions = min(num_positions, max(1, chunk_size // num_queries))
        queries = query.split(num_queries, dim=2)
        selected = [None] * len(queries) if best is None else best.split(num_queries)
        workspace = self._norms.block.new_empty(num_positions * num_queries)  # a CPU takes longer for fresh memory
        for first, keys, norms in self._key_chunks(start, stop, num_positions):
            memory_key = as_multiplied(keys).t()[None]
            for index, part in enumerate(queries):
                options = {"squared_norm": norms[None, None], "workspace": workspace}
                similarity = get_similarity(memory_key, part, self._similarity, **options)
                if self.kernel_sigma is not None:
                    width = query_key.shape[3]
                    similarity = apply_kernel(similarity, part, self.kernel_sigma, width, self._similarity)
                selected[index] = merge_top_k(selected[index], similarity[0], first, self.top_k)
        return TopK.join(selected)

    def _key_chunks(self, start: int, stop: int, num_positions: int) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield the position of the first of up to ``num_positions`` keys, the keys ``[n,CK]``, their norms ``[n]``."""
        slots, cells = self._keys.slot_table(), self._keys.block.shape[1]
        num_frames = max(1, num_positions // cells)
        for first in range(start, stop, num_frames):
            chosen = slots[first : min(first + num_frames, stop)]
            keys, norms = (buffer.block[chosen].flatten(0, 1) for buffer in (self._keys, self._norms))
            for offset in range(0, len(keys), num_positions):
                part = slice(offset, offset + num_positions)
                yield first * cells + offset, keys[part], norms[part]

    def _read_group(self, group: FrameBuffer, best: TopK) -> Tensor:
        """Read one group's values: ``[h*w,K*CV]``."""
        cells = group.block.shape[1]
        slot = group.slot_table()[best.position // cells]
        rows = slot * cells + best.position % cells
        return readout_top_k(best.affinity(), rows, group.block.flatten(2).flatten(0, 1))


def _chunk_size(device: torch.device) -> int:
    """Choose how many numbers of the similarity to hold at a time."""
    if device.type != "cuda":
        return CHUNK_SIZE
    return CHUNK_SIZE_LARGE if has_much_memory(device) else CHUNK_SIZE_CUDA
