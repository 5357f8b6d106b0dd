"""Training clips: the drawn geometry and colour against naive twins, the data sets, the order of drawing."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

import dataset.vos_dataset
from dataset.augmentation import (
    FILL,
    STATIC,
    VIDEO,
    Augmentation,
    Colour,
    ColourRange,
    FrameTransform,
    apply_colours,
    draw_clip,
    draw_colour,
    draw_crop,
)
from dataset.images import read_image, read_size
from dataset.scene_dataset import Layer, SceneDataset, SceneRanges, compose
from dataset.static_dataset import StaticTransformDataset, find_pairs, is_soft_mask
from dataset.stored_masks import read_mask
from dataset.training_clip import ClipKey, collate
from dataset.vos_dataset import (
    EACH_FIFTH,
    RENDERED,
    TrainingVideo,
    VideoKind,
    VOSDataset,
    draw_frames,
    drop_unlabelled,
    find_labels,
    find_videos,
)
from output.masks import write_mask
from tests.conftest import write_clip
from tests.deterministic import synthetic_video
from training.data import static_data
from util.errors import InputError

STILL = ColourRange()


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def transform(matrix: np.ndarray, size: tuple[int, int], crop: int, **options) -> FrameTransform:
    return FrameTransform(matrix, options.get("spline"), options.get("colours", ()), size, crop)


# Geometry


def smooth_image(height: int, width: int) -> np.ndarray:
    """[H,W,3] uint8 in which a pixel's colour tells its place."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 / width, y * 255 / height, 0 * x], 2).astype(np.uint8)


def test_warp_is_one_resampling_through_the_matrix() -> None:
    """Each output pixel has the colour of the source place that the inverted matrix names."""
    matrix = np.array([[1.3, 0.2, -9.0], [-0.1, 1.1, 4.0], [0, 0, 1]])
    image = smooth_image(120, 160)
    found = transform(matrix, (120, 160), 64).apply_to_image(image)
    inverse = np.linalg.inv(matrix)
    for row, column in [(5, 7), (32, 40), (60, 63), (20, 1)]:
        x, y, _ = inverse @ (column + 0.5, row + 0.5, 1) - 0.5
        if 1 < x < 158 and 1 < y < 118:
            assert abs(found[row, column, 0] - x * 255 / 160) < 2
            assert abs(found[row, column, 1] - y * 255 / 120) < 2
        else:
            assert tuple(found[row, column]) == FILL


def test_a_smaller_decoded_image_gives_the_same_frame() -> None:
    image = smooth_image(400, 600)
    half = cv2.resize(image, (300, 200), interpolation=cv2.INTER_AREA)
    for frame in draw_clip(VIDEO, (400, 600), 2, 96, generator()):
        full, reduced = frame.apply_to_image(image).astype(int), frame.apply_to_image(half).astype(int)
        assert np.quantile(np.abs(full - reduced), 0.97) <= 3  # but for the rim of filled areas


def test_image_and_mask_share_the_geometry() -> None:
    """An object painted into the image lies where its mask lies, spline included."""
    mask = np.zeros((200, 260), np.uint8)
    cv2.circle(mask, (130, 100), 60, 7, -1)
    image = np.where(mask[..., None] > 0, np.uint8(255), np.uint8(0)).repeat(3, 2)
    ranges = Augmentation(**{**STATIC.__dict__, "clip_colour": STILL, "frame_colour": STILL, "spline": 1.0})
    for frame in draw_clip(ranges, mask.shape, 5, 96, generator()):
        ids = frame.apply_to_mask(mask, is_soft=False)
        assert set(np.unique(ids)) <= {0, 7}
        is_filled = (frame.apply_to_image(np.zeros_like(image)) > 60).all(2)
        painted = (frame.apply_to_image(image)[..., 0] > 127) & ~is_filled
        assert (painted == (ids > 0)).mean() > 0.985
        soft = frame.apply_to_mask((mask > 0).astype(np.uint8) * 255, is_soft=True)
        assert ((soft > 127) == (ids > 0)).mean() > 0.985


