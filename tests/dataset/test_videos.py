"""Frames from folders and video files, videos with their masks, and the network's input."""

import itertools
import math
import struct
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch
from PIL import Image

from dataset.frames import FrameFolder, VideoFile, list_images, open_frames
from dataset.layouts import generic_videos
from dataset.transforms import input_size, prepare_image, prepare_mask
from dataset.videos import Video, VideoEntry
from output.masks import write_mask
from util.errors import InputError
from util.tensor_util import IMAGENET_MEAN, IMAGENET_STD, normalise

CPU = torch.device("cpu")
SIZE = (48, 64)
CODEC_TOLERANCE = 3  # mean absolute difference of 8-bit values after H.264 with 4:2:0 chroma


def picture(index: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A smooth frame, of which no two are alike and which no rotation or flip maps onto itself."""
    y, x = np.mgrid[: size[0], : size[1]]
    return np.stack([x * 3, y * 4, np.full_like(x, 20 * index)], -1).astype(np.uint8)


def write_frames(folder: Path, names: list[str]) -> Path:
    folder.mkdir(parents=True)
    for index, name in enumerate(names):
        Image.fromarray(picture(index)).save(folder / name)
    return folder


def write_video(path: Path, num_frames: int = 8) -> Path:
    """Write H.264; as mp4, the index in front of the data."""
    options = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=Fraction(10))
        stream.height, stream.width = SIZE
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "10"}
        for index in range(num_frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(index), format="rgb24")))
        container.mux(stream.encode())
    return path


def read_until_error(frames: FrameFolder | VideoFile) -> tuple[list[np.ndarray], InputError | None]:
    """The images that can be read, and the error that ends them if one does."""
    images: list[np.ndarray] = []
    try:
        images.extend(image for _, image in frames.read())
    except InputError as e:
        return images, e
    return images, None


@pytest.fixture(scope="module")
def mp4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "clip.mp4")


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
    video = open_frames(write_video(tmp_path / f"clip{suffix}", 8))
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


@pytest.mark.parametrize("content", [b"", b"this is text, not a video\n" * 50])
def test_file_that_is_no_video_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"clip\.mp4: unreadable video"):
        open_frames(path)


def test_file_cut_within_its_index_is_refused(tmp_path: Path, mp4: Path) -> None:
    """Whatever is left of the index, the error is one that names the file."""
    whole, path = mp4.read_bytes(), tmp_path / "cut.mp4"
    for length in range(0, whole.index(b"mdat"), 60):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"cut\.mp4"):
            list(VideoFile(path).read())


# Rotations as phones write them: the first two columns of the track's matrix, and numpy's counter-clockwise turns.
ROTATIONS = {"clockwise": ((0, 1, -1, 0), -1), "upside-down": ((-1, 0, 0, -1), 2), "anti": ((0, -1, 1, 0), 1)}


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_rotated_video_comes_upright(tmp_path: Path, mp4: Path, rotation: str) -> None:
    """Write the display matrix into the track header of the mp4, as a camera does."""
    (a, b, c, d), quarter_turns = ROTATIONS[rotation]
    data = bytearray(mp4.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 4 + 20 + 16  # name, version and flags, times and track, layer to volume
    assert struct.unpack_from(">9i", data, matrix) == (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    struct.pack_into(">9i", data, matrix, a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path = tmp_path / "rotated.mp4"
    path.write_bytes(data)
    rotated = VideoFile(path)
    expected = [np.rot90(image, quarter_turns) for _, image in VideoFile(mp4).read()]
    assert rotated.size == expected[0].shape[:2]
    for (_, image), upright in zip(rotated.read(), expected, strict=True):
        assert image.flags.c_contiguous
        np.testing.assert_array_equal(image, upright)


@pytest.mark.parametrize(("degrees", "quarter_turns"), [(0, 0), (90, 1), (-90, 3), (180, 2), (-180, 2)])
def test_upright_turns_counter_clockwise(degrees: int, quarter_turns: int) -> None:
    image = picture(1, (5, 7))
    frame = SimpleNamespace(to_ndarray=lambda format: image, rotation=degrees)
    expected = image
    for _ in range(quarter_turns):  # one turn counter-clockwise: rows become columns, the last column the first row
        expected = expected.transpose(1, 0, 2)[::-1]
    np.testing.assert_array_equal(VideoFile._upright(frame), expected)


# Videos with masks


def boxes(*labels: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A box of 4 x (label modulo 10) pixels for each id."""
    mask = np.zeros(size, np.uint8)
    for index, label in enumerate(labels):
        mask[8 * index : 8 * index + 4, 2 : 2 + label % 10] = label
    return mask


def write_masks(folder: Path, masks: dict[str, np.ndarray]) -> Path:
    folder.mkdir(parents=True)
    for name, mask in masks.items():
        write_mask(folder / f"{name}.png", mask)
    return folder


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
        if frame.name in masks:
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


def test_a_video_file_whose_frames_change_size_is_named(tmp_path: Path) -> None:
    with (tmp_path / "two.h264").open("wb") as file:
        for width, height in ((64, 48), (96, 80)):
            with av.open(str(tmp_path / "part.h264"), "w") as container:
                stream = container.add_stream("libx264", rate=24)
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                for _ in range(3):
                    frame = av.VideoFrame.from_ndarray(np.zeros((height, width, 3), np.uint8), format="rgb24")
                    container.mux(stream.encode(frame))
                container.mux(stream.encode())
            file.write((tmp_path / "part.h264").read_bytes())
    with pytest.raises(InputError, match=r"two\.h264: 96x80 pixels from frame 00003 on, 64x48 before; cut it there"):
        list(VideoFile(tmp_path / "two.h264").read())


# The generic layout


def test_generic_layout_lists_videos_by_name(tmp_path: Path) -> None:
    for name in ("swan", "bear", ".cache"):
        (tmp_path / "JPEGImages" / name).mkdir(parents=True)
    (tmp_path / "JPEGImages" / "readme.txt").touch()
    (tmp_path / "Annotations").mkdir()
    images, annotations = tmp_path / "JPEGImages", tmp_path / "Annotations"
    expected = [VideoEntry(name, images / name, annotations / name) for name in ("bear", "swan")]
    assert generic_videos(tmp_path) == expected


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        ([], r"JPEGImages: no such folder.*Annotations/<video>"),
        (["JPEGImages/bear"], r"Annotations: no such folder"),
        (["JPEGImages", "Annotations"], r"JPEGImages: no frames; expected a folder of images per video"),
    ],
)
def test_other_layouts_are_refused(tmp_path: Path, folders: list[str], message: str) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    with pytest.raises(InputError, match=message):
        generic_videos(tmp_path)


