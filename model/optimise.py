"""Turn a network into a faster one of the same function, for inference only."""

import logging
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from model.network import STCN
from model.winograd import WinogradConv2d
from util.device import has_matrix_unit

log = logging.getLogger(__name__)

MAX_COMPILED = 64  # shapes of each method: frame sizes, numbers of objects, of frames at once; then it runs uncompiled
MIN_WINOGRAD_CHANNELS = 256  # in and out, below which the transforms cost what the multiplications gain
COMPILED = ("encode_key", "share", "encode_value", "segment")  # all but the memory, whose size changes


def optimise(network: STCN, dtype: torch.dtype = torch.float32, *, use_compile: bool = False) -> STCN:
    """Fold BatchNorm, lay weights out channels-last, and convert them once to the dtype to compute in.

    On a CPU the decoder's finer convolutions become Winograd's.
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
    if network.device.type == "cpu" and not (use_compile or has_matrix_unit(dtype)):
        use_winograd(network)
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


def use_winograd(network: STCN) -> None:
    """Replace the wide convolutions of the decoder at strides 8 and 4, in place.

    There they take most of the time, and the weights that grow are few beside the features.
    """
    for block in (network.decoder.up_16_8, network.decoder.up_8_4):
        for module in list(block.modules()):
            for name, layer in list(module.named_children()):
                if isinstance(layer, nn.Conv2d) and min(layer.weight.shape[:2]) >= MIN_WINOGRAD_CHANNELS:
                    setattr(module, name, WinogradConv2d(layer))


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
