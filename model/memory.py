"""Memory reading: pure functions for training and inference.

The positions of all memory frames lie in one dimension, N; the query positions in another, M = h * w.

Training reads densely (``read_memory``). Inference keeps the ``top_k`` best memory positions of each query position
(Cheng et al., MiVOS, CVPR 2021), found chunk by chunk with ``merge_top_k`` and read with ``readout_top_k``: the same
result without ever holding N x M numbers.
"""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

SIMILARITIES = ("l2", "dot", "cosine")
COSINE_SCALE = 20  # a softmax over thousands of cosines would be flat


class MemoryReading(NamedTuple):
    """The way in which a network was trained to read its memory. The defaults are published."""

    similarity: str = "l2"  # one of ``SIMILARITIES``
    top_k: int | None = None  # memory positions that count for each query position; None: all


PUBLISHED_READING = MemoryReading()


def get_similarity(
    memory_key: Tensor,
    query_key: Tensor,
    kind: str = "l2",
    *,
    squared_norm: Tensor | None = None,
    workspace: Tensor | None = None,
) -> Tensor:
    """Compute the similarity of keys, always in float32.

    The published one, ``l2``, is the negative squared distance, up to a term that a softmax over the memory cancels:
    ``(2 k.q - |k|^2) / sqrt(CK)``. ``dot`` is ``k.q / sqrt(CK)``, ``cosine`` is ``20 k.q / (|k| |q|)``.

    Args:
        memory_key: ``[B,CK,N]``.
        query_key: ``[B,CK,M]``.
        kind: one of ``SIMILARITIES``.
        squared_norm: ``[B,1,N]`` float32, ``|k|^2``; None: it is computed.
        workspace: ``[at least B*M*N]`` float32, memory to write the result to; None: new memory.

    Returns:
        ``[B,N,M]``, float32, a transposed view: each query position's similarities are contiguous, as top-k needs them.
    """
    with torch.autocast(memory_key.device.type, enabled=False):
        scale = 1 / math.sqrt(memory_key.shape[1])
        if squared_norm is None:
            squared_norm = get_squared_norm(memory_key)
        memory_key, query_key = as_multiplied(memory_key), as_multiplied(query_key)
        if kind == "cosine":
            memory_key = memory_key * squared_norm.clamp(min=1e-12).rsqrt()
            query_key = F.normalize(query_key.float(), dim=1)
        options = {} if memory_key.dtype == torch.float32 else {"out_dtype": torch.float32}
        shape = len(query_key), query_key.shape[2], memory_key.shape[2]
        if workspace is not None:
            options["out"] = workspace[: math.prod(shape)].view(shape)
        start = (-scale * squared_norm).expand(shape)
        options["beta"], options["alpha"] = {"l2": (1, 2 * scale), "dot": (0, scale), "cosine": (0, COSINE_SCALE)}[kind]
        return torch.baddbmm(start, query_key.transpose(1, 2), memory_key, **options).transpose(1, 2)


def get_squared_norm(key: Tensor) -> Tensor:
    """Compute ``|k|^2`` of keys: ``[B,CK,N] -> [B,1,N]``, float32."""
    return key.float().square().sum(1, keepdim=True)


def as_multiplied(key: Tensor) -> Tensor:
    """Bring keys of any shape to the dtype in which they are multiplied: float32, unless the product is exact without.

    The product of two numbers of 16 bits is exact in float32.
    """
    if key.is_cuda and not torch.is_grad_enabled() and _multiplies_into_float32(key.dtype, key.device):
        return key
    return key.float()


@functools.cache
def _multiplies_into_float32(dtype: torch.dtype, device: torch.device) -> bool:
    """Tell whether the device multiplies matrices of this dtype into float32 ones, as CUDA does from PyTorch 2.8 on."""
    keys, start = torch.ones(1, 16, 8, dtype=dtype, device=device), torch.ones(1, 1, 16, device=device)
    out = start.new_empty(1, 16, 16)
    try:
        torch.baddbmm(start.expand(1, 16, 16), keys, keys.mT, out_dtype=torch.float32, alpha=0.25, out=out)
    except (RuntimeError, TypeError):
        return False
    return True


