"""Propagation with random access: the published figures, and what must hold whatever the network says."""

import numpy as np
import pytest
import torch

from interactive.propagation import Propagation, PropagationConfig
from model.fusion import FusionNetwork
from model.network import STCN
from tests.deterministic import fill_state_dict, synthetic_video
from tests.golden_figures import GOLDEN_SEED, frames_of, golden, golden_network, golden_video

TOLERANCE = 2e-5
AGREEMENT = 0.9999


@pytest.fixture(scope="module")
def network() -> STCN:
    return golden_network()


@pytest.fixture(scope="module")
def fusion() -> FusionNetwork:
    network = FusionNetwork().eval()
    fill_state_dict(network.state_dict(), 8 + GOLDEN_SEED)
    return network


def make(network: STCN, video: np.ndarray, num_objects: int, fusion: FusionNetwork | None = None, **config):
    frames = frames_of(video)
    config = PropagationConfig(is_exact=True, **config)
    propagation = Propagation(network, lambda index: frames[index], len(frames), frames.shape[2:], fusion, config)
    propagation.objects = tuple(range(1, num_objects + 1))
    return propagation


def masks_of(propagation: Propagation, num_frames: int) -> np.ndarray:
    labels = {name: name for name in propagation.objects}
    return np.stack([propagation.ids(frame, labels) for frame in range(num_frames)])


def assert_agrees(propagation: Propagation, masks: np.ndarray, prob: np.ndarray, frames: np.ndarray) -> None:
    assert (masks_of(propagation, len(masks)) == masks).mean() >= AGREEMENT
    found = np.stack([propagation.probabilities(frame)[:, ::4, ::4].numpy() for frame in frames.tolist()], 1)
    assert np.abs(found - prob).max() < TOLERANCE


def rounds(name: str, network: STCN, fusion: FusionNetwork, video: tuple, num_objects: int, mem_every: int):
    """Run the rounds of a file of figures and compare after each."""
    expected, (frames, masks) = golden(name), video
    propagation = make(network, frames, num_objects, fusion, mem_every=mem_every)
    for number, frame in enumerate(expected["interactions"].tolist(), 1):
        steps = {step.frame: step.new for step in propagation.round(frame, masks[frame])}
        assert_agrees(propagation, expected[f"masks_{number}"], expected[f"prob_{number}"], expected["frames"])
        if f"unfused_{number}" in expected:
            found = [steps[index][:, ::4, ::4].numpy() for index in expected[f"unfused_frames_{number}"].tolist()]
            assert np.abs(np.stack(found, 1) - expected[f"unfused_{number}"]).max() < TOLERANCE
    return propagation


def test_golden_rounds_of_two_objects_and_a_frame_again(network: STCN, fusion: FusionNetwork) -> None:
    video = golden_video(10, 91, 121, 2, seed=41)
    propagation = rounds("interactive_core_two_objects", network, fusion, video, 2, mem_every=2)
    list(propagation.round(4, video[1][5]))  # with the mask of another frame
    expected = golden("interactive_core_again")
    assert_agrees(propagation, expected["replaced_masks"], expected["replaced_prob"], expected["frames"])


def test_golden_rounds_of_one_object(network: STCN, fusion: FusionNetwork) -> None:
    video = golden_video(12, 96, 128, 1, seed=43)
    rounds("interactive_core_one_object", network, fusion, video, 1, mem_every=5)


@pytest.fixture(scope="module")
def small() -> STCN:
    network = STCN(size="small").eval()
    fill_state_dict(network.state_dict())
    return network


@pytest.fixture
def clip() -> tuple[np.ndarray, np.ndarray]:
    return synthetic_video(7, 48, 64, 2, seed=3)


def state_of(propagation: Propagation) -> list[np.ndarray]:
    return [propagation.probabilities(frame).numpy() for frame in range(7)]


