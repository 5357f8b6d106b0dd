"""The streaming core on tensors that only pretend to be on CUDA: no operation mixes devices or waits for a number."""

import logging
from collections.abc import Iterator

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import inference_memory_bank
from inference_core import InferenceConfig, InferenceCore
from inference_memory_bank import FrameBuffer
from model.memory import MemoryReading
from model.network import STCN

logging.getLogger("torch._subclasses.fake_tensor").setLevel(logging.CRITICAL)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[torch.device]:
    """Enter a world where all new tensors are fake, on a GPU."""
    device = torch.device("cuda:0")
    monkeypatch.setattr(inference_memory_bank, "has_much_memory", lambda _: True)
    numbers = lambda buffer: torch.zeros(len(buffer), dtype=torch.int64, device=device)  # noqa: E731
    monkeypatch.setattr(FrameBuffer, "slot_table", numbers)  # a fake of known numbers cannot be moved
    with FakeTensorMode(), device:
        yield device


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
@pytest.mark.parametrize(
    "config", [{}, {"include_last": True}, {"kernel_sigma": 7.0}, {"max_memory_frames": 2}, {"exact": None}]
)
def test_no_step_mixes_devices_or_needs_a_number(gpu: torch.device, config: dict, dtype: torch.dtype) -> None:
    network = STCN(size="small").eval()
    for tensor in (*network.parameters(), *network.buffers()):
        if tensor.is_floating_point():
            tensor.data = tensor.data.to(dtype)
    core = InferenceCore(network, InferenceConfig(mem_every=1, **config))
    frames, mask = torch.empty(4, 3, 48, 64), torch.empty(48, 64, dtype=torch.int32)
    for index, features in enumerate(core.encode_ahead(frames)):
        entering = {0: [1, 2], 2: [2, 7]}.get(index, [])
        found = core.step(frames[index], mask if entering else None, entering, features=features)
        assert found.device == gpu
        assert found.shape == (3 if index < 2 else 4, 48, 64)
    core.remove(1)
    assert len(core.step(frames[0])) == 3


@pytest.mark.parametrize("reading", [MemoryReading("dot"), MemoryReading("cosine", 3)])
def test_no_similarity_mixes_devices(gpu: torch.device, reading: MemoryReading) -> None:
    core = InferenceCore(STCN(size="small", reading=reading).eval(), InferenceConfig(kernel_sigma=7.0))
    core.step(torch.empty(3, 48, 64), torch.empty(48, 64, dtype=torch.int32), [1, 2])
    assert core.step(torch.empty(3, 48, 64)).device == gpu


@pytest.mark.parametrize("reading", [MemoryReading(), MemoryReading("cosine", 3)])
def test_training_pass_mixes_no_devices(
    gpu: torch.device, monkeypatch: pytest.MonkeyPatch, reading: MemoryReading
) -> None:
    network = STCN(size="small", reading=reading).eval()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # else autocast does nothing
    with torch.autocast("cuda", torch.float16):
        logits = network(torch.empty(2, 3, 3, 48, 64), torch.empty(2, 2, 48, 64), torch.ones(2, 2, dtype=torch.bool))
    assert logits.shape == (2, 2, 3, 48, 64)
    assert (logits.device, logits.dtype) == (gpu, torch.float32)