@pytest.mark.parametrize("ranges", [STATIC, VIDEO])
@pytest.mark.parametrize("size", [(300, 500), (96, 96), (500, 301)])
def test_drawn_geometry_stays_in_range(ranges: Augmentation, size: tuple[int, int]) -> None:
    """What a frame adds to its clip: rotation, shear and scale within the table, whatever the common part."""
    drawn = generator()
    for _ in range(50):
        matrices = [frame.matrix for frame in draw_clip(ranges, size, 3, 96, drawn)]
        assert all(np.array_equal(matrix[2], [0, 0, 1]) for matrix in matrices)
        signs = {np.sign(np.linalg.det(matrix[:2, :2])) for matrix in matrices}
        assert len(signs) == 1  # mirrored together
        relative = np.linalg.inv(matrices[0][:2, :2]) @ matrices[1][:2, :2]
        low, high = ranges.frame_scale[0] / ranges.frame_scale[1], ranges.frame_scale[1] / ranges.frame_scale[0]
        assert low**2 - 1e-9 <= np.linalg.det(relative) <= high**2 + 1e-9


def test_crops_have_the_drawn_area_and_aspect_and_fit() -> None:
    drawn, areas = generator(), []
    for _ in range(300):
        x, y, width, height = draw_crop(VIDEO, (480, 854), drawn)
        assert min(x, y) >= 0
        assert x + width <= 854
        assert y + height <= 480
        assert 0.74 <= width / height <= 1.35
        areas.append(width * height / (480 * 854))
    assert min(areas) >= 0.35
    assert max(areas) > 0.65  # a 4:3 crop of a 16:9 frame holds three quarters of it at the most
    assert draw_crop(VIDEO, (100, 1000), drawn) == (433, 0, 133, 100)  # nothing fits: the largest in the centre


# Colour


def naive_colours(image: np.ndarray, colours: list[Colour]) -> np.ndarray:
    """ColorJitter's steps one by one, without clipping."""
    result = image.astype(np.float64)
    weights = np.array([0.299, 0.587, 0.114])
    for colour in colours:
        result = result * colour.brightness
        result = colour.contrast * result + (1 - colour.contrast) * (result @ weights).mean()
        result = colour.saturation * result + (1 - colour.saturation) * (result @ weights)[..., None]
    return result


def test_colours_equal_the_steps_one_by_one() -> None:
    image = generator().integers(60, 180, (20, 30, 3)).astype(np.uint8)
    colours = [draw_colour(ColourRange(0.1, 0.2, 0.3, 0.0), generator(seed)) for seed in range(2)]
    assert np.abs(apply_colours(image, tuple(colours)) - naive_colours(image, colours)).max() <= 1


def test_grey_loses_all_colour_and_hue_turns_it() -> None:
    image = np.full((4, 4, 3), (200, 50, 50), np.uint8)
    grey = apply_colours(image, (draw_colour(ColourRange(grey=1.0), generator()),))
    assert (grey == grey[..., :1]).all()
    turned = apply_colours(image, (Colour(1, 1, 1, 1 / 3),))
    assert np.abs(turned[0, 0].astype(int) - (50, 200, 50)).max() <= 3


# Clips of videos


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
    data = VOSDataset(find_videos(tmp_path / "JPEGImages", tmp_path / "Annotations"), crop=32)
    for epoch in range(20):
        assert (data[ClipKey(epoch, 0, 5)].masks[0] > 0).float().mean() < 0.05


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.full((4, 4), 300, np.uint16), r"m\.png: holds id 300; training takes ids up to 255"),
        (np.tile(np.array([255, 0, 0], np.uint8), (4, 4, 1)), r"m\.png: a colour mask, and colours are no ids"),
    ],
)
def test_masks_that_training_cannot_take_are_named(tmp_path: Path, mask: np.ndarray, message: str) -> None:
    Image.fromarray(mask).save(tmp_path / "m.png")
    with pytest.raises(InputError, match=message):
        read_mask(tmp_path / "m.png")


def write_video(root: Path, name: str, num_frames: int, objects: int = 2, unmasked: int = 0) -> None:
    video, masks = synthetic_video(num_frames, 48, 80, objects)
    for folder in ("JPEGImages", "Annotations"):
        (root / folder / name).mkdir(parents=True)
    for index, (image, mask) in enumerate(zip(video, masks)):
        Image.fromarray(image).save(root / "JPEGImages" / name / f"{index:05d}.jpg")
        if index >= unmasked:
            write_mask(root / "Annotations" / name / f"{index:05d}.png", mask)


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
    data = VOSDataset(videos, crop=64, num_frames=3, num_objects=3, seed=1)
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
        return VOSDataset(videos, crop=32, seed=seed)[key].frames

    key = ClipKey(3, 1, 5)
    assert torch.equal(draw(key), draw(key))
    for other in (key._replace(epoch=4), key._replace(index=0)):
        assert not torch.equal(draw(key), draw(other))
    assert not torch.equal(draw(key), draw(key, seed=2))


