"""Turn a network into a faster one that computes the same, for inference only."""

import logging
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from model.graphs import GraphedFunction
from model.modules import SplitConv2d
from model.network import STCN
from model.winograd import WinogradConv2d
from util.device import has_matrix_unit
from util.errors import InputError

log = logging.getLogger(__name__)

MAX_COMPILED = 64  # shapes that a method is compiled for; a shape is a frame size with numbers of objects and frames
MIN_WINOGRAD_CHANNELS = 256  # with fewer, in or out, the transforms cost what the multiplications gain
COMPILED = ("encode_frames", "encode_value", "segment_frame")  # the memory is not: its size changes


def optimise(
    network: STCN, dtype: torch.dtype = torch.float32, *, use_compile: bool = False, use_graphs: bool = False
) -> STCN:
    """Fold BatchNorm, lay weights out channels-last, and convert them once to the dtype to compute in.

    On a CPU the decoder's finer convolutions become Winograd's. Similarity, softmax and aggregation stay float32 in any
    dtype. The network is changed in place: its state dict has other names afterwards, and it can no longer be trained.

    Args:
        network: in eval mode.
        dtype: float32, or a reduced precision that the device is fast in.
        use_compile: whether to compile encoders and decoder with ``torch.compile``.
        use_graphs: whether to replay them as CUDA graphs; elsewhere, and where they are compiled, nothing happens.

    Returns:
        The same network.

    Raises:
        InputError: weights are not finite in float16.
    """
    fold_batch_norm(network)
    split_convolutions(network)
    if network.device.type == "cpu" and not (use_compile or has_matrix_unit(dtype)):
        use_winograd(network)
    # Convolutions of Apple's GPU ignore strides.
    layout = torch.contiguous_format if network.device.type == "mps" else torch.channels_last
    network.requires_grad_(False).to(dtype=dtype, memory_format=layout)
    refuse_infinite(network)
    if use_compile:
        for name in COMPILED:
            setattr(network, name, compile_or_note(getattr(network, name)))
        network.has_fixed_batches = True
    elif use_graphs and network.device.type == "cuda":
        for name in COMPILED:
            setattr(network, name, GraphedFunction(getattr(network, name)))
    return network


def fold_batch_norm(network: nn.Module) -> None:
    """Fold each BatchNorm into the convolution that is registered right before it, in place; both in eval mode."""
    for module in list(network.modules()):
        for (conv_name, conv), (norm_name, norm) in pairwise(list(module.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, conv_name, fuse_conv_bn_eval(conv, norm))
                setattr(module, norm_name, nn.Identity())


def split_convolutions(network: STCN) -> None:
    """Split each convolution of objects' and frames' channels together, in place."""
    thin, f16 = network.key_comp.out_channels, network.key_comp.in_channels
    encoder = network.value_encoder
    encoder.conv1 = SplitConv2d(encoder.conv1, 3, frame_first=True)
    for block, channels in ((network.decoder.compress, thin), (encoder.fuser.block1, f16)):
        block.conv1 = SplitConv2d(block.conv1, channels)
        block.downsample = SplitConv2d(block.downsample, channels)


def refuse_infinite(network: STCN) -> None:
    """Refuse weights that float16 cannot hold.

    Raises:
        InputError: some are not finite.
    """
    if network.dtype == torch.float16:
        are_finite = torch.stack([weight.isfinite().all() for weight in network.parameters()]).all()
        if not are_finite:
            raise InputError("precision float16: it cannot hold all of the weights; choose bfloat16 or float32")


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
    """Compile a function for each of up to ``MAX_COMPILED`` shapes; further shapes run uncompiled.

    Where compiling fails, a note is logged and the function runs uncompiled from then on.
    """
    compiled = torch.compile(function, dynamic=False)
    current = compiled

    @torch._dynamo.config.patch(cache_size_limit=MAX_COMPILED)
    def call(*args, **kwargs):
        nonlocal current
        try:
            return current(*args, **kwargs)
        except Exception as e:
            if current is function or isinstance(e, torch.OutOfMemoryError):
                raise
            text = str(e).partition("\n")[0]
            log.warning("compile: %s runs uncompiled (%s: %s)", function.__name__, type(e).__name__, text)
            current = function
            return function(*args, **kwargs)

    return call
