"""Frames from folders and from video files."""

import struct
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from dataset.frames import FrameFolder, VideoFile, open_frames, write_first_frame
from dataset.images import list_images
from tests.videos import SIZE, picture, write_frames, write_rotated, write_video
from util.errors import InputError

CODEC_TOLERANCE = 3  # mean absolute difference of 8-bit values after H.264 with 4:2:0 chroma


def read_until_error(frames: FrameFolder | VideoFile) -> tuple[list[np.ndarray], InputError | None]:
    """The images that can be read, and the error that ends them if one does."""
    images: list[np.ndarray] = []
    try:
        images.extend(image for _, image in frames.read())
    except InputError as e:
        return images, e
    return images, None


# Folders of frames


def test_frames_come_in_natural_order(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "frames", ["10.png", "2.png", "1.png"])
    frames = FrameFolder(folder)
    assert frames.names == ["1", "2", "10"]
    assert frames.size == SIZE
    read = list(frames.read())
    assert [name for name, _ in read] == ["1", "2", "10"]
    for (_, image), index in zip(read, (2, 1, 0)):
        np.testing.assert_array_equal(image, picture(index))


@pytest.mark.parametrize("start", [0, 2, 3])
def test_reading_starts_at_an_offset(tmp_path: Path, start: int) -> None:
    frames = FrameFolder(write_frames(tmp_path / "frames", ["a1.png", "a2.png", "a3.png"]))
    assert [name for name, _ in frames.read(start)] == ["a1", "a2", "a3"][start:]


def test_mixed_and_upper_case_suffixes_are_frames_and_the_rest_is_not(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "frames", ["00.jpg", "01.PNG", "02.JPeG", "03.webp", "04.bmp"])
    for name in ("._00.jpg", ".hidden.png", "Thumbs.db", "notes.txt"):
        (folder / name).write_bytes(b"no frame")
    assert [path.name for path in list_images(folder).values()] == ["00.jpg", "01.PNG", "02.JPeG", "03.webp", "04.bmp"]
    for index, (_, image) in enumerate(FrameFolder(folder).read()):
        assert np.abs(image.astype(int) - picture(index)).mean() < 4


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1"])
def test_frames_of_any_mode_become_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "0.png"
    image = Image.fromarray(picture(3)).convert(mode)
    image.save(path)
    ((_, found),) = FrameFolder(tmp_path).read()
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, np.asarray(image.convert("RGB")))


def test_16_bit_grey_frames_keep_their_contrast_or_are_refused(tmp_path: Path) -> None:
    grey = np.linspace(0, 65535, 48 * 64).astype(np.uint16).reshape(SIZE)
    Image.fromarray(grey).save(tmp_path / "0.png")
    images, error = read_until_error(FrameFolder(tmp_path))
    if error is None:
        assert np.abs(images[0].astype(int) - (grey / 257).round()[..., None]).max() <= 1
    else:
        assert "0.png" in str(error)


def test_two_frames_of_one_base_name_are_refused(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "frames", ["00.jpg", "00.png"])
    with pytest.raises(InputError, match=r"00\.png.*00\.jpg"):
        FrameFolder(folder)


def test_frame_of_another_size_is_refused_by_name(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "frames", ["00.png", "01.png", "02.png"])
    Image.fromarray(picture(0, (20, 30))).save(folder / "01.png")
    with pytest.raises(InputError, match=r"01\.png.*30x20.*64x48"):
        _ = FrameFolder(folder).size


def test_truncated_jpeg_is_named_after_the_frames_before_it(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "frames", ["00.jpg", "01.jpg", "02.jpg"])
    cut = folder / "01.jpg"
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    frames = FrameFolder(folder).read()
    assert next(frames)[0] == "00"
    with pytest.raises(InputError, match=r"01\.jpg"):
        next(frames)


def test_frame_that_is_no_image_is_named(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "frames", ["00.png", "01.png"])
    (folder / "01.png").write_text("no image")
    with pytest.raises(InputError, match=r"01\.png"):
        _ = FrameFolder(folder).size
    with pytest.raises(InputError, match=r"01\.png"):
        list(FrameFolder(folder).read())


def test_empty_folder_and_missing_path_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: no frames"):
        open_frames(tmp_path / "empty")
    with pytest.raises(InputError, match=r"missing: no such file"):
        open_frames(tmp_path / "missing")


# Video files


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_video_file_gives_the_encoded_frames(tmp_path: Path, suffix: str) -> None:
    video = open_frames(write_video(tmp_path / f"clip{suffix}", [picture(index) for index in range(8)]))
    assert isinstance(video, VideoFile)
    assert video.names == [f"{index:05d}" for index in range(8)]
    assert video.size == SIZE
    assert video.frame_rate == 10
    read = list(video.read())
    assert [name for name, _ in read] == video.names
    for index, (_, image) in enumerate(read):
        assert image.dtype == np.uint8
        assert np.abs(image.astype(int) - picture(index)).mean() < CODEC_TOLERANCE


@pytest.mark.parametrize("start", [1, 5, 8])
def test_video_file_starts_at_an_offset(mp4: Path, start: int) -> None:
    whole, rest = list(VideoFile(mp4).read()), list(VideoFile(mp4).read(start))
    assert [name for name, _ in rest] == [f"{index:05d}" for index in range(start, 8)]
    for (_, expected), (_, found) in zip(whole[start:], rest):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("num_bytes_cut", [1, 30, 100, 200, 800])