def test_videos_annotated_at_each_fifth_frame_jump_a_fifth(videos: list[TrainingVideo]) -> None:
    names = [
        VOSDataset([videos[0]._replace(kind=EACH_FIFTH)], crop=32)[ClipKey(epoch, 0, 5)].name for epoch in range(40)
    ]
    numbers = [[int(number) for number in name.split()[1:]] for name in names]
    assert max(np.abs(np.diff(clip)).max() for clip in numbers) == 2  # a jump of 1, plus 1


def test_a_clip_without_objects_is_all_background(tmp_path: Path) -> None:
    write_video(tmp_path, "a", 3, objects=1)
    for path in (tmp_path / "Annotations" / "a").iterdir():
        write_mask(path, np.zeros((48, 80), np.uint8))
    clip = VOSDataset(find_videos(tmp_path / "JPEGImages", tmp_path / "Annotations"), crop=32)[ClipKey(0, 0, 5)]
    assert clip.object_exists.tolist() == [True, False]
    assert not clip.masks.any()


def test_clips_are_redrawn_until_they_show_an_object(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A small object at the rim is mostly cropped away, but seldom six times in a row."""
    write_video(tmp_path, "a", 3, objects=1)
    mask = np.zeros((48, 80), np.uint8)
    mask[20:28, :6] = 1
    for path in (tmp_path / "Annotations" / "a").iterdir():
        write_mask(path, mask)
    (video,) = find_videos(tmp_path / "JPEGImages", tmp_path / "Annotations")
    data = VOSDataset([video._replace(kind=VideoKind(VIDEO))], crop=32)
    shares = []
    for redraws in (0, 5):
        monkeypatch.setattr(dataset.vos_dataset, "MAX_REDRAWS", redraws)
        shares.append(np.mean([bool(data[ClipKey(epoch, 0, 5)].masks[0].any()) for epoch in range(60)]))
    assert shares[0] < 0.5
    assert shares[1] > 0.6


def test_rendered_videos_are_cropped_more_tightly() -> None:
    assert RENDERED.augmentation.crop_area == (0.25, 1.0)
    assert RENDERED.augmentation.clip_colour == VIDEO.clip_colour


# Clips of single images


@pytest.mark.parametrize(
    ("values", "is_soft"),
    [([0, 255], True), ([0, 1, 254, 255], True), ([0, 1], False), ([0, 1, 2, 255], False), ([0], False)]
    + [([0, 60, 255, 255], True), ([0, 60, 60, 255], False)],  # a dark edge pixel; an unlabelled one
)
def test_grey_levels_are_told_from_ids(values: list[int], is_soft: bool) -> None:
    assert is_soft_mask(np.array([values], np.uint8)) == is_soft


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A coverage mask, a mask of two ids, and an image without one, in class folders."""
    video, masks = synthetic_video(3, 60, 90, 2)
    for index, (folder, image) in enumerate(zip(("class a", "class b", "class b"), video)):
        (tmp_path / folder).mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / folder / f"{index}.jpg")
    write_mask(tmp_path / "class a" / "0.png", (masks[0] > 0).astype(np.uint8) * 255, None)
    write_mask(tmp_path / "class b" / "1.png", masks[1], None)
    return tmp_path


def test_pairs_are_found_below_class_folders(photographs: Path) -> None:
    assert [pair.image.name for pair in find_pairs(photographs)] == ["0.jpg", "1.jpg"]


def test_clips_of_photographs(photographs: Path) -> None:
    data = StaticTransformDataset(find_pairs(photographs), crop=48, num_objects=2)
    soft, ids = (data[ClipKey(0, index, 0)] for index in range(2))
    assert soft.frames.shape == (3, 3, 48, 48)
    assert soft.object_exists.tolist() == [True, False]
    assert len(soft.masks[:, 0].unique()) > 2  # soft at the edges
    assert ids.object_exists.tolist() == [True, True]
    assert ((ids.masks > 127).sum(1) <= 1).all()
    assert not torch.equal(ids.frames[0], ids.frames[1])  # each frame is warped anew
    batch = collate([soft, ids])
    assert batch.masks.shape == (2, 3, 2, 48, 48)
    assert batch.object_exists.shape == (2, 2)


