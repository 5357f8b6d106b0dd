"""Both directions: backwards is forwards on the reversed video; between two masks of an object both are blended."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tracking.spool
from dataset.frames import open_frames
from output.masks import write_mask
from output.result import FrameResult
from tests.conftest import filled_network
from tests.deterministic import synthetic_video
from tests.videos import write_video
from tracker import TrackerConfig, VideoTracker
from tracking.joining import blend_results, share_of_forward
from util.errors import InputError

NUM_FRAMES = 7
SETTINGS = {
    "plain": {},
    "mirrored, several scales, frames together": {"scales": (32, 48), "flip": True, "frames_at_once": 3},
    "bounded memory, last frame, whole frames": {"max_memory_frames": 2, "include_last": True, "exact": True},
    "given masks kept": {"keep_annotations": True},
}
VIDEO, MASKS = synthetic_video(NUM_FRAMES, 48, 64, 3)
NAMES = [f"{index:05d}" for index in range(NUM_FRAMES)]
GIVEN = {  # an object in the middle, a correction, and one that is marked at the end only
    2: MASKS[2] * (MASKS[2] == 1),
    4: MASKS[4] * (MASKS[4] < 3),
    5: MASKS[5] * (MASKS[5] == 3),
}


@pytest.fixture(scope="module")
def network():
    return filled_network(size="small")


@pytest.fixture
def make(network) -> Callable[..., VideoTracker]:
    return lambda **settings: VideoTracker(network, TrackerConfig(**{"size": 32, "mem_every": 2, **settings}))


def reverse(masks: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    return {NUM_FRAMES - 1 - index: mask for index, mask in masks.items()}


def assert_same(found: list[FrameResult], expected: list[FrameResult], video: np.ndarray = VIDEO) -> None:
    """Same ids, objects and probabilities; names and images are those of the video."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        assert np.array_equal(one.ids, other.ids)
        assert one.labels == other.labels
        assert (one.probabilities is None) == (other.probabilities is None)
        assert one.probabilities is None or np.array_equal(one.probabilities, other.probabilities)
        assert np.array_equal(one.image, video[NAMES.index(one.name)])


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_backward_is_forward_on_the_reversed_video(make: Callable, settings: dict) -> None:
    found = list(make(**settings).track(VIDEO, GIVEN, direction="backward", need_probabilities=True))
    assert [result.name for result in found] == NAMES[:6]
    expected = list(make(**settings).track(VIDEO[::-1], reverse(GIVEN), need_probabilities=True))
    assert_same(found, expected[::-1])


