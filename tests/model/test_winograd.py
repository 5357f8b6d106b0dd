"""Winograd's convolution computes what the plain one does."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from model import optimise as optimise_module
from model import winograd
from model.network import STCN
from model.optimise import optimise
from model.winograd import WinogradConv2d

SIZES = [(1, 1), (2, 6), (5, 4), (9, 7), (12, 16)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("strip_bytes", [1, 2000, 2**23])
def test_equals_the_plain_convolution(monkeypatch, size: tuple[int, int], strip_bytes: int) -> None:
    """Strips hold one row of tiles, some or all; sides may be odd."""
    monkeypatch.setattr(winograd, "STRIP_BYTES", strip_bytes)
    torch.manual_seed(0)
    conv, x = nn.Conv2d(6, 5, 3, padding=1), torch.randn(2, 6, *size).contiguous(memory_format=torch.channels_last)
    expected = F.conv2d(x.double(), conv.weight.double(), conv.bias.double(), padding=1)
    found = WinogradConv2d(conv)(x)
    assert found.is_contiguous(memory_format=torch.channels_last) or size[0] % 2 or size[1] % 2
    assert (found - expected).abs().max() < 2e-6


def test_error_in_float32_is_that_of_plain_sums() -> None:
    """The twin adds one product after the other, the same on every processor; libraries differ in their order."""
    torch.manual_seed(0)
    conv, x = nn.Conv2d(256, 8, 3, padding=1), torch.randn(1, 256, 30, 54)
    exact = F.conv2d(x.double(), conv.weight.double(), conv.bias.double(), padding=1)
    total = conv.bias[:, None].repeat(1, 30 * 54)
    for weights, row in zip(conv.weight.flatten(1).t(), F.unfold(x, 3, padding=1)[0]):
        total += weights[:, None] * row
    error, plain_error = ((found - exact).abs().max() for found in (WinogradConv2d(conv)(x), total.view_as(exact)))
    assert error < 5e-6
    assert error < plain_error


@pytest.mark.parametrize(("dtype", "bound"), [(torch.bfloat16, 0.02), (torch.float16, 0.003)])
def test_error_in_reduced_precision_is_bounded(dtype: torch.dtype, bound: float) -> None:
    """The error is at most a share of the largest output."""
    torch.manual_seed(0)
    conv, x = nn.Conv2d(64, 64, 3, padding=1), torch.randn(1, 64, 12, 20)
    expected = conv(x)
    found = WinogradConv2d(conv).to(dtype)(x.to(dtype))
    assert found.dtype == dtype
    assert (found - expected).abs().max() < bound * expected.abs().max()


def count_replaced(network: STCN) -> int:
    return sum(isinstance(module, WinogradConv2d) for module in network.modules())


def test_wide_convolutions_of_the_decoder_are_replaced(monkeypatch) -> None:
    """This happens on a CPU, unless it multiplies whole matrices or the network is compiled."""
    assert count_replaced(optimise(STCN().eval())) == 7
    assert count_replaced(optimise(STCN(size="small").eval())) == 0
    assert count_replaced(optimise(STCN().eval(), use_compile=True)) == 0
    monkeypatch.setattr(optimise_module, "has_matrix_unit", lambda dtype: dtype == torch.bfloat16)
    assert count_replaced(optimise(STCN().eval(), torch.bfloat16)) == 0
    assert count_replaced(optimise(STCN().eval())) == 7