def test_masks_of_the_published_sets_are_coverage(tmp_path: Path) -> None:
    """Whatever grey levels they hold, and in whatever mode."""
    folder = tmp_path / "ecssd"
    folder.mkdir()
    Image.fromarray(smooth_image(40, 40)).save(folder / "a.jpg")
    levels = np.full((40, 40), 60, np.uint8)
    levels[0, 0] = 61
    Image.fromarray(levels).convert("RGB").save(folder / "a.png")
    (pair,) = static_data(tmp_path).pairs
    (coverage,) = pair.read_objects()
    assert np.array_equal(coverage, levels)


def test_a_photograph_without_objects_is_all_background(tmp_path: Path) -> None:
    Image.fromarray(smooth_image(40, 40)).save(tmp_path / "a.jpg")
    write_mask(tmp_path / "a.png", np.zeros((40, 40), np.uint8), None)
    clip = StaticTransformDataset(find_pairs(tmp_path), crop=32, num_objects=2)[ClipKey(0, 0, 0)]
    assert clip.object_exists.tolist() == [True, False]
    assert not clip.masks.any()


# Scenes


def still_layer(image: np.ndarray, alpha: np.ndarray | None, objects: list[np.ndarray], smear=(0, 0)) -> Layer:
    """A layer that lies in the crop as it is."""
    size = image.shape[:2]
    return Layer([image], alpha, objects, np.array(size[::-1]), [transform(np.eye(3), size, size[0])], np.array(smear))


def test_layers_hide_those_behind() -> None:
    """A left half in front of a whole object, and a soft edge of one half between."""
    grey = np.full((16, 16, 3), 100, np.uint8)
    whole, left = np.full((16, 16), 255, np.uint8), np.zeros((16, 16), np.uint8)
    left[:, :8], left[:, 8] = 255, 128
    frame, (behind, before) = compose([still_layer(grey, None, [whole]), still_layer(2 * grey, left, [left])], 0, 16)
    assert np.array_equal(before, left)
    assert np.abs(behind.astype(int) + before - 255).max() <= 1
    assert (frame[:, :8] == 200).all()
    assert (frame[:, 9:] == 100).all()
    assert np.abs(frame[:, 8].astype(int) - 150).max() <= 1


def test_a_layer_is_blurred_along_its_motion_with_its_mask() -> None:
    mask = np.zeros((32, 32), np.uint8)
    mask[8:24, 16:24] = 255
    image = np.repeat(mask[..., None], 3, 2)
    frame, (coverage,) = compose([still_layer(image, None, [mask], smear=(8, 0))], 0, 32)
    assert np.array_equal(frame[..., 0], coverage)
    assert 0 < coverage[16, 14] < coverage[16, 17] < 255  # across the motion's edges
    assert (coverage[8:24, 19:21] == coverage[16, 19]).all()  # and not along them
    assert not coverage[:8].any()


@pytest.fixture
def scenes(photographs: Path) -> Callable[..., SceneDataset]:
    return lambda **ranges: SceneDataset(
        find_pairs(photographs), crop=64, num_objects=3, seed=3, ranges=SceneRanges(**ranges)
    )


def test_scenes_hold_objects_of_photographs_and_pasted_ones(scenes: Callable) -> None:
    numbers = {}
    for max_pasted in (0, 3):
        data = scenes(max_pasted=max_pasted)
        clips = [data[ClipKey(epoch, index, 5)] for epoch in range(10) for index in range(2)]
        numbers[max_pasted] = np.mean([clip.object_exists.sum().item() for clip in clips])
        for clip in clips:
            assert clip.frames.shape == (3, 3, 64, 64)
            exists = clip.object_exists
            assert not clip.masks[:, ~exists].any()
            assert ((clip.masks[0, exists] > 127).sum((1, 2)) >= 0.003 * 64**2).all()  # visible in the first frame
            assert (clip.masks.int().sum(1) <= 256).all()  # no pixel shows two objects
            assert torch.equal(data[ClipKey(0, 0, 5)].frames, clips[0].frames)
    assert numbers[3] > numbers[0]


