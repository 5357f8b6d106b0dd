"""The streaming core: invariants on small frames."""

import weakref
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

import inference_core
from inference_core import InferenceConfig, InferenceCore
from model.aggregate import aggregate
from model.network import STCN
from tests.conftest import filled_network
from tests.deterministic import synthetic_video
from util.tensor_util import Padding, normalise

NUM_FRAMES, SIZE = 7, (40, 56)


@pytest.fixture(scope="module")
def clip() -> tuple[Tensor, Tensor]:
    """Make frames ``[T,3,H,W]`` and ids ``[T,H,W]`` of three objects."""
    video, masks = synthetic_video(NUM_FRAMES, *SIZE, 3, seed=3)
    return normalise(torch.from_numpy(video).permute(0, 3, 1, 2)), torch.from_numpy(masks)


def run(network: STCN, clip: tuple[Tensor, Tensor], entries: dict[int, tuple[int, ...]], **config) -> list:
    """Propagate; probabilities of every frame by id, ``{id: [H,W]}``, with 0 for the background."""
    core = InferenceCore(network, InferenceConfig(**config))
    results = []
    for frame, (image, mask) in enumerate(zip(*clip)):
        labels = entries.get(frame, ())
        found = core.step(image, mask if labels else None, labels)
        results.append(None if found is None else dict(zip([0, *core.labels], found)))
    return results


def test_order_of_labels_does_not_matter(network: STCN, clip: tuple[Tensor, Tensor]) -> None:
    for a, b in zip(run(network, clip, {0: (1, 2, 3)}), run(network, clip, {0: (3, 1, 2)})):
        assert a.keys() == b.keys()
        for label, probability in a.items():
            torch.testing.assert_close(probability, b[label], atol=2e-5, rtol=0)


def test_labels_default_to_the_ids_in_the_mask(network: STCN, clip: tuple[Tensor, Tensor]) -> None:
    images, masks = clip
    core = InferenceCore(network)
    core.step(images[0], masks[0].int() * 1000)
    assert core.labels == [1000, 2000, 3000]


def test_the_future_does_not_change_the_past(network: STCN, clip: tuple[Tensor, Tensor]) -> None:
    """An object that enters at frame 4 leaves frames 0 to 3 as they are, and an early stop changes nothing."""
    alone, joined = run(network, clip, {0: (1,)}), run(network, clip, {0: (1,), 4: (2,)})
    for frame in range(4):
        assert torch.equal(alone[frame][1], joined[frame][1])
    assert set(joined[4]) == {0, 1, 2}


def test_annotated_frames_give_the_mask_back(network: STCN, clip: tuple[Tensor, Tensor]) -> None:
    """First annotations and corrections alike are exact at the network's resolution."""
    images, masks = clip
    core = InferenceCore(network, InferenceConfig(mem_every=2))
    for frame in range(NUM_FRAMES):
        is_annotated = frame in (0, 5)
        found = core.step(images[frame], masks[frame] if is_annotated else None)
        if is_annotated:
            ids = torch.tensor([0, *core.labels])[found.argmax(0)]
            assert torch.equal(ids, masks[frame].long())
    assert core.labels == [1, 2, 3]


def test_correction_of_one_object_keeps_the_others(network: STCN, clip: tuple[Tensor, Tensor]) -> None:
    images, masks = clip
    plain, corrected = InferenceCore(network), InferenceCore(network)
    for core in (plain, corrected):
        core.step(images[0], masks[0])
    box = torch.zeros_like(masks[0])
    box[4:20, 6:30] = 2
    before, after = plain.step(images[1]), corrected.step(images[1], box, [2])
    inside = box == 2
    assert corrected.labels == [1, 2, 3]
    assert (after.argmax(0)[inside] == 2).all()
    assert (after.argmax(0)[~inside] != 2).all()
    rows = torch.where(inside, 0, before[1:])
    rows[1] = inside.float()
    odds = torch.cat([(1 - rows).prod(0, keepdim=True), rows]).clamp(1e-7, 1 - 1e-7)
    odds = odds / (1 - odds)
    torch.testing.assert_close(after, odds / odds.sum(0), atol=1e-5, rtol=0)


