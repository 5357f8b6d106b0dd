"""The faster network computes what the plain one does."""

import copy
import shutil

import pytest
import torch
from torch import Tensor, nn

from inference_core import InferenceConfig, InferenceCore
from inference_memory_bank import MemoryBank
from model import optimise as module
from model.network import STCN
from model.optimise import compile_or_note, fold_batch_norm, optimise
from tests.conftest import filled_network
from tests.deterministic import synthetic_video
from tracker import TrackerConfig, VideoTracker
from util.errors import InputError
from util.tensor_util import normalise


def assert_close(found: Tensor, expected: Tensor) -> None:
    """The difference is at most 1e-5 of the largest number."""
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize("variant", [{}, {"size": "small"}, {"use_cbam": False}])
def test_folded_network_equals_the_plain_one(variant: dict) -> None:
    plain = filled_network(**variant)
    fast = optimise(copy.deepcopy(plain))
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in fast.modules())
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in fast.parameters() if p.ndim == 4)
    video, masks = synthetic_video(1, 64, 80, 2, seed=4)
    frame = normalise(torch.from_numpy(video).permute(0, 3, 1, 2))
    objects = torch.stack([torch.from_numpy(masks[0]) == label for label in (1, 2)])[None].float()
    features, expected = fast.encode_key(frame), plain.encode_key(frame)
    for name in expected._fields:
        assert_close(getattr(features, name), getattr(expected, name))
    values = plain.encode_value(frame, expected.f16, objects)
    assert_close(fast.encode_value(frame, features.f16, objects), values)
    frame_part = plain.frame_part(expected)
    logits = plain.segment(values, frame_part)
    assert_close(fast.segment(values, fast.frame_part(features)), logits)
    assert_close(plain.segment(values, frame_part, objects_at_once=1), logits)
    assert_close(plain.encode_value(frame, expected.f16, objects, objects_at_once=1), values)


def test_folding_knows_statistics_scale_and_bias() -> None:
    layers = nn.Sequential(nn.Conv2d(3, 5, 3, bias=False), nn.BatchNorm2d(5), nn.ReLU(), nn.Conv2d(5, 5, 1))
    layers[1].running_mean, layers[1].running_var = torch.randn(5), torch.rand(5) + 0.5
    layers[1].weight.data, layers[1].bias.data = torch.randn(5), torch.randn(5)
    layers.eval()
    x = torch.randn(2, 3, 6, 7)
    expected = layers(x)
    fold_batch_norm(layers)
    assert isinstance(layers[1], nn.Identity)
    torch.testing.assert_close(layers(x), expected)


def test_keys_encoded_ahead_are_those_of_one_by_one(network: STCN) -> None:
    video, masks = synthetic_video(4, 40, 56, 2, seed=3)
    frames, mask = normalise(torch.from_numpy(video).permute(0, 3, 1, 2)), torch.from_numpy(masks[0])
    one_by_one, ahead = (InferenceCore(network, InferenceConfig(mem_every=2)) for _ in range(2))
    features = ahead.encode_ahead(frames)
    for index, frame in enumerate(frames):
        given = (frame, mask if index == 0 else None)
        torch.testing.assert_close(
            ahead.step(*given, features=features[index]), one_by_one.step(*given), atol=2e-5, rtol=0
        )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_reduced_precision_ends_in_float32_probabilities(network: STCN, dtype: torch.dtype) -> None:
    video, masks = synthetic_video(3, 32, 48, 2, seed=3)
    frames, mask = normalise(torch.from_numpy(video).permute(0, 3, 1, 2)), torch.from_numpy(masks[0])
    core = InferenceCore(optimise(copy.deepcopy(network), dtype), InferenceConfig(mem_every=1))
    for index, frame in enumerate(frames):
        found = core.step(frame, mask if index == 0 else None)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.sum(0), torch.ones(mask.shape))
    features = core.network.encode_key(frame[None])
    bank = MemoryBank(top_k=20)
    bank.add_memory(features.key, core.network.encode_value(frame[None], features.f16, found[None, 1:])[0])
    assert bank.read(features.key).dtype == dtype


def test_what_cannot_be_compiled_is_noted_and_computed_anyway(monkeypatch, caplog) -> None:
    def refuse(function, **_):
        def fail(*_):
            raise RuntimeError("no compiler")

        return fail

    monkeypatch.setattr(module.torch, "compile", refuse)
    double = compile_or_note(lambda x: 2 * x)
    assert [double(3), double(4)] == [6, 8]
    assert len(caplog.records) == 1
    assert "compile: " in caplog.text


@pytest.mark.long
@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling for a CPU takes a C++ compiler")
def test_compiled_network_equals_the_plain_one(caplog) -> None:
    """This holds for two numbers of objects, and nothing ran uncompiled."""
    plain = filled_network(size="small")
    compiled = optimise(copy.deepcopy(plain), use_compile=True)
    for num_objects in (1, 2):
        video, masks = synthetic_video(2, 32, 48, num_objects, seed=3)
        frames, mask = normalise(torch.from_numpy(video).permute(0, 3, 1, 2)), torch.from_numpy(masks[0])
        cores = [InferenceCore(network) for network in (plain, compiled)]
        for index, frame in enumerate(frames):
            expected, found = (core.step(frame, mask if index == 0 else None) for core in cores)
            torch.testing.assert_close(found, expected, atol=2e-5, rtol=0)
    assert "compile: " not in caplog.text


@pytest.mark.parametrize(("has_fixed_batches", "sizes"), [(True, [4, 4, 1]), (False, [4, 2, 1])])
def test_a_videos_last_batch_has_the_size_of_the_others(
    monkeypatch: pytest.MonkeyPatch, has_fixed_batches: bool, sizes: list[int]
) -> None:
    """A single step that follows is not padded."""
    network, found = filled_network(size="small"), []
    network.has_fixed_batches = has_fixed_batches
    encode = network.encode_frames
    monkeypatch.setattr(network, "encode_frames", lambda frames: found.append(len(frames)) or encode(frames))
    video, masks = synthetic_video(7, 32, 48, 1, seed=3)
    tracker = VideoTracker(network, TrackerConfig(size=None, frames_at_once=4))
    assert len(list(tracker.track(video[:6], masks[0]))) == 6
    tracker.start().step(video[6], masks[6])
    assert found == sizes


def test_errors_of_a_compiled_function_are_not_swallowed() -> None:
    def wrong(x):
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        compile_or_note(wrong)(torch.ones(1))


def test_weights_that_float16_cannot_hold_are_refused() -> None:
    network = filled_network(size="small")
    network.key_comp.weight.data[0, 0] = 1e6
    with pytest.raises(InputError, match="precision float16: it cannot hold all of the weights; choose bfloat16"):
        optimise(copy.deepcopy(network), torch.float16)
    assert optimise(network, torch.bfloat16).dtype == torch.bfloat16
