"""Before the first iteration: precision, the network to start from."""

import pytest
import torch

from dataset.training_clip import ClipSpec
from training.launch import choose_mixed_precision
from training.settings import Recipe, Start
from training.setup import make_network
from training.trainer import OptimizerConfig
from util.distributed import ProcessGroup


def test_network_without_cbam() -> None:
    recipe = Recipe(3, "small", False, ClipSpec(num_objects=2), False, 1, None, OptimizerConfig())
    assert make_network(recipe, Start(from_scratch=True), ProcessGroup()).value_encoder.fuser.attention is None


@pytest.mark.parametrize(
    ("precision", "device", "dtype"),
    [
        ("auto", "cuda", torch.float16),
        ("float32", "cuda", None),
        ("bfloat16", "cuda", torch.bfloat16),
        ("float16", "cpu", torch.float16),
        ("float32", "cpu", None),
    ],
)
def test_precision(monkeypatch, precision: str, device: str, dtype: torch.dtype | None) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))
    assert choose_mixed_precision(precision, torch.device(device)) == dtype
