"""Agreement with the figures of the published system; see ``tests/golden_figures.py``."""

import numpy as np
import pytest
import torch
from torch import Tensor

from inference_core import InferenceConfig, InferenceCore
from inference_memory_bank import MemoryBank
from model.aggregate import aggregate
from model.memory import get_affinity, get_similarity, readout
from model.network import STCN
from tests.golden_figures import frames_of, golden, golden_json, golden_network, golden_video

FEATURE_TOLERANCE = 1e-5  # relative to the largest number
PROBABILITY_TOLERANCE = 2e-5
ARGMAX_AGREEMENT = 0.9999


@pytest.fixture(scope="module")
def network() -> STCN:
    return golden_network()


def assert_features_agree(found: Tensor, expected: np.ndarray) -> None:
    found = found.numpy().reshape(expected.shape)
    assert np.abs(found - expected).max() <= FEATURE_TOLERANCE * np.abs(expected).max()


def one_hot(mask: np.ndarray, num_objects: int) -> Tensor:
    """Make one mask per object: ``[H,W]`` ids -> ``[1,K,H,W]`` float32."""
    return torch.stack([torch.from_numpy(mask) == label for label in range(1, num_objects + 1)])[None].float()


@pytest.mark.parametrize(
    ("name", "variant"),
    [("stcn", {}), ("stcn_s0_single_object", {"single_object": True}), ("stcn_no_cbam", {"use_cbam": False})],
)
def test_golden_names_and_shapes_of_the_state_dict(name: str, variant: dict[str, bool]) -> None:
    manifest = golden_json("state_dict_manifest")[name]
    with torch.device("meta"):
        state_dict = STCN(**variant).state_dict()
    assert {key: [list(t.shape), str(t.dtype).removeprefix("torch.")] for key, t in state_dict.items()} == manifest


def test_golden_encoders(network: STCN) -> None:
    expected = golden("encoders")
    video, masks = golden_video(1, 96, 128, 3, seed=1)
    frames, objects = frames_of(video), one_hot(masks[0], 3)
    features = network.encode_key(frames)
    assert_features_agree(features.key, expected["key"])
    assert_features_agree(features.thin[:, ::8], expected["f16_thin"])
    for name in ("f16", "f8", "f4"):
        assert_features_agree(getattr(features, name)[:, ::16], expected[name])
    values = network.encode_value(frames, features.f16, objects)
    assert_features_agree(values[0, :, ::8], expected["value_3_objects"])
    value = network.encode_value(frames, features.f16, objects[:, :1])
    assert_features_agree(value[0, :, ::8], expected["value_1_object"])


def test_golden_value_without_cbam() -> None:
    network = golden_network(use_cbam=False)
    video, masks = golden_video(1, 96, 128, 3, seed=1)
    frames = frames_of(video)
    values = network.encode_value(frames, network.encode_key(frames).f16, one_hot(masks[0], 3))
    assert_features_agree(values[0, :, ::8], golden("value_without_cbam")["value_3_objects"])


def test_golden_segment(network: STCN) -> None:
    expected = golden("segment")
    memory_video, masks = golden_video(1, 96, 128, 3, seed=1)
    memory_frame = frames_of(memory_video)
    query_frame = frames_of(golden_video(2, 96, 128, 3, seed=1)[0])[1:]
    memory, query = network.encode_key(memory_frame), network.encode_key(query_frame)
    bank = MemoryBank(top_k=20)
    bank.add_memory(memory.key, network.encode_value(memory_frame, memory.f16, one_hot(masks[0], 3))[0])
    probabilities = torch.sigmoid(network.segment(bank.read(query.key)[None], network.frame_part(query)))[0]
    assert np.abs(probabilities.numpy() - expected["prob"][:, 0]).max() < PROBABILITY_TOLERANCE
    aggregated = aggregate(probabilities).softmax(0).numpy()
    assert np.abs(aggregated - expected["aggregated_with_background"][:, 0]).max() < PROBABILITY_TOLERANCE


def read_bank(arrays: dict[str, np.ndarray], num_frames: int, *, is_last_temporary: bool = False, **options) -> Tensor:
    """Memorise the first frames of a golden file and read them."""
    keys, values = torch.from_numpy(arrays["memory_key"]), torch.from_numpy(arrays["memory_value"])
    bank = MemoryBank(**options)
    for frame in range(num_frames):
        is_temporary = is_last_temporary and frame == num_frames - 1
        bank.add_memory(keys[:, :, frame], values[:, :, frame], is_temporary=is_temporary)
    return bank.read(torch.from_numpy(arrays["query_key"]))


@pytest.mark.parametrize("top_k", [20, 5])
@pytest.mark.parametrize(
    ("name", "num_frames", "is_last_temporary"),
    [("1frame", 1, False), ("2frames_and_last", 3, True), ("3frames", 3, False)],
)
def test_golden_memory_readout(top_k: int, name: str, num_frames: int, is_last_temporary: bool) -> None:
    arrays = golden("memory")
    found = read_bank(arrays, num_frames, is_last_temporary=is_last_temporary, top_k=top_k)
    assert_features_agree(found, arrays[f"readout_top{top_k}_{name}"])


