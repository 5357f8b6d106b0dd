"""Fusion of two results: the published figures, and what must hold without them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from model.aggregate import aggregate
from model.fusion import Distances, FusionNetwork, attend, blend, difference, load_fusion
from model.memory import get_affinity, get_similarity
from model.network import STCN
from tests.deterministic import fill_state_dict
from tests.golden_figures import GOLDEN_SEED, frames_of, golden, golden_json, golden_network, golden_video
from util.errors import InputError

TOLERANCE = 2e-5
SEED = 8 + GOLDEN_SEED  # with the usual seed nearly everything would become background


@pytest.fixture(scope="module")
def stcn() -> STCN:
    return golden_network()


def one_hot(ids: np.ndarray, num_objects: int = 2) -> Tensor:
    return torch.stack([torch.from_numpy(ids) == label for label in range(num_objects + 1)]).float()


def assert_agrees(found: Tensor, expected: np.ndarray) -> None:
    assert np.abs(found.numpy() - expected).max() <= TOLERANCE


def test_golden_names_and_shapes_of_fusion() -> None:
    state_dict = FusionNetwork().state_dict()
    found = {key: [list(t.shape), str(t.dtype).removeprefix("torch.")] for key, t in state_dict.items()}
    assert found == golden_json("interactive_manifest")["fusion"]


def test_golden_fusion(stcn: STCN) -> None:
    expected = golden("interactive_fusion")
    video, masks = golden_video(6, 96, 128, 2, seed=7)
    frames = frames_of(video)
    keys = [stcn.encode_key(frames[index : index + 1]).key for index in (4, 1)]
    differences = difference(one_hot(masks[4]), 0.7 * one_hot(masks[2]) + 0.1)  # the background row as well
    assert_agrees(differences[:, 0], expected["positive_small"])
    assert_agrees(differences[:, 1], expected["negative_small"])
    assert_agrees(get_affinity(get_similarity(*(key.flatten(2) for key in keys))), expected["affinity"])
    attention = attend(*keys, differences)
    assert_agrees(attention[..., ::3, ::3], expected["attention"])
    distances = Distances(to_neighbour=1 / 4, to_interacted=3 / 4)
    assert_agrees(torch.tensor([distances]), expected["distances"])

    network = FusionNetwork()
    fill_state_dict(network.state_dict(), SEED)
    old, new = 0.7 * one_hot(masks[0]) + 0.1, 0.8 * one_hot(masks[3]) + 0.2 / 3
    results = [x[None, 1:] for x in (old, new, attention)]
    logits = network(frames[1:2], *results, torch.tensor([distances]))[0]
    assert np.abs(logits[:, ::2, ::2].numpy() - expected["logits"]).max() <= 1e-5 * np.abs(expected["logits"]).max()
    assert_agrees(aggregate(logits.sigmoid()).softmax(0)[:, ::2, ::2], expected["fused"])


def test_blend_favours_the_nearer_interaction() -> None:
    old, new = torch.zeros(1, 2, 2), torch.ones(1, 2, 2)
    assert blend(old, new, Distances(to_neighbour=0.9, to_interacted=0.1)).min() == pytest.approx(0.9)


def test_an_unchanged_mask_draws_no_attention(stcn: STCN) -> None:
    video, masks = golden_video(2, 64, 96, 2, seed=3)
    keys = [stcn.encode_key(frame[None]).key for frame in frames_of(video)]
    mask = one_hot(masks[0])
    assert attend(*keys, difference(mask, mask)).abs().max() == 0


def test_weights_of_fusion_load_and_others_are_refused(tmp_path: Path, weights: Path) -> None:
    network = FusionNetwork()
    torch.save(network.state_dict(), tmp_path / "fusion.pth")
    assert torch.equal(load_fusion(tmp_path / "fusion.pth").conv1[0].weight, network.conv1[0].weight)
    with pytest.raises(InputError, match="give the weights of the fusion network"):
        load_fusion(weights)
