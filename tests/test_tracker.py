"""The Python API: what it takes, what it gives, what it refuses; one engine behind it and the scripts."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import eval_generic
from dataset.streams import Stream
from model.network import STCN
from output.masks import write_mask
from tests.conftest import TESTS, read_ids, write_clip
from tests.deterministic import synthetic_video
from tests.stream_servers import Sender, web_stream
from tests.videos import write_video
from tracker import TrackerConfig, VideoTracker
from util.errors import InputError
from util.tensor_util import pinned_for

ROOT = TESTS.parent


@pytest.fixture(autouse=True)
def _gradients_on() -> Iterator[None]:
    """Embedding programs run with gradients on; other tests switch them off."""
    with torch.enable_grad():
        yield


@pytest.fixture(scope="session")
def tracker(network: STCN) -> VideoTracker:
    return VideoTracker(network, TrackerConfig(size=32, mem_every=2))


def clip(num_frames: int = 4, num_objects: int = 2) -> tuple[np.ndarray, np.ndarray]:
    return synthetic_video(num_frames, 48, 64, num_objects)


def ids_of(results) -> np.ndarray:
    return np.stack([result.ids for result in results])


def test_files_arrays_and_single_steps_agree(tracker: VideoTracker, tmp_path: Path) -> None:
    frames, first = write_clip(tmp_path)
    images = [np.array(Image.open(path)) for path in sorted(frames.iterdir())]
    mask = read_ids(first)
    from_files = list(tracker.track(frames, first))
    assert [result.name for result in from_files] == ["00000", "00001", "00002", "00003"]
    assert all(np.array_equal(result.image, image) for result, image in zip(from_files, images))
    expected = ids_of(from_files)
    assert expected.shape == (4, 48, 64)
    assert expected.dtype == np.uint8
    assert np.array_equal(ids_of(tracker.track(iter(images), first)), expected)
    assert np.array_equal(ids_of(tracker.track(str(frames), mask)), expected)
    assert np.array_equal(ids_of(tracker.track(images, {0: mask})), expected)
    session = tracker.start()
    stepped = [session.step(image, mask if index == 0 else None) for index, image in enumerate(images)]
    assert np.array_equal(np.stack(stepped), expected)


def test_script_and_api_share_one_engine(
    tracker: VideoTracker, weights: Path, tmp_path: Path, run_main: Callable
) -> None:
    frames, first = write_clip(tmp_path)
    arguments = ["--video", frames, "--mask", first, "--output", tmp_path / "out", "--model", weights]
    assert run_main(eval_generic.main, *arguments, "--size", 32, "--mem_every", 2, "--precision", "float32")[0] == 0
    for result in tracker.track(frames, first):
        assert np.array_equal(read_ids(tmp_path / "out" / "frames" / f"{result.name}.png"), result.ids)


def test_probabilities_follow_the_labels(tracker: VideoTracker) -> None:
    video, masks = clip()
    first = np.array([0, 7, 3])[masks[0]]
    for result in tracker.track(video, first, need_probabilities=True):
        assert result.labels == (3, 7)
        assert result.probabilities.shape == (3, 48, 64)
        assert np.abs(result.probabilities.sum(0, dtype=np.float32) - 1).max() < 2e-3
        ordered = np.sort(result.probabilities, axis=0)
        is_clear = ordered[-1] - ordered[-2] > 2e-3  # beyond the rounding of float16
        best = np.array([0, 3, 7])[result.probabilities.argmax(0)]
        assert np.array_equal(best[is_clear], result.ids[is_clear])
    assert next(tracker.track(video, first)).probabilities is None


def test_objects_enter_late_are_corrected_and_removed(tracker: VideoTracker) -> None:
    video, masks = clip(6)
    session = tracker.start()
    assert not session.step(video[0]).any()  # nothing is known yet
    assert session.probabilities is None
    session.add_objects(video[1], masks[1] == 1)
    assert session.labels == (1,)
    late = np.where(masks[2] == 2, 300, 0)
    ids = session.step(video[2], late)
    assert session.labels == (1, 300)
    assert ids.dtype == np.uint16
    assert (ids == 300)[masks[2] == 2].mean() > 0.9
    assert session.probabilities.shape == (3, 48, 64)
    session.remove(1)
    assert session.labels == (300,)
    assert session.probabilities.shape == (2, 48, 64)
    assert set(np.unique(session.step(video[3]))) <= {0, 300}
    with pytest.raises(InputError, match="object 1 is not known; known are \\[300\\]"):
        session.remove(1)


def test_frames_before_the_first_mask_are_left_out(tracker: VideoTracker, tmp_path: Path) -> None:
    video, masks = clip(5)
    results = list(tracker.track(video, {"00002": masks[2], 4: np.where(masks[4] == 1, 9, 0)}))
    assert [result.name for result in results] == ["00002", "00003", "00004"]
    assert [result.labels for result in results] == [(1, 2), (1, 2), (1, 2, 9)]
    (tmp_path / "masks").mkdir()
    write_mask(tmp_path / "masks" / "00002.png", masks[2])
    assert np.array_equal(ids_of(tracker.track(video, tmp_path / "masks"))[:2], ids_of(results)[:2])


def test_images_of_other_kinds(tracker: VideoTracker) -> None:
    video, masks = clip(1)
    expected = tracker.start().step(video[0], masks[0])
    opaque = Image.fromarray(video[0]).convert("RGBA")
    for image in (Image.fromarray(video[0]), opaque, video[0] / 255, (video[0] / 255).astype(np.float32)):
        assert np.array_equal(tracker.start().step(image, masks[0]), expected)
    grey = video[0].mean(2).astype(np.uint8)
    assert np.array_equal(tracker.start().step(grey, masks[0]), tracker.start().step(np.dstack([grey] * 3), masks[0]))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda image, ids: (image.astype(np.float32), ids), "an image of float32 from .* to .*; give uint8"),
        (lambda image, ids: (image / 128 - 1, ids), "not normalised"),
        (lambda image, ids: (image.astype(np.int64), ids), "an image of int64"),
        (lambda image, ids: (image.transpose(2, 0, 1), ids), r"an image of shape \[3, 48, 64\]; give \[H,W,3\]"),
        (lambda image, ids: (image[:0], ids), "an image of shape"),
        (lambda image, ids: (image, ids[:40]), r"a mask of shape \[40, 64\] for an image of \[48, 64\]"),
        (lambda image, ids: (image, ids / 2), "a mask of float64; give integers"),
        (lambda image, ids: (image, ids.astype(int) - 1), "a mask with ids from -1 to 1"),
        (lambda image, ids: (image, ids.astype(int) * 70000), "a mask with ids from 0 to 140000"),
        (lambda image, ids: (image, np.arange(48 * 64).reshape(48, 64)), "3071 objects, more than max_objects 50"),
    ],
)
def test_arrays_that_cannot_be_used_are_refused(tracker: VideoTracker, spoil: Callable, message: str) -> None:
    video, masks = clip(1)
    with pytest.raises(InputError, match=message) as error:
        tracker.start().step(*spoil(video[0], masks[0]))
    assert "\n" not in str(error.value)


def test_masks_of_absent_frames_are_refused(tracker: VideoTracker, tmp_path: Path) -> None:
    video, masks = clip(3)
    with pytest.raises(InputError, match="a mask of frame 00007: there is no such frame"):
        list(tracker.track(video, {0: masks[0], 7: masks[1]}))
    frames, _ = write_clip(tmp_path)
    with pytest.raises(InputError, match="a mask of frame x"):
        tracker.track(frames, {"x": masks[0]})  # at once, before anything is computed


def test_masks_without_an_object_are_refused(tracker: VideoTracker) -> None:
    video, masks = clip(2)
    for nothing in (0 * masks[0], {}):
        with pytest.raises(InputError, match="no object in any mask"):
            list(tracker.track(video, nothing))


def test_frames_of_another_size_are_refused(tracker: VideoTracker) -> None:
    video, masks = clip(2)
    for other in (video[1].transpose(1, 0, 2), video[1].repeat(2, 0).repeat(2, 1)):
        session = tracker.start()
        session.step(video[0], masks[0])
        with pytest.raises(InputError, match="pixels after others of 64x48; start anew"):
            session.step(other)
        with pytest.raises(InputError, match="pixels after others of 64x48"):
            list(tracker.track([video[0], other], masks[0]))


def test_a_buffer_that_is_filled_again_is_copied(tracker: VideoTracker) -> None:
    video, masks = clip(6)

    def camera() -> Iterator[np.ndarray]:
        buffer = np.empty_like(video[0])
        for image in video:
            buffer[:] = image
            yield buffer

    assert np.array_equal(ids_of(tracker.track(camera(), masks[0])), ids_of(tracker.track(video, masks[0])))


def test_numbers_count_the_frames_of_a_folder(tracker: VideoTracker, tmp_path: Path) -> None:
    frames, first = write_clip(tmp_path)
    for index, path in enumerate(sorted(frames.iterdir())):
        path.rename(frames / f"view{5 * index}.jpg")
    results = list(tracker.track(frames, {np.int64(1): read_ids(first)}))
    assert [result.name for result in results] == ["view5", "view10", "view15"]


def test_precision_leaves_the_process_as_it_was(weights: Path) -> None:
    former = torch.backends.cudnn.allow_tf32
    video, masks = clip(1)
    VideoTracker.load(weights, "cpu", "float32", size=32).start().step(video[0], masks[0])
    assert torch.backends.cudnn.allow_tf32 == former


def test_settings_are_checked() -> None:
    with pytest.raises(InputError, match="precision float8: unknown"):
        VideoTracker.load(precision="float8")
    with pytest.raises(ValueError, match="mem_every must be positive"):
        VideoTracker.load(mem_every=0)
    for settings in ({"size": -1}, {"scales": (480, 0)}, {"max_objects": 0}, {"frames_at_once": -1}):
        with pytest.raises(ValueError, match="must be"):
            TrackerConfig(**settings)
    with pytest.raises(TypeError, match="speed"):
        VideoTracker.load(speed=3)


def test_views_come_from_size_scales_and_flip() -> None:
    assert [view.short_side for view in TrackerConfig(size=None).views] == [None]
    views = TrackerConfig(scales=(480, 600), flip=True).views
    assert [(view.short_side, view.is_mirrored, view.kernel_sigma) for view in views] == [
        (480, False, None),
        (480, True, None),
        (600, False, 7),
        (600, True, 7),
    ]


def python_example() -> list[str]:
    """The lines of the README's Python example."""
    text = (ROOT / "README.md").read_text()
    return re.search(r"```python\n(.*?)```", text, re.S)[1].splitlines()


