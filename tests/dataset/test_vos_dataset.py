"""Training clips of videos: which frames and objects are drawn."""

from pathlib import Path

import numpy as np
import pytest
import torch

from dataset.augmentation import VIDEO, draw_clip
from dataset.training_clip import ClipKey, ClipSpec
from dataset.vos_dataset import (
    EACH_FIFTH,
    RENDERED,
    TrainingVideo,
    VOSDataset,
    draw_fitting_frames,
    draw_frames,
    drop_unlabelled,
    find_labels,
    find_videos,
)
from output.masks import write_mask
from tests.dataset.clips import write_video
from util.errors import InputError

SMALL = ClipSpec(crop=32, num_objects=2)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("num_frames", "max_jump"), [(3, 5), (4, 25), (80, 5), (80, 25), (10, 1)])
def test_drawn_frames_keep_their_order_and_distance(num_frames: int, max_jump: int) -> None:
    drawn, reversals = generator(), 0
    seen = set()
    for _ in range(400):
        indices = draw_frames(num_frames, max_jump, 3, drawn)
        assert all(0 <= index < num_frames for index in indices)
        steps = np.diff(indices)
        assert (steps >= 0).all() or (steps <= 0).all()
        assert np.abs(steps).max() <= min(num_frames, max_jump) + 1
        reversals += steps.sum() < 0
        seen.update(indices)
    jump = min(num_frames, max_jump)
    assert max(seen) == min(num_frames - jump // 2, num_frames - 1)  # as published: a clip stops before the end
    assert 120 < reversals < 280


@pytest.mark.parametrize(("num_frames", "max_jump", "length"), [(3, 5, 3), (20, 25, 5), (80, 5, 5), (4, 25, 8)])
def test_fitting_jumps_reach_every_frame(num_frames: int, max_jump: int, length: int) -> None:
    """Frames repeat only where the video is shorter than the clip."""
    seen, starts, drawn = set(), set(), generator()
    for _ in range(400):
        indices = draw_fitting_frames(num_frames, max_jump, length, drawn)
        steps = np.abs(np.diff(indices))
        assert len(indices) == length
        assert steps.max() <= max_jump + 1
        assert num_frames < length or steps.min() >= 1
        assert (np.diff(indices) >= 0).all() or (np.diff(indices) <= 0).all()
        seen.update(indices)
        starts.add(indices[0])
    assert seen == set(range(num_frames))
    assert {0, num_frames - 1} <= starts


def test_smaller_crops_keep_the_scale(tmp_path: Path) -> None:
    """At half of the published crop, objects cover as many pixels of it as at the published one, in four times less."""
    write_video(tmp_path, "a", 5)
    videos = find_videos(tmp_path / "JPEGImages", tmp_path / "Annotations")
    areas = {}
    for crop, keep_scale in ((384, False), (192, True), (192, False)):
        data = VOSDataset(videos, ClipSpec(crop=crop, keep_scale=keep_scale, keep_surroundings=True))
        clips = [data[ClipKey(epoch, 0, 5)] for epoch in range(40)]
        areas[crop, keep_scale] = np.mean([(clip.masks[0, 0] > 127).sum().item() for clip in clips])
    assert areas[192, False] < 0.35 * areas[384, False]
    assert areas[192, True] > 0.5 * areas[384, False]


def test_specks_of_rendered_videos_count_under_conditions_only() -> None:
    masks = [np.zeros((100, 100), np.uint8) for _ in range(3)]
    masks[0][:31, :30] = 1  # 930 pixels
    masks[0][40:60, :20] = 2  # 400, and 500 later
    masks[1][40:65, :20] = 2
    masks[0][40:60, 40:60] = 3  # 400, and little later
    masks[0][90:99, 90:99] = 4  # 81
    assert find_labels(masks, has_specks=True).tolist() == [1, 3]
    assert find_labels(masks, has_specks=False).tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("ids", "others", "labels"),
    [
        ([0, 3, 255], [0], [3]),
        ([0, 255], [255], [255]),
        ([0, 255], [3], []),  # the object is gone, unlabelled pixels remain
        ([0], [0], []),
        ([5], [0], [5]),
    ],
)
def test_255_is_no_object_unless_it_is_the_only_one(ids: list[int], others: list[int], labels: list[int]) -> None:
    mask = drop_unlabelled([np.array([ids], np.uint8), np.array([others], np.uint8)])[0]
    assert find_labels([mask], has_specks=False).tolist() == labels


def test_unlabelled_pixels_are_no_object_where_the_crop_shows_nothing_else(tmp_path: Path) -> None:
    write_video(tmp_path, "a", 3, objects=1)
    mask = np.zeros((48, 80), np.uint8)
    mask[:, 20:60] = 255
    mask[20:22, :2] = 1
    for path in (tmp_path / "Annotations" / "a").iterdir():
        write_mask(path, mask)
    data = VOSDataset(find_videos(tmp_path / "JPEGImages", tmp_path / "Annotations"), SMALL)
    for epoch in range(20):
        assert (data[ClipKey(epoch, 0, 5)].masks[0] > 0).float().mean() < 0.05