def test_object_corrected_to_nothing_is_gone(network: STCN, clip: tuple[Tensor, Tensor]) -> None:
    images, masks = clip
    core = InferenceCore(network)
    core.step(images[0], masks[0])
    found = core.step(images[1], torch.zeros_like(masks[0]), [2])
    assert found[2].max() < 1e-5


def test_frames_before_the_first_annotation_are_not_computed(network: STCN, clip: tuple[Tensor, Tensor]) -> None:
    results = run(network, clip, {3: (1,)})
    assert results[:3] == [None] * 3
    shifted = run(network, (clip[0][3:], clip[1][3:]), {0: (1,)})
    for late, early in zip(results[3:], shifted):
        assert torch.equal(late[1], early[1])


def convolution_operations(task: Callable[[], object]) -> int:
    """Count the floating-point operations of the convolutions that a task computes."""
    with FlopCounterMode(display=False) as counter:
        task()
    return counter.get_flop_counts()["Global"].get(torch.ops.aten.convolution, 0)


@pytest.mark.parametrize(
    ("include_last", "required", "expected"),
    [
        (False, range(NUM_FRAMES), (7, 2, 6)),  # values of frames 0 and 3; frame 6 is due, but nobody reads it
        (True, range(NUM_FRAMES), (7, 6, 6)),
        (False, (0, 4), (4, 2, 3)),  # frames 0, 3, 4, 6
        (True, (0, 4), (7, 6, 6)),
    ],
)
def test_nothing_is_computed_that_nobody_needs(
    network: STCN, clip: tuple[Tensor, Tensor], include_last: bool, required, expected: tuple[int, int, int]
) -> None:
    """The operations are those of the expected numbers of encoded frames, values and segmented frames."""
    core = InferenceCore(network, InferenceConfig(mem_every=3, include_last=include_last))

    def propagate() -> None:
        for frame, (image, mask) in enumerate(zip(*clip)):
            found = core.step(image, mask if frame == 0 else None, need_output=frame in required)
            assert (found is not None) == (frame in required)

    image, masks = torch.zeros(1, 3, 48, 64), torch.zeros(1, 3, 48, 64)
    features = network.encode_key(image)
    frame_part, readouts = network.frame_part(features), features.thin.repeat(3, 1, 1, 1)[None]
    key = convolution_operations(lambda: network.frame_part(network.encode_key(image)))
    value = convolution_operations(lambda: network.encode_value(image, features.f16, masks))
    segment = convolution_operations(lambda: network.segment(readouts, frame_part))
    num_keys, num_values, num_segments = expected
    assert convolution_operations(propagate) == num_keys * key + num_values * value + num_segments * segment


def test_finer_features_are_not_kept(clip: tuple[Tensor, Tensor]) -> None:
    network, finer = filled_network(size="small"), []
    network.key_encoder.register_forward_hook(lambda *arguments: finer.extend(map(weakref.ref, arguments[-1][1:])))
    features = InferenceCore(network).encode_ahead(clip[0][:2])
    assert len(features) == len(finer) == 2
    assert all(reference() is None for reference in finer)