def test_truncated_video_is_refused_and_the_frame_named(tmp_path: Path, mp4: Path, num_bytes_cut: int) -> None:
    """All frames before the one that the message names are given."""
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(mp4.read_bytes()[:-num_bytes_cut])
    images, error = read_until_error(VideoFile(cut))
    assert error is not None, f"{len(images)} of 8 frames were read, and no error"
    assert str(cut) in str(error)
    assert f"frame {len(images):05d}" in str(error)


@pytest.mark.parametrize("packet", [0, 4, 6, 7])
def test_damaged_video_never_loses_frames_silently(tmp_path: Path, mp4: Path, packet: int) -> None:
    """Overwrite one packet's data: the decoder may hide the damage, but no frame may be missing without an error."""
    with av.open(str(mp4)) as container:
        start, length = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size][packet]
    data = bytearray(mp4.read_bytes())
    data[start + 4 : start + length] = np.random.default_rng(0).bytes(length - 4)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(data)
    images, error = read_until_error(VideoFile(damaged))
    assert error is not None or len(images) == 8
    if error is not None:
        assert str(damaged) in str(error)
        assert f"frame {len(images):05d}" in str(error)


def test_names_are_those_of_the_frames_that_come(tmp_path: Path, mp4: Path) -> None:
    """An edit list, as trimming without re-encoding writes it, hides the first two and the last two frames."""
    data = bytearray(mp4.read_bytes())
    duration_at = data.index(b"elst") + 12  # name, version and flags, number of edits
    duration, start = struct.unpack_from(">2i", data, duration_at)
    with av.open(str(mp4)) as container:
        ticks_per_frame = int(1 / container.streams.video[0].time_base / 10)
    struct.pack_into(">2i", data, duration_at, duration // 2, start + 2 * ticks_per_frame)
    trimmed = tmp_path / "trimmed.mp4"
    trimmed.write_bytes(data)
    video = VideoFile(trimmed)
    read = list(video.read())
    assert 0 < len(read) < 8, "the edit list hides nothing"
    np.testing.assert_array_equal(read[0][1], list(VideoFile(mp4).read())[2][1])
    assert video.names == [name for name, _ in read]


@pytest.mark.parametrize(
    ("content", "cause"), [(b"", "an empty file"), (b"this is text, not a video\n" * 50, "unreadable video")]
)
def test_file_that_is_no_video_is_refused(tmp_path: Path, content: bytes, cause: str) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"clip\.mp4: {cause}"):
        open_frames(path)


def test_file_cut_within_its_index_is_refused(tmp_path: Path, mp4: Path) -> None:
    """Whatever is left of the index, the error is one that names the file."""
    whole, path = mp4.read_bytes(), tmp_path / "cut.mp4"
    for length in range(0, whole.index(b"mdat"), 60):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"cut\.mp4"):
            list(VideoFile(path).read())


# Rotations as phones write them: the corner of the display matrix, and numpy's counter-clockwise turns.
ROTATIONS = {"clockwise": ((0, 1, -1, 0), -1), "upside-down": ((-1, 0, 0, -1), 2), "anti": ((0, -1, 1, 0), 1)}


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_rotated_video_comes_upright(tmp_path: Path, mp4: Path, rotation: str) -> None:
    matrix, quarter_turns = ROTATIONS[rotation]
    rotated = VideoFile(write_rotated(tmp_path / "rotated.mp4", mp4, matrix))
    expected = [np.rot90(image, quarter_turns) for _, image in VideoFile(mp4).read()]
    assert rotated.size == expected[0].shape[:2]
    for (_, image), upright in zip(rotated.read(), expected, strict=True):
        assert image.flags.c_contiguous
        np.testing.assert_array_equal(image, upright)


def test_a_video_file_whose_frames_change_size_is_named(tmp_path: Path) -> None:
    with (tmp_path / "two.h264").open("wb") as file:
        for size in ((48, 64), (80, 96)):
            part = write_video(tmp_path / "part.h264", [picture(index, size) for index in range(3)])
            file.write(part.read_bytes())
    with pytest.raises(InputError, match=r"two\.h264: 96x80 pixels from frame 00003 on, 64x48 before; cut it there"):
        list(VideoFile(tmp_path / "two.h264").read())


# The first frame, to draw a mask on


def test_first_frame_is_written_as_it_is_read(tmp_path: Path, mp4: Path) -> None:
    """A rotated video's is upright; the folder is made, and any name gets a PNG."""
    video = VideoFile(write_rotated(tmp_path / "rotated.mp4", mp4, (0, 1, -1, 0)))
    path = tmp_path / "new" / "first.jpg"
    write_first_frame(video, path)
    with Image.open(path) as image:
        assert image.format == "PNG"
        np.testing.assert_array_equal(np.array(image), next(video.read())[1])
    assert [file.name for file in path.parent.iterdir()] == ["first.jpg"]


def test_first_frame_of_an_unreadable_video_is_not_written(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "frames", ["00.png", "01.png"])
    (folder / "00.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"00\.png: unreadable frame"):
        write_first_frame(FrameFolder(folder), tmp_path / "first.png")
    assert not (tmp_path / "first.png").exists()


def test_first_frame_does_not_become_part_of_its_video(tmp_path: Path, mp4: Path) -> None:
    folder = write_frames(tmp_path / "frames", ["00.png"])
    for video, path in ((FrameFolder(folder), folder / "first.png"), (VideoFile(mp4), mp4)):
        with pytest.raises(InputError, match=rf"{path.name}: would become part of the video"):
            write_first_frame(video, path)
    assert [file.name for file in folder.iterdir()] == ["00.png"]
    assert len(list(VideoFile(mp4).read())) == 8
