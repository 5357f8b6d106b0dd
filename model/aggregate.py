"""Soft aggregation of independent object probabilities (Oh et al., STM, ICCV 2019)."""

import functools

import torch
from torch import Tensor


def aggregate(probabilities: Tensor, dim: int = 0, *, background: float | None = None) -> Tensor:
    """Combine independent object probabilities, with the background, into logits of one distribution.

    The background's probability is the product of all ``1 - p``; each of the K + 1 probabilities p, clamped to
    ``[1e-7, 1 - 1e-7]``, gets the logit ``log(p / (1 - p))``. A softmax of the result over ``dim`` sums to 1.

    Args:
        probabilities: float32 in [0, 1], K objects along ``dim``.
        dim: the object dimension.
        background: the background's probability, everywhere; None: the product.

    Returns:
        logits, float32, K + 1 along ``dim``, background first.
    """
    others = 1 - probabilities
    if others.requires_grad:  # the backward pass of torch.prod lets the host wait for a GPU
        none_of_them = functools.reduce(torch.mul, others.unbind(dim)).unsqueeze(dim)
    else:
        none_of_them = torch.prod(others, dim=dim, keepdim=True)
    if background is not None:
        none_of_them = torch.full_like(none_of_them, background)
    return torch.logit(torch.cat([none_of_them, probabilities], dim=dim), eps=1e-7)
