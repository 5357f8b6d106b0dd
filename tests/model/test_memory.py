"""Memory reading and the memory bank against naive twins written from the formulas."""

import math

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import inference_memory_bank
from inference_memory_bank import MemoryBank
from model.memory import (
    TopK,
    apply_kernel,
    find_top_k,
    get_similarity,
    merge_top_k,
    read_memory,
    readout_top_k,
    sum_weighted_rows,
)

CK, CV = 8, 6


def naive_readout(keys: Tensor, values: Tensor, query: Tensor, top_k: int, sigma: float | None = None) -> Tensor:
    """Dense textbook reading of T frames: keys [T,CK,h,w], values [T,CV,h,w], query [CK,h,w] -> [CV,h,w]."""
    height, width = query.shape[1:]
    k = keys.transpose(0, 1).flatten(1).double()  # [CK,N]
    v = values.transpose(0, 1).flatten(1).double()
    q = query.flatten(1).double()
    affinity = torch.exp(-(k[:, :, None] - q[:, None]).square().sum(0) / math.sqrt(len(k)))  # [N,M]
    if sigma is not None:
        for row in affinity:
            y, x = divmod(int(row.argmax()), width)
            for cell in range(len(row)):
                row[cell] *= math.exp(-((cell // width - y) ** 2 + (cell % width - x) ** 2) / (2 * sigma**2))
    threshold = affinity.sort(0, descending=True).values[min(top_k, len(affinity)) - 1]
    affinity = torch.where(affinity >= threshold, affinity, 0)
    return (v @ (affinity / affinity.sum(0))).view(-1, height, width).float()


def random_frames(num_frames: int, num_objects: int = 1, height: int = 3, width: int = 4) -> tuple[Tensor, Tensor]:
    keys = torch.randn(num_frames, CK, height, width)
    return keys, torch.randn(num_frames, num_objects, CV, height, width)


@pytest.mark.parametrize("chunk", [1, 5, 12, 30, 4096])
@pytest.mark.parametrize("sigma", [None, 1.5])
@pytest.mark.parametrize("top_k", [1, 5, 20, 1000])
def test_reading_equals_the_dense_twin(monkeypatch, chunk: int, sigma: float | None, top_k: int) -> None:
    """They are equal for any chunk size, and also where fewer than k positions exist."""
    monkeypatch.setattr(inference_memory_bank, "CHUNK_SIZE", chunk * 12)
    keys, values = random_frames(5)
    query = torch.randn(CK, 3, 4)
    bank = MemoryBank(top_k, kernel_sigma=sigma)
    for key, value in zip(keys, values):
        bank.add_memory(key[None], value)
    expected = naive_readout(keys, values[:, 0], query, top_k, sigma)
    torch.testing.assert_close(bank.read(query[None])[0], expected, atol=1e-5, rtol=1e-5)


def test_training_reads_each_object_of_each_clip_densely() -> None:
    (keys, values), query = random_frames(2 * 3, 4), torch.randn(2, CK, 3, 4)
    keys, values = keys.unflatten(0, (2, 3)), values.unflatten(0, (2, 3))  # 2 clips of 3 memory frames
    found = read_memory(keys, values, query)
    for clip in range(2):
        for index in range(4):
            expected = naive_readout(keys[clip], values[clip, :, index], query[clip], top_k=1000)
            torch.testing.assert_close(found[clip, index], expected, rtol=1e-4, atol=1e-5)


def test_huge_keys_do_not_overflow() -> None:
    """The softmax subtracts the maximum: a query far from all of the memory still reads a mean of values."""
    bank = MemoryBank(top_k=5)
    keys, values = random_frames(2)
    for key, value in zip(keys, values):
        bank.add_memory(100 * key[None], value)
    found = bank.read(1000 + 100 * torch.randn(1, CK, 3, 4))
    assert torch.isfinite(found).all()
    assert values.min() <= found.min() <= found.max() <= values.max()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_similarity_is_float32_under_autocast(dtype: torch.dtype) -> None:
    memory_key, query_key = torch.randn(1, 64, 30).to(dtype), torch.randn(1, 64, 20).to(dtype)
    expected = get_similarity(memory_key.double().float(), query_key.double().float())
    with torch.autocast("cpu", torch.bfloat16):
        found = get_similarity(memory_key, query_key)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected)


def test_kernel_centre_uses_the_full_distance() -> None:
    """The most similar query cell is the nearest one, not the one with the largest dot product."""
    memory_key = torch.tensor([[[1.0]]])  # one position, one channel
    query_key = torch.tensor([[[1.0, 5.0, 0.0]]])
    found = apply_kernel(get_similarity(memory_key, query_key), query_key, sigma=1.0, width=3)
    plain = get_similarity(memory_key, query_key)
    torch.testing.assert_close(plain - found, torch.tensor([[[0.0, 0.5, 2.0]]]))


def test_merge_top_k_keeps_the_best_of_all_chunks() -> None:
    similarity = torch.randn(50, 7)
    best = None
    for first in range(0, 50, 9):
        best = merge_top_k(best, similarity[first : first + 9], first, 12)
    expected = similarity.topk(12, dim=0)
    assert torch.equal(best.similarity, expected.values.t())
    assert torch.equal(best.position, expected.indices.t())
    assert torch.allclose(TopK(*best).affinity().sum(1), torch.ones(7))


@pytest.mark.parametrize("k", [1, 5, 20])
@pytest.mark.parametrize("n", [20, 79, 400, 1013])
def test_top_k_by_buckets_is_the_top_k(n: int, k: int) -> None:
    rows = torch.randn(7, n)
    found, expected = find_top_k(rows, k), rows.topk(k, dim=1)
    assert torch.equal(found[0], expected.values)
    assert torch.equal(found[1], expected.indices)
    ties = torch.randint(4, (7, n)).float()  # any of the equal numbers may be chosen, each once
    values, columns = find_top_k(ties, k)
    assert torch.equal(values, ties.topk(k, dim=1).values)
    assert torch.equal(ties.gather(1, columns), values)
    assert all(len(set(row)) == k for row in columns.tolist())


class NaiveBank:
    """Frames as a list of (key, {object: value}, temporary, annotated), read object by object."""

    def __init__(self, top_k: int, max_frames: int | None) -> None:
        self.top_k, self.max_frames, self.frames, self.objects = top_k, max_frames, [], []

    def add(self, key: Tensor, values: dict[str, Tensor], is_temporary: bool, is_annotated: bool) -> None:
        self.frames = [frame for frame in self.frames if not frame[2]]
        self.objects += [name for name in values if name not in self.objects]
        self.frames.append((key, values, is_temporary, is_annotated))
        permanent = [frame for frame in self.frames if not frame[2]]
        evictable = [frame for frame in permanent if not frame[3]]
        if self.max_frames and len(permanent) > self.max_frames and evictable:
            self.frames = [frame for frame in self.frames if frame is not evictable[0]]

    def remove(self, name: str) -> None:
        self.objects.remove(name)
        for frame in self.frames:
            frame[1].pop(name, None)
        self.frames = [frame for frame in self.frames if frame[1]]  # the bound counts frames that somebody reads

    def read(self, query: Tensor) -> Tensor:
        rows = []
        for name in self.objects:
            frames = [frame for frame in self.frames if name in frame[1]]
            keys = torch.stack([frame[0] for frame in frames])
            rows.append(naive_readout(keys, torch.stack([frame[1][name] for frame in frames]), query, self.top_k))
        return torch.stack(rows)


@pytest.mark.parametrize("max_frames", [None, 1, 3])
@pytest.mark.parametrize("seed", range(8))
def test_bank_equals_the_naive_bank_over_random_histories(seed: int, max_frames: int | None) -> None:
    """Objects enter and leave, frames are temporary, annotated, evicted; each object reads only its own frames."""
    generator = torch.Generator().manual_seed(seed)
    bank, naive, next_id = MemoryBank(7, max_frames=max_frames), NaiveBank(7, max_frames), 0

    def chance(probability: float) -> bool:
        return bool(torch.rand((), generator=generator) < probability)

    for _ in range(40):
        entering = int(not naive.objects) + int(chance(0.15)) + int(chance(0.1))
        names = naive.objects + [f"object{next_id + i}" for i in range(entering)]
        next_id += entering
        is_annotated = bool(entering)
        is_temporary = not is_annotated and chance(0.3)
        key, values = torch.randn(CK, 3, 4), torch.randn(len(names), CV, 3, 4)
        bank.add_memory(key[None], values, is_temporary=is_temporary, is_annotated=is_annotated)
        naive.add(key, dict(zip(names, values)), is_temporary, is_annotated)
        if chance(0.12):
            row = int(torch.randint(len(naive.objects), (), generator=generator))
            naive.remove(naive.objects[row])
            bank.remove(row)
        assert bank.num_objects == len(naive.objects)
        if naive.objects:
            query = torch.randn(CK, 3, 4)
            torch.testing.assert_close(bank.read(query[None]), naive.read(query), atol=1e-5, rtol=1e-5)


class Recorder(TorchDispatchMode):
    """Record the numbers in each tensor that an operation results in."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        self.sizes += [leaf.numel() for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        return result


KEY_SIZE, VALUE_SIZE = CK * 12, CV * 12  # numbers of a memory frame of 3 x 4 cells; a value is that of one object


def test_insertion_copies_nothing_but_the_frame() -> None:
    """A bounded bank makes no tensor larger than a frame once it is full: discarded places are used again."""
    bank = MemoryBank(5, max_frames=6)
    frames = [(torch.randn(1, CK, 3, 4), torch.randn(2, CV, 3, 4)) for _ in range(60)]
    with Recorder() as recorder:
        for index, (key, values) in enumerate(frames[:7]):
            bank.add_memory(key, values, is_annotated=index == 0)
    assert max(recorder.sizes) == 7 * 2 * VALUE_SIZE  # with room for a temporary frame
    with Recorder() as recorder:
        for key, values in frames[7:]:
            bank.add_memory(key, values)
    assert bank.num_frames == 6
    assert max(recorder.sizes) == 2 * VALUE_SIZE


def insertion_sizes(bank: MemoryBank, num_objects: int) -> list[int]:
    """Memorise a frame; sizes of the tensors that are larger than one of two objects, in frames of one object."""
    key, values = torch.randn(1, CK, 3, 4), torch.randn(num_objects, CV, 3, 4)
    with Recorder() as recorder:
        bank.add_memory(key, values)
    return [size for size in recorder.sizes if size > max(KEY_SIZE, 2 * VALUE_SIZE)]


def test_room_is_made_at_once_for_the_frames_that_are_expected() -> None:
    """A group that enters later has fewer frames to come; more frames than expected still fit."""
    bank = MemoryBank(5, expected_frames=6)
    assert {6 * KEY_SIZE, 6 * VALUE_SIZE} <= set(insertion_sizes(bank, 1))
    assert not insertion_sizes(bank, 1)
    assert set(insertion_sizes(bank, 2)) == {4 * VALUE_SIZE}
    assert not [size for _ in range(3) for size in insertion_sizes(bank, 2)]
    assert insertion_sizes(bank, 2)
    assert bank.num_frames == 7
    assert bank.read(torch.randn(1, CK, 3, 4)).shape == (2, CV, 3, 4)


def test_no_more_room_is_made_than_the_bound_allows() -> None:
    bank = MemoryBank(5, max_frames=3, expected_frames=6)
    assert max(insertion_sizes(bank, 1)) == 4 * KEY_SIZE


def test_reading_never_holds_the_dense_affinity() -> None:
    """The largest tensor while reading is a chunk of the similarity, not N x M."""
    bank = MemoryBank(top_k=20)
    height, width, num_frames = 16, 32, 40
    for _ in range(num_frames):
        bank.add_memory(torch.randn(1, CK, height, width), torch.randn(1, CV, height, width))
    query = torch.randn(1, CK, height, width)
    with Recorder() as recorder:
        bank.read(query)
    cells = height * width
    assert max(recorder.sizes) <= inference_memory_bank.CHUNK_SIZE < num_frames * cells * cells


def test_plain_operations_equal_embedding_bag() -> None:
    weights, position, rows = torch.rand(9, 4), torch.randint(20, (9, 4)), torch.randn(20, 5)
    torch.testing.assert_close(sum_weighted_rows(weights, position, rows), readout_top_k(weights, position, rows))