# The network's input


@pytest.mark.parametrize(
    ("native", "short_side", "expected"),
    [
        ((480, 854), 480, (480, 854)),
        ((720, 1280), 480, (480, 853)),
        ((1280, 720), 480, (853, 480)),
        ((1080, 1920), 480, (480, 853)),
        ((240, 320), 480, (480, 640)),
        ((360, 641), 480, (480, 854)),  # 854.67 is cut
        ((500, 500), 480, (480, 480)),
        ((721, 1283), -1, (721, 1283)),
    ],
)
def test_input_size(native: tuple[int, int], short_side: int, expected: tuple[int, int]) -> None:
    assert input_size(*native, short_side) == expected


def test_normalise_agrees_with_the_formula() -> None:
    image = picture(5)
    expected = (image / 255.0 - IMAGENET_MEAN) / IMAGENET_STD
    found = normalise(torch.from_numpy(image).permute(2, 0, 1))
    assert found.shape == (3, *SIZE)
    np.testing.assert_allclose(found.numpy(), expected.transpose(2, 0, 1), atol=1e-6)


def test_frame_of_the_right_size_is_only_normalised() -> None:
    image = picture(2)
    found = prepare_image(image, SIZE, CPU)
    assert found.is_contiguous()
    assert torch.equal(found, normalise(torch.from_numpy(image).permute(2, 0, 1)))


def bicubic_by_loops(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """``[3,H,W]`` -> ``[3,height,width]``: cubic convolution with a = -0.75 at pixel centres, borders repeated."""

    def weight(distance: float) -> float:
        x, a = abs(distance), -0.75
        if x <= 1:
            return (a + 2) * x**3 - (a + 3) * x**2 + 1
        return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0

    def matrix(num_in: int, num_out: int) -> np.ndarray:
        weights = np.zeros((num_out, num_in))
        for out in range(num_out):
            position = (out + 0.5) * num_in / num_out - 0.5
            for tap in range(math.floor(position) - 1, math.floor(position) + 3):
                weights[out, min(max(tap, 0), num_in - 1)] += weight(position - tap)
        return weights

    return matrix(image.shape[1], size[0]) @ image @ matrix(image.shape[2], size[1]).T


@pytest.mark.parametrize("size", [(17, 21), (48, 13), (3, 5)])
def test_resizing_is_bicubic_without_antialiasing_or_clamping(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 2, (12, 16, 3), np.uint8) * 255
    found = prepare_image(image, size, CPU).numpy()
    expected = bicubic_by_loops(normalise(torch.from_numpy(image).permute(2, 0, 1)).double().numpy(), size)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert found.max() > 2.7, "nothing overshoots, so clamping would go unnoticed"  # 2.64 is the largest input


@pytest.mark.parametrize("size", [(48, 64), (20, 27), (31, 80), (96, 128), (120, 7)])
def test_mask_is_resized_by_nearest_neighbour(size: tuple[int, int]) -> None:
    """Output pixel i takes input pixel floor(i * in / out); ids beyond float16 and uint8 survive."""
    mask = np.random.default_rng(1).choice([0, 1, 255, 40000, 65535], SIZE).astype(np.int32)
    expected = [[mask[i * SIZE[0] // size[0], j * SIZE[1] // size[1]] for j in range(size[1])] for i in range(size[0])]
    found = prepare_mask(mask, size, CPU)
    assert found.dtype == torch.int32
    np.testing.assert_array_equal(found.numpy(), expected)