def test_the_readme_example_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    lines = python_example()
    assert len([line for line in lines if line.strip()]) <= 8
    video, masks = clip()
    write_video(tmp_path / "clip.mp4", list(video))
    write_mask(tmp_path / "painted.png", masks[0])
    monkeypatch.chdir(tmp_path)
    exec("\n".join(lines), {})
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_hub_gives_a_tracker_from_any_folder(weights: Path, tmp_path: Path) -> None:
    code = f"""
import numpy as np, torch
tracker = torch.hub.load({str(ROOT)!r}, "tracker", source="local", weights={str(weights)!r}, device="cpu", size=32)
video, ids = np.zeros((2, 48, 64, 3), np.uint8), np.eye(48, 64, dtype=int)
print([frame.ids.shape for frame in tracker.track(video, ids)])
network = torch.hub.load({str(ROOT)!r}, "network", source="local", weights={str(weights)!r})
print(network.training, network.dtype)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-2:] == ["[(48, 64), (48, 64)]", f"False {torch.float32}"]


def test_images_are_pinned_for_a_gpu_as_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: pinned.append(tensor) or tensor.clone())
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    for name, count in (("cpu", 0), ("cuda", 1)):
        assert np.array_equal(pinned_for(image, torch.device(name)), image)
        assert len(pinned) == count


@pytest.mark.parametrize(("size", "given", "expected"), [("full", None, 5), ("small", None, 2), ("small", 5, 5)])
def test_the_network_decides_how_often_frames_are_memorised(size: str, given: int | None, expected: int) -> None:
    """Published, and chosen for the small network, unless the user says."""
    tracker = VideoTracker(STCN(size=size), TrackerConfig(mem_every=given))
    assert tracker.config.mem_every == expected


def test_a_stream_has_the_masks_of_its_file(tracker: VideoTracker, tmp_path: Path) -> None:
    """In real time frames may be missing, and are counted then."""
    images, masks = clip(5)
    path = write_video(tmp_path / "clip.ts", images)
    expected = ids_of(tracker.track(path, masks[0]))
    for is_realtime in (False, True):
        sender = Sender(path, seconds=0.1)
        with web_stream(sender) as address, Stream(address, is_realtime=is_realtime) as stream:
            found = {int(result.name): result.ids for result in tracker.track_stream(stream, masks[0])}
        if not is_realtime:
            assert list(found) == list(range(5))
        assert len(found) + stream.num_dropped == 5
        assert np.array_equal(found[0], expected[0])
        assert is_realtime or all(np.array_equal(ids, expected[index]) for index, ids in found.items())


def test_the_memory_of_a_stream_is_bounded(tracker: VideoTracker, monkeypatch: pytest.MonkeyPatch) -> None:
    images, masks = clip(8)

    class Source:
        is_realtime = False

        def read(self) -> Iterator[tuple[str, np.ndarray]]:
            return ((f"{index:05d}", image) for index, image in enumerate(images))

    monkeypatch.setattr("tracker.STREAM_MEMORY_FRAMES", 2)
    bounded = VideoTracker(tracker.network, TrackerConfig(size=32, mem_every=2, max_memory_frames=2))
    expected = ids_of(bounded.track(images, masks[0]))
    assert np.array_equal(ids_of(tracker.track_stream(Source(), masks[0])), expected)
    assert not np.array_equal(ids_of(tracker.track(images, masks[0])), expected)


def test_a_stream_needs_an_object(tracker: VideoTracker, tmp_path: Path) -> None:
    images, masks = clip(2)
    path = write_video(tmp_path / "clip.ts", images)
    with web_stream(Sender(path)) as address, Stream(address) as stream, pytest.raises(InputError, match="label at"):
        list(tracker.track_stream(stream, 0 * masks[0]))