def test_backward_in_folders_and_video_files(make: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is decoded in blocks; a small bound makes several of them."""
    monkeypatch.setattr("dataset.video_file.BLOCK_BYTES", 3 * 48 * 64 * 2)
    write_mask(tmp_path / "mask.png", MASKS[5])
    (tmp_path / "frames").mkdir()
    for name, image in zip(NAMES, VIDEO):
        Image.fromarray(image).save(tmp_path / "frames" / f"{name}.png")
    file = write_video(tmp_path / "clip.mp4", list(VIDEO))
    for path in (tmp_path / "frames", file):
        images = np.stack([image for _, image in open_frames(path).read()])
        found = list(make().track(path, tmp_path / "mask.png", mask_frame=5, direction="backward"))
        assert [result.name for result in found] == NAMES[:6]
        assert_same(found, list(make().track(images[5::-1], MASKS[5]))[::-1], images)
        assert_same(list(make().track(path, MASKS[5], mask_frame="00005", direction="backward")), found, images)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_both_is_each_pass_where_one_reaches_and_between_them_elsewhere(make: Callable, settings: dict) -> None:
    passes = {
        direction: {
            result.name: result
            for result in make(**settings).track(VIDEO, GIVEN, direction=direction, need_probabilities=True)
        }
        for direction in ("forward", "backward", "both")
    }
    assert list(passes["both"]) == NAMES
    found = list(passes["both"].values())
    assert_same(found[:2], list(passes["backward"].values())[:2])
    assert_same(found[5:], list(passes["forward"].values())[3:])
    for name in NAMES[2:5]:
        result, forward, backward = (passes[key][name] for key in ("both", "forward", "backward"))
        assert set(result.labels) == {1, 2, 3}
        assert np.abs(result.probabilities.sum(0, dtype=np.float32) - 1).max() < 5e-3
        both = [of_label(result, 1), of_label(forward, 1), of_label(backward, 1)]
        assert (both[0] <= np.maximum(*both[1:]) + 1e-3).all()
        assert (of_label(result, 3) <= of_label(backward, 3) + 1e-3).all()  # the forward pass does not know it
        is_sharp = np.diff(np.sort(result.probabilities.astype(np.float32), axis=0)[-2:], axis=0)[0] > 1e-3
        best = np.array([0, *result.labels])[result.probabilities.argmax(0)]
        assert settings.get("keep_annotations") or np.array_equal(best[is_sharp], result.ids[is_sharp])
    if settings.get("keep_annotations"):
        for index, mask in GIVEN.items():
            assert np.array_equal(found[index].ids[mask > 0], mask[mask > 0])


def of_label(result: FrameResult, label: int) -> np.ndarray:
    return result.probabilities[1 + result.labels.index(label)].astype(np.float32)


def test_probabilities_in_steps_change_nothing_that_is_seen(make: Callable) -> None:
    exact = list(make().track(VIDEO, GIVEN, direction="both", need_probabilities=True))
    found = list(make().track(VIDEO, GIVEN, direction="both"))
    assert all(result.probabilities is None for result in found)
    assert np.mean([one.ids == other.ids for one, other in zip(found, exact)]) > 0.999


def test_results_that_wait_in_a_file_are_the_same(make: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = list(make().track(VIDEO, GIVEN, direction="both"))
    monkeypatch.setattr(tracking.spool, "MEMORY_BYTES", 1)
    assert_same(list(make().track(VIDEO, GIVEN, direction="both")), expected)


def test_a_full_folder_of_temporary_files_is_named(make: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(tempfile.SpooledTemporaryFile):
        def write(self, content: bytes) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", Full)
    with pytest.raises(InputError, match="No space left on device; make room, or set TMPDIR"):
        list(make().track(VIDEO, GIVEN, direction="both"))


def test_one_mask_in_the_middle_spreads_both_ways(make: Callable) -> None:
    found = list(make().track(VIDEO, MASKS[3], mask_frame=3, direction="both"))
    assert [result.name for result in found] == NAMES
    assert_same(found[3:], list(make().track(VIDEO, {3: MASKS[3]})))
    assert_same(found[:3], list(make().track(VIDEO, {3: MASKS[3]}, direction="backward"))[:3])


def test_shares_go_by_distance_and_by_object() -> None:
    places = {1: [10, 20], 2: [12], 3: [16]}
    assert share_of_forward(10, places) == {1: 1, 2: 0, 3: 0}
    assert share_of_forward(12, places) == {1: 0.8, 2: 1, 3: 0}
    assert share_of_forward(18, places) == {1: pytest.approx(0.2), 2: 1, 3: 1}
    assert share_of_forward(20, places) == {1: 1, 2: 1, 3: 1}
    assert share_of_forward(30, places) == {1: 1, 2: 1, 3: 1}


def test_a_blend_is_the_weighted_mean_where_both_know_the_same_objects() -> None:
    """The background then has its weighted mean as well; the order of the rows does not matter."""
    rng = np.random.default_rng(0)
    one, other = (rng.dirichlet(np.ones(3), (4, 6)).transpose(2, 0, 1).astype(np.float32) for _ in range(2))
    image, ids = np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.uint8)
    forward = FrameResult("0", image, ids, (7, 5), one)
    backward = FrameResult("0", image, ids, (5, 7), other[[0, 2, 1]])
    result = blend_results(forward, backward, {5: 0.25, 7: 0.25})
    assert result.labels == (7, 5)
    expected = 0.25 * one + 0.75 * other
    assert np.allclose(result.probabilities, expected, atol=1e-3)
    assert np.array_equal(result.ids, np.array([0, 7, 5])[expected.argmax(0)])


def test_objects_known_on_one_side_share_a_pixel_by_their_probabilities() -> None:
    image, ids = np.zeros((1, 3, 3), np.uint8), np.zeros((1, 3), np.uint8)
    forward = FrameResult("0", image, ids, (1,), np.array([[[0.1, 0.9, 0.2]], [[0.9, 0.1, 0.8]]], np.float16))
    backward = FrameResult("0", image, ids, (2,), np.array([[[0.9, 0.8, 0.4]], [[0.1, 0.2, 0.6]]], np.float16))
    result = blend_results(forward, backward, {1: 1.0, 2: 0.0})
    assert result.ids.tolist() == [[1, 0, 1]]
    expected = [[[0, 0.7, 0]], [[0.9, 0.1, 0.8 / 1.4]], [[0.1, 0.2, 0.6 / 1.4]]]
    assert np.allclose(result.probabilities, expected, atol=2e-3)


def test_masks_that_are_input(make: Callable) -> None:
    """With ``first`` the truth of later frames does not leak into their results."""
    masks = dict(enumerate(MASKS))
    found = list(make().track(VIDEO, masks, masks_used="first"))
    assert_same(found, list(make().track(VIDEO, MASKS[0])))
    found = list(make().track(VIDEO, masks, masks_used="first", direction="backward"))
    assert_same(found, list(make().track(VIDEO, {6: MASKS[6]}, direction="backward")))
    late = {0: MASKS[0] * (MASKS[0] == 1), 3: MASKS[3], 4: MASKS[4]}
    found = list(make().track(VIDEO, late, masks_used="first_of_each_object"))
    assert_same(found, list(make().track(VIDEO, {0: late[0], 3: MASKS[3] * (MASKS[3] > 1)})))


def test_what_cannot_be_read_backwards_or_is_unknown_is_refused(make: Callable) -> None:
    with pytest.raises(InputError, match="images that come one by one, .* give a list"):
        make().track(iter(VIDEO), MASKS[0], direction="both")
    with pytest.raises(InputError, match="no images"):
        make().track([], MASKS[0], direction="both")
    with pytest.raises(InputError, match="a mask of frame 00009: there is no such frame"):
        make().track(VIDEO, MASKS[0], mask_frame=9, direction="backward")
    with pytest.raises(InputError, match="several masks, .* give mask_frame with a single mask only"):
        make().track(VIDEO, {0: MASKS[0]}, mask_frame=1)
    with pytest.raises(InputError, match="no object in any mask"):
        make().track(VIDEO, 0 * MASKS[0], direction="both")
    with pytest.raises(ValueError, match="'sideways': unknown; choose from forward, backward, both"):
        make().track(VIDEO, MASKS[0], direction="sideways")
    with pytest.raises(ValueError, match="'last': unknown; choose from all, first, first_of_each_object"):
        make().track(VIDEO, MASKS[0], masks_used="last")
