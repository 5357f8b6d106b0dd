"""Turn a network into a faster one of the same function, for inference only."""

import logging
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from model.network import STCN

log = logging.getLogger(__name__)

MAX_COMPILED = 64  # shapes of each method: frame sizes, numbers of objects, of frames at once; then it runs uncompiled
COMPILED = ("encode_key", "share", "encode_value", "segment")  # all but the memory, whose size changes


def optimise(network: STCN, dtype: torch.dtype = torch.float32, *, use_compile: bool = False) -> STCN:
    """Fold BatchNorm, lay weights out channels-last, and convert them once to the dtype to compute in.

    Similarity, softmax and aggregation stay float32 in any dtype. The network is changed in place: its state dict has
    other names afterwards, and it cannot be trained any more.

    Args:
        network: in eval mode.
        dtype: float32, or a reduced precision that the device is fast in.
        use_compile: whether to compile encoders and decoder with ``torch.compile``.

    Returns:
        The same network.
    """
    fold_batch_norm(network)
    network.requires_grad_(False).to(dtype=dtype, memory_format=torch.channels_last)
    if use_compile:
        torch._dynamo.config.cache_size_limit = MAX_COMPILED
        for name in COMPILED:
            setattr(network, name, compile_or_note(getattr(network, name)))
    return network


def fold_batch_norm(network: nn.Module) -> None:
    """Fold each BatchNorm into the convolution that is registered right before it, in place; both in eval mode."""
    for module in list(network.modules()):
        for (conv_name, conv), (norm_name, norm) in pairwise(list(module.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, conv_name, fuse_conv_bn_eval(conv, norm))
                setattr(module, norm_name, nn.Identity())


def compile_or_note(function: Callable) -> Callable:
    """Compile a function for each of up to ``MAX_COMPILED`` shapes; where that fails, note it and go on uncompiled."""
    compiled = torch.compile(function, dynamic=False)
    current = compiled

    def call(*args, **kwargs):
        nonlocal current
        try:
            return current(*args, **kwargs)
        except Exception as e:
            if current is function or isinstance(e, torch.OutOfMemoryError):
                raise
            log.warning("--compile: %s is not compiled (%s)", function.__name__, type(e).__name__)
            current = function
            return function(*args, **kwargs)

    return call
