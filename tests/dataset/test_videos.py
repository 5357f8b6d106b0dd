"""Videos with their masks."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataset.videos import Video, VideoEntry
from output.masks import write_mask
from tests.videos import SIZE, boxes, picture, write_frames, write_masks, write_rotated
from util.errors import InputError


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """Frames 00000 to 00004."""
    return write_frames(tmp_path / "frames", [f"{index:05d}.png" for index in range(5)])


def test_video_starts_at_its_first_annotated_frame(tmp_path: Path, frames: Path) -> None:
    masks = {"00000": boxes(), "00001": boxes(7), "00003": boxes(7, 3), "00004": boxes()}
    video = Video(VideoEntry("clip", frames, write_masks(tmp_path / "masks", masks)))
    assert video.name == "clip"
    assert video.labels == [3, 7]
    assert video.output_names == ["00001", "00002", "00003", "00004"]
    read = list(video)
    assert [frame.name for frame in read] == video.output_names
    assert [frame.labels for frame in read] == [(7,), (), (3, 7), ()]
    for index, frame in enumerate(read, 1):
        np.testing.assert_array_equal(frame.image, picture(index))
        assert (frame.mask is None) == (not frame.labels)
        if frame.labels:
            np.testing.assert_array_equal(frame.mask, masks[frame.name])
        else:
            assert frame.mask is None


def test_video_can_be_read_twice(tmp_path: Path, frames: Path) -> None:
    write_mask(tmp_path / "first.png", boxes(1))
    video = Video(VideoEntry("clip", frames, tmp_path / "first.png"))
    assert [frame.name for frame in video] == [frame.name for frame in video] == video.output_names


def test_single_mask_belongs_to_the_first_frame(tmp_path: Path, frames: Path) -> None:
    write_mask(tmp_path / "any name.png", boxes(4, 9))
    video = Video(VideoEntry("clip", frames, tmp_path / "any name.png"))
    first, *others = video
    np.testing.assert_array_equal(first.mask, boxes(4, 9))
    assert first.labels == (4, 9)
    assert [frame.name for frame in others if frame.mask is not None] == []
    assert video.output_names == [f"{index:05d}" for index in range(5)]


def test_palette_is_that_of_the_masks(tmp_path: Path, frames: Path) -> None:
    palette = list(itertools.islice(itertools.cycle([0, 0, 0, 10, 20, 30, 200, 100, 50]), 768))
    write_mask(tmp_path / "first.png", boxes(1, 2), palette)
    assert Video(VideoEntry("clip", frames, tmp_path / "first.png")).palette == palette


def test_colours_keep_their_ids_over_frames(tmp_path: Path, frames: Path) -> None:
    """The object of one colour has one id, in validation and in every reading."""
    red, blue = (200, 0, 0), (0, 0, 250)
    (tmp_path / "masks").mkdir()
    for name, colours in {"00000": (red, blue), "00002": (blue,)}.items():
        image = np.zeros((*SIZE, 3), np.uint8)
        for index, colour in enumerate(colours):
            image[10 * index : 10 * index + 8, :30] = colour
        Image.fromarray(image).save(tmp_path / "masks" / f"{name}.png")
    video = Video(VideoEntry("clip", frames, tmp_path / "masks"))
    assert video.labels == [1, 2]
    for _ in range(2):
        first, _, third, *_ = video
        assert third.labels == (int(first.mask[10, 0]),)
        assert (third.mask > 0).sum() == 8 * 30


def test_ignored_id_is_no_object(tmp_path: Path, frames: Path) -> None:
    write_mask(tmp_path / "first.png", boxes(1, 255))
    video = Video(VideoEntry("clip", frames, tmp_path / "first.png"), ignore_id=255)
    assert video.labels == [1]
    np.testing.assert_array_equal(next(iter(video)).mask, boxes(1))


@pytest.mark.parametrize("name", ["7", "007", "00007"])
def test_masks_of_a_video_file_match_by_number(tmp_path: Path, mp4: Path, name: str) -> None:
    masks = write_masks(tmp_path / "masks", {"5": boxes(2), name: boxes(2, 8)})
    video = Video(VideoEntry("clip", mp4, masks))
    assert video.output_names == ["00005", "00006", "00007"]
    assert [frame.labels for frame in video] == [(2,), (), (2, 8)]


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ({"00000": boxes(1), "00002": boxes(1, size=(20, 30))}, r"00002\.png.*30x20.*64x48"),
        ({"00000": boxes(1), "00009": boxes(1)}, r"00009\.png.*00000 to 00004"),
        ({"00000": boxes(), "00001": boxes()}, r"masks: no object"),
        ({}, r"masks: no mask"),
    ],
    ids=["wrong-size", "no-such-frame", "all-zero", "none"],
)
def test_useless_masks_are_refused_when_opening(
    tmp_path: Path, frames: Path, masks: dict[str, np.ndarray], message: str
) -> None:
    folder = write_masks(tmp_path / "masks", masks)
    with pytest.raises(InputError, match=message):
        Video(VideoEntry("clip", frames, folder))


def test_missing_masks_are_refused_when_opening(tmp_path: Path, frames: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: no mask"):
        Video(VideoEntry("clip", frames, tmp_path / "nowhere"))


def test_unreadable_later_mask_is_refused_when_opening(tmp_path: Path, frames: Path) -> None:
    folder = write_masks(tmp_path / "masks", {"00000": boxes(1)})
    (folder / "00003.png").write_bytes((folder / "00000.png").read_bytes()[:60])
    with pytest.raises(InputError, match=r"00003\.png"):
        Video(VideoEntry("clip", frames, folder))


def test_too_many_objects_are_listed_with_their_pixels(tmp_path: Path, frames: Path) -> None:
    """Pixels add up over the masks; as many objects as allowed are accepted."""
    folder = write_masks(tmp_path / "masks", {"00000": boxes(2, 5), "00001": boxes(5, 7)})
    entry = VideoEntry("clip", frames, folder)
    with pytest.raises(InputError, match=r"masks: 3 objects.* 2.*2 \(8 px\), 5 \(40 px\), 7 \(28 px\)"):
        Video(entry, max_objects=2)
    assert Video(entry, max_objects=3).labels == [2, 5, 7]


# Masks of another size


@pytest.mark.parametrize(
    "size",
    [(24, 32), (96, 128), (72, 96), (15, 20), (33, 44), (24, 33), (23, 32), (47, 64)],  # the last three by rounding
)
def test_mask_of_the_same_shape_is_resized_with_one_note(
    tmp_path: Path, frames: Path, caplog: pytest.LogCaptureFixture, size: tuple[int, int]
) -> None:
    """Pixel i takes pixel floor(i * in / out), as the published system resizes masks."""
    small = np.random.default_rng(0).choice([0, 3, 7], size).astype(np.uint8)
    folder = write_masks(tmp_path / "masks", {"00000": small, "00002": small, "00003": boxes(3)})
    first, _, third, fourth, *_ = Video(VideoEntry("clip", frames, folder))
    height, width = SIZE
    expected = [[small[i * size[0] // height, j * size[1] // width] for j in range(width)] for i in range(height)]
    for frame in (first, third):
        np.testing.assert_array_equal(frame.mask, expected)
        assert frame.labels == (3, 7)
    np.testing.assert_array_equal(fourth.mask, boxes(3))
    note, _ = caplog.messages  # the other tells that most frames are annotated
    assert f"masks/00000.png: mask of {size[1]}x{size[0]} pixels for frames of 64x48; it is resized" in note


@pytest.mark.parametrize("size", [(24, 36), (46, 64), (48, 62), (50, 50), (1, 64)])
def test_mask_of_another_shape_is_refused(tmp_path: Path, frames: Path, size: tuple[int, int]) -> None:
    write_mask(tmp_path / "first.png", np.ones(size, np.uint8))
    with pytest.raises(InputError, match=rf"mask of {size[1]}x{size[0]} pixels for frames of 64x48; resize it"):
        Video(VideoEntry("clip", frames, tmp_path / "first.png"))


@pytest.mark.parametrize(("label", "num_notes"), [(1, 1), (0, 0)])
def test_a_mask_that_covers_everything_gets_a_note(
    tmp_path: Path, frames: Path, caplog: pytest.LogCaptureFixture, label: int, num_notes: int
) -> None:
    """It may be a ground that nobody painted on."""
    mask = np.ones(SIZE, np.uint8)
    mask[0, 0] = label
    write_mask(tmp_path / "first.png", mask)
    Video(VideoEntry("clip", frames, tmp_path / "first.png"))
    assert caplog.text.count("first.png: one object covers the whole frame") == num_notes


@pytest.mark.parametrize("size", [SIZE, (24, 32)])
def test_mask_drawn_on_a_frame_as_it_is_stored_names_the_rotation(
    tmp_path: Path, mp4: Path, size: tuple[int, int]
) -> None:
    rotated = write_rotated(tmp_path / "rotated.mp4", mp4, (0, 1, -1, 0))
    write_mask(tmp_path / "first.png", np.ones(size, np.uint8))
    with pytest.raises(InputError, match=r"for frames of 48x64, width and height exchanged; .* which first_frame"):
        Video(VideoEntry("clip", rotated, tmp_path / "first.png"))


# A single mask that is named as another frame


@pytest.mark.parametrize(
    ("name", "frame"), [("5", "00005"), ("00005", "00005"), ("0", None), ("8", None), ("first", None)]
)
def test_single_mask_with_another_frames_number_gets_a_note(
    tmp_path: Path, mp4: Path, caplog: pytest.LogCaptureFixture, name: str, frame: str | None
) -> None:
    mask = tmp_path / f"{name}.png"
    write_mask(mask, boxes(4))
    first, *_ = Video(VideoEntry("clip", mp4, mask))
    assert (first.name, first.labels) == ("00000", (4,))
    note = f"{mask}: applied to the first frame; if it belongs to frame {frame}, set mask_frame to it"
    assert caplog.messages == ([] if frame is None else [note])


def test_single_mask_with_the_name_of_another_image_gets_a_note(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_frames(tmp_path / "frames", ["a.png", "b.png"])
    write_mask(tmp_path / "b.png", boxes(4))
    assert Video(VideoEntry("clip", folder, tmp_path / "b.png")).annotated_names == ["a"]
    assert "if it belongs to frame b, set mask_frame" in caplog.text


# Frames before the first annotated one


def test_leading_frames_come_before_the_annotated_ones(tmp_path: Path, frames: Path) -> None:
    masks = write_masks(tmp_path / "masks", {"00003": boxes(4)})
    video = Video(VideoEntry("clip", frames, masks))
    leading = list(video.read_leading())
    assert [name for name, _ in leading] == ["00000", "00001", "00002"]
    assert [frame.name for frame in video] == ["00003", "00004"]
    for index, (_, image) in enumerate(leading):
        np.testing.assert_array_equal(image, picture(index))


def test_leading_frames_of_a_file_end_at_the_first_annotated_one(tmp_path: Path, mp4: Path) -> None:
    video = Video(VideoEntry("clip", mp4, write_masks(tmp_path / "masks", {"2": boxes(4)})))
    images = [*video.read_leading(), *((frame.name, frame.image) for frame in video)]
    for (name, image), (expected_name, expected) in zip(images, video.frames.read(), strict=True):
        assert name == expected_name
        np.testing.assert_array_equal(image, expected)


def test_no_frame_leads_when_the_first_one_is_annotated(tmp_path: Path, mp4: Path) -> None:
    write_mask(tmp_path / "first.png", boxes(4))
    video = Video(VideoEntry("clip", mp4, tmp_path / "first.png"))
    assert list(video.read_leading()) == []
    assert video.frames.path == mp4