def apply_kernel(similarity: Tensor, query_key: Tensor, sigma: float, width: int, kind: str = "l2") -> Tensor:
    """Favour, for each memory position, the query cells around the one that resembles it most; in place.

    Seong et al., "Kernelized Memory Network", ECCV 2020: the affinity is weighted by a Gaussian of standard deviation
    ``sigma`` cells; here its exponent is added to the similarity. The full L2 distance counts in finding the centre.

    Args:
        similarity: ``[B,N,M]`` from ``get_similarity``; it is changed.
        query_key: ``[B,CK,M]``.
        sigma: standard deviation in cells of stride 16.
        width: cells per row of the query frame.
        kind: of the similarity.

    Returns:
        ``[B,N,M]``.
    """
    nearness = similarity
    if kind == "l2":
        nearness = similarity - get_squared_norm(query_key) / math.sqrt(query_key.shape[1])
    centre = nearness.argmax(2)[:, None]  # [B,1,N]
    grid = similarity.transpose(1, 2).unflatten(1, (-1, width))  # [B,h,w,N]
    rows, columns = (torch.arange(side, device=similarity.device)[:, None] for side in grid.shape[1:3])
    by_row, by_column = (rows - centre // width).square(), (columns - centre % width).square()  # [B,h,N], [B,w,N]
    grid.sub_(by_row[:, :, None] / (2 * sigma**2)).sub_(by_column[:, None] / (2 * sigma**2))
    return similarity


def get_affinity(similarity: Tensor, top_k: int | None = None) -> Tensor:
    """Compute the softmax over the memory: ``[B,N,M] -> [B,N,M]``.

    Args:
        top_k: how many of the memory positions count for each query position; None: all.
    """
    if top_k is None or top_k >= similarity.shape[1]:
        return F.softmax(similarity, dim=1)
    best, positions = similarity.topk(top_k, dim=1, sorted=False)
    return torch.zeros_like(similarity).scatter(1, positions, F.softmax(best, dim=1))


def readout(affinity: Tensor, memory_value: Tensor) -> Tensor:
    """Read values: affinity ``[B,N,M]``, memory_value ``[B,C,N]`` -> ``[B,C,M]``."""
    return memory_value @ affinity.to(memory_value.dtype)


def read_memory(
    memory_key: Tensor, memory_value: Tensor, query_key: Tensor, reading: MemoryReading = PUBLISHED_READING
) -> Tensor:
    """Read the memory of all objects densely, as training does.

    Args:
        memory_key: ``[B,T,CK,h,w]``.
        memory_value: ``[B,T,K,CV,h,w]``.
        query_key: ``[B,CK,h,w]``.
        reading: which similarity, and how many positions count.

    Returns:
        ``[B,K,CV,h,w]``.
    """
    similarity = get_similarity(memory_key.transpose(1, 2).flatten(2), query_key.flatten(2), reading.similarity)
    values = memory_value.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)  # [B,K*CV,T*h*w]
    read = readout(get_affinity(similarity, reading.top_k), values)
    return read.view(len(query_key), *memory_value.shape[2:])


MIN_BUCKET_SIZE = 4  # with fewer columns in a bucket the division takes longer than it saves


class TopK(NamedTuple):
    """The memory positions most similar to each query position, best first on a CPU. k <= top_k."""

    similarity: Tensor  # [M,k] float32
    position: Tensor  # [M,k] int64

    def affinity(self) -> Tensor:
        """Compute the softmax over the selected positions: ``[M,k]``, float32."""
        return F.softmax(self.similarity, dim=1)

    def split(self, num_queries: int) -> list["TopK"]:
        """Divide the selection into those of ``num_queries`` query positions each."""
        similarities, positions = self.similarity.split(num_queries), self.position.split(num_queries)
        return [TopK(similarity, position) for similarity, position in zip(similarities, positions)]

    @classmethod
    def join(cls, selections: Sequence["TopK"]) -> "TopK":
        """Join what ``split`` divided."""
        similarity = torch.cat([selection.similarity for selection in selections])
        return cls(similarity, torch.cat([selection.position for selection in selections]))


