"""Reading weights: every released kind is taken, everything else is refused in one clear line."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import eval_generic
from evaluation.scoring import score_sequence, summarise_scores
from model.checkpoint import load_network, read_checkpoint, start_from_weights
from model.network import STCN
from model.weights import DEFAULT_WEIGHTS, SMALL_WEIGHTS, default_weights
from tests.conftest import filled_network
from util.errors import InputError
from util.files import PROJECT_ROOT


def test_released_weights_load_unchanged(network: STCN, weights: Path) -> None:
    loaded = load_network(str(weights))
    assert not loaded.training
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name


def test_stage0_weights_ignore_the_other_objects(tmp_path: Path) -> None:
    single = filled_network(single_object=True)
    torch.save(single.state_dict(), tmp_path / "s0.pth")
    loaded = load_network(tmp_path / "s0.pth")
    frame, masks = torch.randn(1, 3, 32, 48), torch.rand(1, 2, 32, 48)
    f16 = single.encode_key(frame).f16
    expected = torch.cat([single.encode_value(frame, f16, masks[:, k : k + 1]) for k in range(2)], dim=1)
    found = loaded.encode_value(frame, f16, masks)
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_weights_without_cbam(tmp_path: Path) -> None:
    torch.save(filled_network(use_cbam=False).state_dict(), tmp_path / "no_cbam.pth")
    assert load_network(tmp_path / "no_cbam.pth").value_encoder.fuser.attention is None


def test_size_is_read_from_the_weights(tmp_path: Path) -> None:
    small = filled_network(size="small")
    torch.save(small.state_dict(), tmp_path / "small.pth")
    loaded = load_network(tmp_path / "small.pth")
    assert sum(p.numel() for p in loaded.parameters()) < 15e6
    frame, masks = torch.randn(1, 3, 32, 48), torch.rand(1, 2, 32, 48)
    for network in (small, loaded):
        features = network.encode_key(frame)
        values = network.encode_value(frame, features.f16, masks)
        logits = network.segment(values, network.frame_part(features))
        assert logits.shape == (1, 2, 32, 48)
    assert torch.equal(logits, small.segment(values, small.frame_part(small.encode_key(frame))))


@pytest.mark.parametrize(
    ("network", "weights", "remedy"),
    [
        ({}, {"size": "small"}, "train with network small"),
        ({}, {"use_cbam": False}, "train with no_cbam"),
        ({"use_cbam": False}, {}, "train without no_cbam"),
        ({"single_object": True}, {}, "set num_objects to 2 or more"),
    ],
)
def test_training_starts_from_fitting_weights_only(network: dict, weights: dict, remedy: str, tmp_path: Path) -> None:
    torch.save(STCN(**weights).state_dict(), tmp_path / "w.pth")
    with pytest.raises(InputError, match=f"w.pth: weights .*; {remedy}"):
        start_from_weights(STCN(**network), tmp_path / "w.pth")


def test_weights_without_cbam_start_a_network_without_it(tmp_path: Path) -> None:
    """Weights for a single object as well, which get a channel for the others."""
    single, network = filled_network(use_cbam=False, single_object=True), STCN(use_cbam=False)
    torch.save(single.state_dict(), tmp_path / "no_cbam.pth")
    start_from_weights(network, tmp_path / "no_cbam.pth")
    assert torch.equal(network.key_comp.weight, single.key_comp.weight)
    assert torch.equal(network.value_encoder.conv1.weight[:, :4], single.value_encoder.conv1.weight)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_published_checkpoint(prefix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Training continues from it; its network alone serves inference and the start of another training."""
    small, path = filled_network(size="small"), tmp_path / "published_checkpoint.pth"
    weights = {f"{prefix}{name}": tensor for name, tensor in small.state_dict().items()}
    torch.save({"it": 7, "network": weights, "optimizer": {"o": 1}, "scheduler": {"s": 2}}, path)
    checkpoint = read_checkpoint(path)
    assert checkpoint["iteration"] == 7
    assert checkpoint["network"].keys() == small.state_dict().keys()
    assert (checkpoint["optimizer"], checkpoint["scheduler"]) == ({"o": 1}, {"s": 2})
    assert [checkpoint[name] for name in ("scaler", "random", "recipe")] == [None] * 3
    started = STCN(size="small")
    with caplog.at_level("INFO"):
        start_from_weights(started, path)
    assert "a checkpoint of a training, its network is used" in caplog.text
    for network in (started, load_network(path)):
        assert torch.equal(network.key_comp.weight, small.key_comp.weight)


def test_wrapped_and_half_precision_weights(network: STCN, tmp_path: Path) -> None:
    """A resumable checkpoint's network, names with DistributedDataParallel's prefix, float16 storage."""
    state_dict = {
        f"module.{name}": t.half() if t.is_floating_point() else t for name, t in network.state_dict().items()
    }
    torch.save({"it": 3, "network": state_dict, "optimizer": {}}, tmp_path / "checkpoint.pth")
    loaded = load_network(tmp_path / "checkpoint.pth")
    assert all(p.dtype == torch.float32 for p in loaded.parameters())
    expected = network.key_comp.weight.half().float()
    assert torch.equal(loaded.key_comp.weight, expected)


def refused(path: Path) -> str:
    with pytest.raises(InputError) as error:
        load_network(path)
    message = str(error.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_unusable_files_are_refused(network: STCN, tmp_path: Path) -> None:
    page = tmp_path / "page.pth"
    page.write_text("<html>Quota exceeded</html>")
    assert "not a PyTorch file" in refused(page)
    other = tmp_path / "other.pth"
    torch.save({"conv.weight": torch.zeros(3)}, other)
    assert "another network" in refused(other)
    torch.save([1, 2], other)
    assert "no network weights" in refused(other)
    state_dict = dict(network.state_dict())
    state_dict["key_comp.bias"] = torch.zeros(7)
    torch.save(state_dict, other)
    assert "shape of key_comp.bias" in refused(other)


def test_missing_weights_say_where_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    message = refused(tmp_path / "missing.pth")
    for part in (str(DEFAULT_WEIGHTS), "download_model.py"):
        assert part in message
    monkeypatch.setattr("model.checkpoint.DEFAULT_WEIGHTS", tmp_path / "stcn.pth")
    assert "download_model.py" in refused(tmp_path / "stcn.pth")


def test_default_weights_are_the_released_ones_or_else_the_small_ones(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("model.weights.DEFAULT_WEIGHTS", tmp_path / "stcn.pth")
    assert default_weights() == SMALL_WEIGHTS
    (tmp_path / "stcn.pth").touch()
    assert default_weights() == tmp_path / "stcn.pth"


@pytest.mark.long
def test_small_weights_segment_the_demo_clip(tmp_path: Path, run_main: Callable) -> None:
    """Mean J against the clip's known masks."""
    demo = PROJECT_ROOT / "demo"
    arguments = ["--video", demo / "clip.mp4", "--mask", demo / "masks/00000.png", "--output", tmp_path]
    assert run_main(eval_generic.main, *arguments, "--model", SMALL_WEIGHTS)[0] == 0
    scores = score_sequence(tmp_path / "clip", demo / "masks")
    assert summarise_scores({"clip": scores})["J_mean"] >= 0.9