@pytest.mark.parametrize("include_last", [False, True])
def test_memory_is_given_back_after_memory_frames(
    network: STCN, clip: tuple[Tensor, Tensor], include_last: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steps after frames 0 and 3 give memory back; temporary memory frames do not count."""
    given_back, steps = set(), []
    monkeypatch.setattr(inference_core, "release_free_memory", lambda device: given_back.add(len(steps)))
    core = InferenceCore(network, InferenceConfig(mem_every=3, include_last=include_last))
    for frame, (image, mask) in enumerate(zip(*clip)):
        core.step(image, mask if frame == 0 else None)
        steps.append(frame)
    assert given_back == {1, 4}


def test_skipped_frames_count(network: STCN, clip: tuple[Tensor, Tensor]) -> None:
    """A frame that is not needed may be skipped without its image; one that is due as memory may not."""
    images, masks = clip
    stepped, skipped = (InferenceCore(network, InferenceConfig(mem_every=3)) for _ in range(2))
    for core in (stepped, skipped):
        core.step(images[0], masks[0])
    for frame in (1, 2):
        assert stepped.step(images[frame], need_output=False) is None
        skipped.skip()
    for frame in (3, 4):
        assert torch.equal(stepped.step(images[frame]), skipped.step(images[frame]))
    skipped.skip()
    with pytest.raises(ValueError, match="cannot be skipped"):
        skipped.skip()


def test_removed_objects_are_forgotten(network: STCN, clip: tuple[Tensor, Tensor]) -> None:
    """An object that was removed is neither segmented nor remembered, and may enter again like a new one."""
    images, masks = clip
    core = InferenceCore(network)
    core.step(images[0], masks[0])
    core.remove(2)
    assert core.labels == [1, 3]
    assert core.step(images[1]).shape[0] == 3
    for label in (1, 3):
        core.remove(label)
    assert core.step(images[2]) is None
    found = core.step(images[3], masks[3], [2])
    assert core.labels == [2]
    fresh = InferenceCore(network)
    assert torch.equal(found, fresh.step(images[3], masks[3], [2]))
    torch.testing.assert_close(core.step(images[4]), fresh.step(images[4]))
    with pytest.raises(ValueError, match="object 9"):
        core.remove(9)


def test_bounded_memory_is_exact_until_the_bound(network: STCN, clip: tuple[Tensor, Tensor]) -> None:
    unbounded = run(network, clip, {0: (1, 2)}, mem_every=2)
    bounded = run(network, clip, {0: (1, 2)}, mem_every=2, max_memory_frames=2)
    for frame in range(5):  # frames 0 and 2 are held up to frame 4
        assert torch.equal(unbounded[frame][1], bounded[frame][1])
    assert not torch.equal(unbounded[6][1], bounded[6][1])


def test_output_does_not_require_gradients(network: STCN, clip: tuple[Tensor, Tensor]) -> None:
    with torch.enable_grad():
        found = InferenceCore(network).step(clip[0][0], clip[1][0])
    assert found.is_inference()
    assert not found.requires_grad


def test_wrong_calls_are_refused(network: STCN, clip: tuple[Tensor, Tensor]) -> None:
    images, masks = clip
    core = InferenceCore(network)
    core.step(images[0], masks[0])
    for arguments, message in (
        ((images[0][:, :32],), "one size"),
        ((images[0], masks[0][:32]), "differ in size"),
        ((images[0], None, [1]), "without a mask"),
        ((images[0], masks[0], [1, 1]), "distinct"),
        ((images[0], masks[0], [0, 1]), "not 0"),
        ((images[0][None],), r"\[3,H,W\]"),
    ):
        with pytest.raises(ValueError, match=message):
            core.step(*arguments)
    with pytest.raises(ValueError, match="top_k"):
        InferenceConfig(top_k=0)


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 31), (119, 197)])
def test_padding_is_undone(size: tuple[int, int]) -> None:
    x = torch.randn(2, *size)
    padding = Padding.to_multiple(*size, 16)
    padded = padding.add(x)
    assert padded.shape[-2] % 16 == padded.shape[-1] % 16 == 0
    assert 0 <= padding.right - padding.left <= 1
    assert 0 <= padding.bottom - padding.top <= 1
    assert torch.equal(padding.remove(padded), x)
    assert padded.count_nonzero() == x.count_nonzero()


def test_aggregation_equals_the_odds() -> None:
    """The softmax of the logits equals the normalised odds; the background is the product of the complements."""
    p = torch.rand(3, 5, 4, dtype=torch.float64).clamp(0.01, 0.99)
    with_background = torch.cat([(1 - p).prod(0, keepdim=True), p])
    odds = with_background / (1 - with_background)
    torch.testing.assert_close(aggregate(p).softmax(0), odds / odds.sum(0))
    certain = aggregate(torch.tensor([[1.0, 0.0], [0.0, 0.0]])).softmax(0)
    assert certain.argmax(0).tolist() == [1, 0]
    assert torch.isfinite(certain).all()