def merge_top_k(best: TopK | None, similarity: Tensor, first_position: int, top_k: int) -> TopK:
    """Update the best positions found so far with a further chunk of the memory.

    Args:
        best: the best positions of the chunks before; None at the first chunk.
        similarity: ``[n,M]``, similarity of the chunk's n memory positions.
        first_position: position of the chunk's first row.
        top_k: how many positions to keep for each query position.

    Returns:
        The best ``min(top_k, positions seen)`` positions.
    """
    values, positions = find_top_k(similarity.t(), min(top_k, len(similarity)))
    positions = positions + first_position
    if best is not None:
        values = torch.cat([best.similarity, values], 1)
        values, order = _plain_top_k(values, min(top_k, values.shape[1]))
        positions = torch.cat([best.position, positions], 1).gather(1, order)
    return TopK(values, positions)


def find_top_k(rows: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Find the k largest numbers of each row and their columns: ``[M,n] -> [M,k], [M,k]``, best first on a CPU.

    The result equals ``rows.topk(k)`` and takes less time where n is much larger than k: the columns are divided into
    buckets, and only the k buckets with the largest maxima can hold the k largest numbers.
    """
    num_buckets = math.isqrt(k * rows.shape[1])  # buckets of about sqrt(n / k) columns leave the fewest numbers to sort
    size = rows.shape[1] // max(1, num_buckets)
    if size < MIN_BUCKET_SIZE:
        return _plain_top_k(rows, k)
    buckets = rows[:, : size * num_buckets].unflatten(1, (size, num_buckets))  # columns j, j + num_buckets, ..
    chosen = buckets.amax(1).topk(k, dim=1, sorted=False).indices  # [M,k]
    members = torch.arange(size, device=rows.device)[:, None] * num_buckets
    rest = torch.arange(size * num_buckets, rows.shape[1], device=rows.device)
    columns = torch.cat([(chosen[:, None] + members).flatten(1), rest.expand(len(rows), -1)], 1)
    values, order = _plain_top_k(rows.gather(1, columns), k)
    return values, columns.gather(1, order)


def _plain_top_k(rows: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Find the k largest numbers; to sort them takes a GPU more time, and no reader needs it."""
    return rows.topk(k, dim=1, sorted=rows.device.type == "cpu")


def readout_top_k(affinity: Tensor, position: Tensor, memory_value: Tensor) -> Tensor:
    """Sum the values of the selected positions.

    Args:
        affinity: ``[M,k]``, float32.
        position: ``[M,k]``, int64, rows of memory_value.
        memory_value: ``[N,C]``, contiguous.

    Returns:
        ``[M,C]``, dtype of memory_value.
    """
    weights = affinity.to(memory_value.dtype)
    if memory_value.device.type == "mps":  # releases of PyTorch before 2.10 lack embedding_bag there
        return sum_weighted_rows(weights, position, memory_value)
    return F.embedding_bag(position, memory_value, mode="sum", per_sample_weights=weights)


def sum_weighted_rows(weights: Tensor, position: Tensor, rows: Tensor) -> Tensor:
    """Compute ``embedding_bag`` in plain operations.

    Args:
        weights: ``[M,k]``.
        position: ``[M,k]``, int64, rows to sum.
        rows: ``[N,C]``.

    Returns:
        ``[M,C]``, dtype of rows.
    """
    total = rows.new_zeros(len(position), rows.shape[1])
    for weight, index in zip(weights.unbind(1), position.unbind(1)):
        total.addcmul_(weight[:, None], rows[index])
    return total