@pytest.mark.parametrize("sigma", [7, 2])
def test_golden_kernelized_readout(sigma: int) -> None:
    arrays = golden("memory_kernelized")
    assert_features_agree(read_bank(arrays, 2, top_k=20, kernel_sigma=sigma), arrays[f"readout_sigma{sigma}"])


def test_golden_training_readout() -> None:
    arrays = golden("memory")
    memory_key, query_key = (torch.from_numpy(arrays[name]) for name in ("memory_key", "query_key"))
    affinity = get_affinity(get_similarity(memory_key.flatten(2), query_key.flatten(2)))
    assert_features_agree(affinity, arrays["train_affinity"])
    value = torch.from_numpy(arrays["memory_value"])[:1].flatten(2)
    assert_features_agree(readout(affinity, value), arrays["train_readout"])


def propagate(
    network: STCN, video: np.ndarray, masks: np.ndarray, entries: dict[int, tuple[int, ...]], required=None, **config
) -> tuple[np.ndarray, list[np.ndarray | None]]:
    """Propagate: index masks of all frames (0 where not computed), and probabilities with one row per id."""
    core = InferenceCore(network, InferenceConfig(**config))
    num_rows = 1 + max(label for labels in entries.values() for label in labels)
    index_masks, probabilities = np.zeros_like(masks), []
    for frame, image in enumerate(frames_of(video)):
        mask = torch.from_numpy(masks[frame]) if frame in entries else None
        found = core.step(image, mask, entries.get(frame, ()), need_output=required is None or frame in required)
        if found is None:
            probabilities.append(None)
            continue
        assert torch.allclose(found.sum(0), torch.ones(()), atol=1e-5)
        by_id = np.zeros((num_rows, *found.shape[1:]), np.float32)
        by_id[[0, *core.labels]] = found.numpy()
        index_masks[frame] = by_id.argmax(0)
        probabilities.append(by_id)
    return index_masks, probabilities


def assert_propagation_agrees(found: tuple, masks: np.ndarray, prob: np.ndarray, frames: list[int]) -> None:
    """Compare all masks, and the probabilities of ``frames`` at every 4th pixel."""
    index_masks, probabilities = found
    assert (index_masks == masks).mean() >= ARGMAX_AGREEMENT
    for column, frame in enumerate(frames):
        expected = prob[:, column]
        assert np.abs(probabilities[frame][:, ::4, ::4] - expected).max() < PROBABILITY_TOLERANCE


@pytest.mark.parametrize(
    ("name", "config"),
    [("default", {}), ("include_last", {"include_last": True}), ("every3_top10", {"mem_every": 3, "top_k": 10})],
)
def test_golden_propagation_of_all_objects_in_first_frame(network: STCN, name: str, config: dict) -> None:
    arrays = golden("propagate_all_objects_in_first_frame")
    video, masks = golden_video(12, 120, 200, 2, seed=0)
    found = propagate(network, video, masks, {0: (1, 2)}, **config)
    assert_propagation_agrees(found, arrays[f"masks_{name}"], arrays[f"prob_{name}"], [1, 6, 11])


@pytest.mark.parametrize(
    ("name", "entries", "config"),
    [
        ("two_entries", {0: (1,), 4: (2, 3)}, {}),
        ("three_entries_start_at_1", {1: (2,), 5: (1,), 6: (3,)}, {}),
        ("two_entries_include_last", {0: (1,), 4: (2, 3)}, {"include_last": True}),
    ],
)
def test_golden_propagation_of_objects_entering_later(network: STCN, name: str, entries: dict, config: dict) -> None:
    arrays = golden("propagate_objects_entering_later")
    video, masks = golden_video(12, 120, 200, 3, seed=2)
    found = propagate(network, video, masks, entries, **config)
    last = max(entries)
    assert_propagation_agrees(found, arrays[f"masks_{name}"], arrays[f"prob_{name}"], [last, last + 2, 11])


def test_golden_propagation_skips_frames_not_asked_for(network: STCN) -> None:
    arrays = golden("propagate_objects_entering_later")
    name = "two_entries_required_frames"
    video, masks = golden_video(12, 120, 200, 3, seed=2)
    required = [0, 3, 4, 8, 11]
    index_masks, probabilities = propagate(network, video, masks, {0: (1,), 4: (2, 3)}, required)
    assert [frame for frame in range(12) if probabilities[frame] is not None] == required
    assert (index_masks[required] == arrays[f"masks_{name}"][required]).mean() >= ARGMAX_AGREEMENT
    for column, frame in ((0, 4), (2, 11)):
        expected = arrays[f"prob_{name}"][:, column]
        assert np.abs(probabilities[frame][:, ::4, ::4] - expected).max() < PROBABILITY_TOLERANCE


def test_golden_propagation_of_odd_size(network: STCN) -> None:
    arrays = golden("propagate_odd_size")
    video, masks = golden_video(8, 119, 197, 2, seed=6)
    found = propagate(network, video, masks, {0: (1, 2)}, mem_every=3)
    assert_propagation_agrees(found, arrays["masks"], arrays["prob"], [1, 4, 7])
