"""Videos that are segmented at once: each has the results that it has alone."""

from collections.abc import Generator, Iterator

import numpy as np
import pytest
import torch

from dataset.videos import Frame
from model.weights import SMALL_WEIGHTS
from output.result import FrameResult
from tests.deterministic import synthetic_video
from tracker import TrackerConfig, VideoTracker
from tracking.session import Batch
from tracking.together import run_together

CLIPS = {"long": (5, (32, 48), 1), "short": (2, (32, 48), 3), "wide": (3, (32, 64), 2), "middle": (4, (32, 48), 2)}


@pytest.fixture(scope="module")
def tracker() -> VideoTracker:
    """Trained weights: of others, some pixels are ties, which batches of another size may decide otherwise."""
    return VideoTracker.load(SMALL_WEIGHTS, "cpu", "float32", size=32, frames_at_once=2)


def frames_of(name: str) -> Iterator[Frame]:
    """The frames of a clip; the second is skipped where there are more than two."""
    num_frames, size, num_objects = CLIPS[name]
    images, masks = synthetic_video(num_frames, *size, num_objects, seed=num_frames)
    for index, image in enumerate(images):
        is_needed = index != 1 or num_frames == 2
        mask, labels = (masks[0].astype(np.int32), tuple(range(1, 1 + num_objects))) if index == 0 else (None, ())
        yield Frame(f"{index:05d}", image if is_needed else None, mask, labels, is_wanted=is_needed)


def job(tracker: VideoTracker, name: str) -> Generator[Batch, None, tuple[str, list[FrameResult]]]:
    results = []
    for step in tracker.start().run_in_steps(frames_of(name), need_probabilities=True):
        if isinstance(step, FrameResult):
            results.append(step)
        else:
            yield step
    return name, results


@pytest.mark.parametrize(("number", "flip"), [(2, False), (3, True)])
def test_results_are_those_of_one_video_at_a_time(tracker: VideoTracker, number: int, flip: bool) -> None:
    """Clips of several lengths, sizes and numbers of objects; all of one size are encoded in one batch."""
    tracker = VideoTracker(tracker.network, TrackerConfig(size=32, frames_at_once=2, flip=flip))
    together = dict(run_together((job(tracker, name) for name in CLIPS), tracker.network, number))
    assert together.keys() == CLIPS.keys()
    for name, found in together.items():
        alone = list(tracker.start().run(frames_of(name), need_probabilities=True))
        assert [result.name for result in found] == [result.name for result in alone]
        for one, other in zip(alone, found):
            assert np.array_equal(one.ids, other.ids)
            assert one.labels == other.labels
            assert np.abs(one.probabilities.astype(float) - other.probabilities).max() < 1e-3  # half precision's step


@pytest.mark.parametrize(("number", "sizes"), [(1, [2] * 5 + [1]), (3, [4, 2, 4, 1])])
def test_frames_of_one_size_are_encoded_in_one_batch(
    tracker: VideoTracker, monkeypatch: pytest.MonkeyPatch, number: int, sizes: list[int]
) -> None:
    found, encode = [], tracker.network.encode_frames

    def counted(frames: torch.Tensor) -> object:
        found.append(len(frames))
        return encode(frames)

    monkeypatch.setattr(tracker.network, "encode_frames", counted)
    list(run_together((job(tracker, name) for name in CLIPS), tracker.network, number))
    assert found == sizes


def test_without_memory_for_all_each_is_encoded_alone(
    tracker: VideoTracker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    encode = tracker.network.encode_frames

    def bounded(frames: torch.Tensor) -> object:
        if len(frames) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return encode(frames)

    monkeypatch.setattr(tracker.network, "encode_frames", bounded)
    together = dict(run_together((job(tracker, name) for name in ("long", "middle")), tracker.network, 2))
    assert [len(results) for results in (together["long"], together["middle"])] == [4, 3]
    assert caplog.text.count("too little memory to encode 2 videos together") == 1


def test_jobs_that_are_given_up_are_closed(tracker: VideoTracker) -> None:
    closed = []

    def watched(name: str) -> Generator[Batch, None, str]:
        try:
            yield from job(tracker, name)
        finally:
            closed.append(name)
        return name

    def failing() -> Generator[Batch, None, str]:
        yield from ()
        raise ValueError("a fault")

    jobs = [watched("long"), watched("middle"), failing()]
    with pytest.raises(ValueError, match="a fault"):
        list(run_together(jobs, tracker.network, 3))
    assert closed == ["long", "middle"]