def test_a_part_of_an_object_may_change_its_look(scenes: Callable) -> None:
    """For good, in the object alone; without new looks all frames show the same."""
    coverage = np.zeros((64, 64), np.uint8)
    coverage[8:56, 8:56] = 255
    image = smooth_image(64, 64)
    assert all(same is image for same in scenes(new_look=0.0)._draw_looks(image, coverage, generator(0)))
    data = scenes(new_look=0.5)
    histories = set()
    for seed in range(20):
        looks = data._draw_looks(image, coverage, generator(seed))
        changes = [(new != old).any(2) for old, new in pairwise(looks)]
        assert looks[0] is image
        assert not any(changed[coverage == 0].any() for changed in changes)
        assert all(changed[coverage > 0].mean() < 0.98 for changed in changes)  # blobs
        histories.add(tuple(bool(changed.any()) for changed in changes))
    assert len(histories) == 4  # each frame changes or not


def test_large_photographs_are_read_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scene is that of photographs read at full size."""
    for index in range(2):
        height, width = 960, 1280 + 320 * index
        Image.fromarray(smooth_image(height, width)).save(tmp_path / f"{index}.jpg", quality=98)
        mask = np.zeros((height, width), np.uint8)
        mask[300:700, 400:800] = 1 + index
        write_mask(tmp_path / f"{index}.png", mask)
    data = SceneDataset(find_pairs(tmp_path), crop=64, seed=3, ranges=SceneRanges(max_pasted=1))
    key = ClipKey(0, 1, 5)
    layers = data._draw_layers(data.pairs[1], np.random.default_rng(0))
    assert all(4 * image.shape[1] < layer.size[0] for layer in layers for image in layer.images)
    smaller = data[key]
    monkeypatch.setattr("dataset.scene_dataset.read_image", lambda path, _: read_image(path, 1))
    larger = data[key]
    assert torch.equal(smaller.masks, larger.masks)
    assert (smaller.frames.int() - larger.frames.int()).abs().float().mean() < 2


def test_layers_of_a_scene_move_apart(scenes: Callable) -> None:
    """Without drift and growth they stay; with drift they leave in different directions, with growth they grow."""

    def matrices(**ranges: object) -> np.ndarray:
        still = {"drift": 0.0, "growth": (0, 0), "warp": Augmentation(STILL, STILL, 0, 0), "blur": 0.0, "new_look": 0.0}
        data = scenes(**{**still, **ranges})
        layers = max((data._draw_layers(data.pairs[1], generator(seed)) for seed in range(5)), key=len)
        assert len(layers) > 1
        return np.array([[transform.matrix for transform in layer.transforms] for layer in layers])

    assert np.allclose(np.diff(matrices(), axis=1), 0)
    steps = np.diff(matrices(drift=0.2), axis=1)
    assert np.allclose(steps[:, 0], steps[:, 1])  # steadily
    assert np.ptp(steps[:, 0, :2, 2], axis=0).min() > 1
    areas = np.linalg.det(matrices(growth=(0, 0.2))[..., :2, :2])
    assert np.allclose(areas[:, 1] / areas[:, 0], areas[:, 2] / areas[:, 1])
    assert (np.abs(np.log(areas[:, 1] / areas[:, 0])) > 0.01).all()


# Files


def test_images_are_read_smaller_where_that_suffices(tmp_path: Path) -> None:
    Image.fromarray(smooth_image(400, 640)).save(tmp_path / "a.jpg", quality=95)
    assert read_size(tmp_path / "a.jpg") == (400, 640)
    assert read_image(tmp_path / "a.jpg", 0.5).shape == (400, 640, 3)
    assert read_image(tmp_path / "a.jpg", 1.1).shape == (400, 640, 3)
    third = read_image(tmp_path / "a.jpg", 3)
    assert third.shape == (133, 213, 3)
    assert np.abs(third.astype(int) - smooth_image(133, 213)).max() <= 4


def test_masks_are_read_as_stored(tmp_path: Path) -> None:
    ids = np.array([[0, 3, 200]], np.uint8)
    for palette in ([0] * 768, None):
        write_mask(tmp_path / "m.png", ids, palette)
        assert np.array_equal(read_mask(tmp_path / "m.png"), ids)


@pytest.mark.parametrize("read", [read_size, read_mask, lambda path: read_image(path, 1)])
def test_unreadable_files_are_named(tmp_path: Path, read) -> None:
    frames, _ = write_clip(tmp_path, 1)
    path = frames / "00000.jpg"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"00000\.jpg: unreadable"):
        read(path)