def assert_same(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    assert all(np.array_equal(one, other) for one, other in zip(found, expected))


def test_a_round_stops_at_interacted_frames(small: STCN, clip: tuple) -> None:
    propagation = make(small, clip[0], 2)
    assert [step.frame for step in propagation.round(2, clip[1][2])] == [3, 4, 5, 6, 1, 0]
    before = state_of(propagation)
    assert [(step.frame, step.total) for step in propagation.round(5, clip[1][5])] == [(6, 3), (4, 3), (3, 3)]
    assert_same(state_of(propagation)[:3], before[:3])
    assert list(propagation.round(6, clip[1][6])) == []
    assert [step.frame for step in propagation.round(0, clip[1][0], "forward")] == [1]
    assert list(propagation.round(0, clip[1][0], "backward")) == []


def test_frames_go_through_what_stands_in_for_the_networks_methods(
    small: STCN, clip: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compiled methods and CUDA graphs do, and the bound on the objects that are decoded together is theirs."""
    plain, other, sizes = make(small, clip[0], 2), make(small, clip[0], 2), []
    list(plain.round(2, clip[1][2]))
    whole = small.segment_frame

    def segment_frame(readout: torch.Tensor, *given: object, objects_at_once: int) -> torch.Tensor:
        sizes.append(objects_at_once)
        return whole(readout, *given, objects_at_once=objects_at_once)

    monkeypatch.setattr(small, "segment_frame", segment_frame)
    list(other.round(2, clip[1][2]))
    assert sizes == [1] * 6
    assert_same(state_of(other), state_of(plain))


def test_a_cancelled_round_keeps_what_is_done(small: STCN, clip: tuple) -> None:
    whole, cancelled = make(small, clip[0], 2), make(small, clip[0], 2)
    list(whole.round(2, clip[1][2]))
    steps = cancelled.round(2, clip[1][2])
    for _ in range(2):
        next(steps)
    steps.close()
    assert cancelled.interacted == (2,)
    assert [cancelled.has_result(frame) for frame in range(7)] == [False, False, True, True, True, False, False]
    assert_same(state_of(cancelled)[2:5], state_of(whole)[2:5])


def test_without_a_result_there_is_nothing_to_fuse(small: STCN, clip: tuple) -> None:
    """Frames between two interacted ones that no round has reached take the new result as it is."""
    propagation = make(small, clip[0], 2)
    propagation.interact(0, clip[1][0])
    news = {step.frame: step.new for step in propagation.round(4, clip[1][4])}
    assert_same([propagation.probabilities(2).numpy()], [news[2].numpy()])


def test_snapshots_restore_exactly(small: STCN, clip: tuple) -> None:
    propagation = make(small, clip[0], 2)
    list(propagation.round(0, clip[1][0]))
    snapshot, before = propagation.snapshot(), state_of(propagation)
    list(propagation.round(4, clip[1][5]))
    after, redo = state_of(propagation), propagation.snapshot()
    propagation.restore(snapshot)
    assert_same(state_of(propagation), before)
    assert propagation.interacted == (0,)
    list(propagation.round(4, clip[1][5]))
    assert_same(state_of(propagation), after)
    propagation.restore(redo)
    assert_same(state_of(propagation), after)


def test_a_withdrawn_frame_is_as_if_it_had_never_been(small: STCN, clip: tuple) -> None:
    plain, withdrawn = make(small, clip[0], 2), make(small, clip[0], 2)
    list(withdrawn.round(3, clip[1][3]))
    withdrawn.withdraw(3)
    for propagation in (plain, withdrawn):
        list(propagation.round(0, clip[1][0]))
    assert_same(state_of(withdrawn), state_of(plain))


def test_objects_come_and_go(small: STCN, clip: tuple) -> None:
    propagation = make(small, clip[0], 1)
    list(propagation.round(0, (clip[1][0] == 1).astype(np.uint8)))
    propagation.objects = (1, 2)
    assert propagation.probabilities(3).shape[0] == 3
    assert propagation.probabilities(3)[2].max() == 0
    list(propagation.round(5, clip[1][5]))
    assert propagation.probabilities(3)[2].max() > 0
    assert propagation.probabilities(3).sum(0).numpy() == pytest.approx(1, abs=1e-5)
    propagation.objects = (2,)
    assert propagation.probabilities(3).sum(0).numpy() == pytest.approx(1, abs=1e-5)  # its share is background's
    list(propagation.round(6, (clip[1][6] == 2).astype(np.uint8)))
    assert set(np.unique(propagation.ids(3, {2: 9}))) <= {0, 9}


def test_half_precision_is_close(small: STCN, clip: tuple) -> None:
    frames = frames_of(clip[0])
    exact = make(small, clip[0], 2)
    rounded = Propagation(small, lambda index: frames[index], 7, (48, 64))
    rounded.objects = (1, 2)
    for propagation in (exact, rounded):
        list(propagation.round(0, clip[1][0]))
    assert np.abs(np.stack(state_of(exact)) - np.stack(state_of(rounded))).max() <= 1 / 4096 + 1e-6


def test_one_frame_works(small: STCN, clip: tuple) -> None:
    propagation = make(small, clip[0][:1], 2)
    assert list(propagation.round(0, clip[1][0])) == []
    assert np.array_equal(masks_of(propagation, 1)[0], clip[1][0])


def test_frames_are_read_when_they_are_needed(small: STCN, clip: tuple) -> None:
    frames, read = frames_of(clip[0]), []

    def read_frame(index: int) -> torch.Tensor:
        read.append(index)
        return frames[index]

    propagation = Propagation(small, read_frame, 7, (48, 64))
    propagation.objects = (1, 2)
    next(propagation.round(1, clip[1][1]))
    assert set(read) == {1, 2}