@pytest.fixture
def videos(tmp_path: Path) -> list[TrainingVideo]:
    for name, num_frames, unmasked in (("a", 8, 0), ("b", 8, 4), ("short", 5, 3)):
        write_video(tmp_path, name, num_frames, unmasked=unmasked)
    return find_videos(tmp_path / "JPEGImages", tmp_path / "Annotations")


def test_frames_without_masks_and_short_videos_are_left_out(videos: list[TrainingVideo]) -> None:
    annotated = [video.annotated_frames() for video in videos]
    assert [(video.frames.name, len(frames)) for video, frames in zip(videos, annotated)] == [("a", 8), ("b", 4)]
    numbers = [f"0000{number}" for number in range(4, 8)]
    assert [(frame.name, mask.name) for frame, mask in annotated[1]] == [(f"{n}.jpg", f"{n}.png") for n in numbers]


def test_named_videos_can_be_left_out(videos: list[TrainingVideo], tmp_path: Path) -> None:
    assert find_videos(tmp_path / "JPEGImages", tmp_path / "Annotations", excluded={"b"}) == videos[:1]


def test_a_video_without_annotations_is_named(tmp_path: Path) -> None:
    write_video(tmp_path, "a", 3)
    (tmp_path / "JPEGImages" / "b").mkdir()
    with pytest.raises(InputError, match="Annotations/b: no such folder"):
        find_videos(tmp_path / "JPEGImages", tmp_path / "Annotations")


def test_clip_of_a_video(videos: list[TrainingVideo]) -> None:
    data = VOSDataset(videos, ClipSpec(crop=64, num_frames=3, num_objects=3, seed=1))
    clip = data[ClipKey(2, 0, 5)]
    assert clip.frames.shape == (3, 3, 64, 64)
    assert clip.masks.shape == (3, 3, 64, 64)
    assert clip.frames.dtype == clip.masks.dtype == torch.uint8
    assert set(clip.masks.unique().tolist()) == {0, 255}
    assert clip.object_exists.tolist() == [True, True, False]
    assert not clip.masks[:, 2].any()
    assert ((clip.masks > 0).sum(1) <= 1).all()  # objects do not overlap
    assert clip.name.startswith("a 0000")


def test_the_key_and_the_seed_are_all_that_a_clip_depends_on(videos: list[TrainingVideo]) -> None:
    def draw(key: ClipKey, seed: int = 1) -> torch.Tensor:
        return VOSDataset(videos, ClipSpec(crop=32, seed=seed))[key].frames

    key = ClipKey(3, 1, 5)
    assert torch.equal(draw(key), draw(key))
    for other in (key._replace(epoch=4), key._replace(index=0)):
        assert not torch.equal(draw(key), draw(other))
    assert not torch.equal(draw(key), draw(key, seed=2))


def test_videos_annotated_at_each_fifth_frame_jump_a_fifth(videos: list[TrainingVideo]) -> None:
    names = [VOSDataset([videos[0]._replace(kind=EACH_FIFTH)], SMALL)[ClipKey(epoch, 0, 5)].name for epoch in range(40)]
    numbers = [[int(number) for number in name.split()[1:]] for name in names]
    assert max(np.abs(np.diff(clip)).max() for clip in numbers) == 2  # a jump of 1, plus 1


def test_a_clip_without_objects_is_all_background(tmp_path: Path) -> None:
    write_video(tmp_path, "a", 3, objects=1)
    for path in (tmp_path / "Annotations" / "a").iterdir():
        write_mask(path, np.zeros((48, 80), np.uint8))
    clip = VOSDataset(find_videos(tmp_path / "JPEGImages", tmp_path / "Annotations"), SMALL)[ClipKey(0, 0, 5)]
    assert clip.object_exists.tolist() == [True, False]
    assert not clip.masks.any()


def test_clips_are_redrawn_until_they_show_an_object(tmp_path: Path) -> None:
    """A small object at the rim is mostly cropped away, but seldom six times in a row."""
    write_video(tmp_path, "a", 3, objects=1)
    mask = np.zeros((48, 80), np.uint8)
    mask[20:28, :6] = 1
    for path in (tmp_path / "Annotations" / "a").iterdir():
        write_mask(path, mask)
    drawn = [draw_clip(VIDEO, mask.shape, SMALL, generator(seed))[0] for seed in range(60)]
    assert np.mean([frame.apply_to_mask(mask, is_soft=False).any() for frame in drawn]) < 0.5
    data = VOSDataset(find_videos(tmp_path / "JPEGImages", tmp_path / "Annotations"), SMALL)
    assert np.mean([bool(data[ClipKey(epoch, 0, 5)].masks[0].any()) for epoch in range(60)]) > 0.6


def test_rendered_videos_are_cropped_more_tightly() -> None:
    assert RENDERED.augmentation.crop_area == (0.25, 1.0)
    assert RENDERED.augmentation.clip_colour == VIDEO.clip_colour
