"""Scribble to mask: the released weights' names, the published figures, and the small network."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from model.s2m import S2M, load_s2m
from tests.deterministic import fill_state_dict
from tests.golden_figures import GOLDEN_SEED, frames_of, golden, golden_json, golden_video
from util.errors import InputError

TOLERANCE = 1e-5  # relative to the largest number


def test_golden_names_and_shapes_of_s2m() -> None:
    with torch.device("meta"):
        state_dict = S2M().state_dict()
    found = {key: [list(t.shape), str(t.dtype).removeprefix("torch.")] for key, t in state_dict.items()}
    assert found == golden_json("interactive_manifest")["s2m"]


def test_golden_s2m() -> None:
    expected = golden("interactive_s2m")
    video, masks = golden_video(1, 96, 128, 3, seed=1)
    strokes = expected["strokes"]
    planes = np.stack([masks[0] == 1, strokes == 1, (strokes != 1) & (strokes != 255)])
    network = S2M().eval()
    fill_state_dict(network.state_dict(), GOLDEN_SEED)
    x = torch.cat([frames_of(video), torch.from_numpy(planes)[None].float()], dim=1)
    fine, coarse = network.backbone(x)
    head = network.classifier
    for name, found in {
        "low_level": fine[:, ::32],
        "out": coarse[:, ::128],
        "projected": head.project(fine)[:, ::12],
        "aspp": head.aspp(coarse)[:, ::16],
        "head": head(fine, coarse),
        "logits": network(x)[..., ::2, ::2],
    }.items():
        assert_agrees(found, expected[name])


def assert_agrees(found: Tensor, expected: np.ndarray) -> None:
    assert np.abs(found.numpy() - expected).max() <= TOLERANCE * np.abs(expected).max()


def test_small_network_is_small_and_loads(tmp_path: Path) -> None:
    network = S2M("small").half()
    torch.save(network.state_dict(), tmp_path / "small.pth")
    assert sum(parameter.numel() for parameter in network.parameters()) < 6e6
    assert (tmp_path / "small.pth").stat().st_size < 12e6
    logits = load_s2m(tmp_path / "small.pth")(torch.rand(2, 6, 48, 64))
    assert (logits.shape, logits.dtype) == ((2, 1, 48, 64), torch.float32)


def test_weights_of_another_network_are_refused(weights: Path) -> None:
    with pytest.raises(InputError, match="lacks backbone.conv1.weight and .* more; give the weights of S2M"):
        load_s2m(weights)
