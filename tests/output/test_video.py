"""What is written: files whole or not at all, in background threads, as masks, overlays and scores."""

import csv
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from output.overlay import OPACITY, OverlayVideo, draw_overlay
from output.video import Prediction, VideoOutput
from tests.conftest import read_ids
from util.errors import InputError
from util.files import natural_key, write_then_rename
from util.palette import PALETTE
from util.pipeline import BackgroundWriter, map_ahead, prefetch
from util.script import script_main

PATIENCE = 10  # seconds after which a thread counts as hanging


def wait_until(condition: Callable[[], bool]) -> bool:
    """Wait for background threads."""
    deadline = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()


def returns(function: Callable[[], object]) -> bool:
    """Whether ``function`` comes back rather than hanging."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return not thread.is_alive()


# Files


def test_natural_key_orders_numbers_by_value() -> None:
    names = ["f10b", "f9", "10", "f", "2", "1", "f10a", "g1"]
    assert sorted(names, key=natural_key) == ["1", "2", "10", "f", "f9", "f10a", "f10b", "g1"]


def test_natural_key_tells_leading_zeros_apart() -> None:
    """Names that mean one number still have one order, whatever the order in which they are found."""
    for names in itertools.permutations(["1", "01", "001", "2"]):
        assert sorted(names, key=natural_key)[-1] == "2"
        assert sorted(names, key=natural_key) == sorted(names[::-1], key=natural_key)


def test_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "some.clip.npz"
    with write_then_rename(path) as temporary:
        assert temporary.suffix == ".npz"
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".")
        temporary.write_text("new")
        assert not path.exists()
    assert [file.name for file in tmp_path.iterdir()] == ["some.clip.npz"]
    assert path.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failing_block_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")

    def use() -> None:
        with write_then_rename(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        use()
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"file.txt": "old"}


def test_full_disk_is_told_of(tmp_path: Path) -> None:
    """As torch.save does; other errors of PyTorch stay what they are."""

    def use(message: str) -> None:
        with write_then_rename(tmp_path / "network.pth") as temporary:
            temporary.write_text("half")
            raise RuntimeError(message)

    with pytest.raises(InputError, match="network.pth: cannot be written to its end; make room"):
        use("inline_container.cc:668 . PytorchStreamWriter failed writing file data/2: file write failed")
    with pytest.raises(RuntimeError, match="size mismatch"):
        use("size mismatch")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore"), "out of memory (CUDA out of"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 8 bytes"), "out of memory (DefaultCPU"),
        (MemoryError("Unable to allocate 1 TiB"), "out of memory (Unable"),
        (OSError(28, "No space left on device", "masks/1.png"), "masks/1.png: No space left on device"),
        (InputError("a: b; c"), "a: b; c"),
    ],
)
def test_scripts_end_with_one_line(run_main: Callable, error: Exception, line: str) -> None:
    @script_main
    def main() -> None:
        raise error

    status, out, err = run_main(main)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert f"error: {line}" in err


def test_errors_of_ours_keep_their_traceback(run_main: Callable) -> None:
    @script_main
    def main() -> None:
        raise RuntimeError("size mismatch")

    with pytest.raises(RuntimeError, match="size mismatch"):
        main()


def test_files_of_one_folder_have_different_temporary_names(tmp_path: Path) -> None:
    with write_then_rename(tmp_path / "1.png") as first, write_then_rename(tmp_path / "2.png") as second:
        assert first != second
        first.write_text("1")
        second.write_text("2")
    assert (tmp_path / "1.png").read_text() == "1"


# Reading ahead


@pytest.mark.parametrize("depth", [1, 3, 50])
def test_prefetch_keeps_order(depth: int) -> None:
    assert list(prefetch(range(20), depth)) == list(range(20))
    assert list(prefetch([None, 0, None], depth)) == [None, 0, None]
    assert list(prefetch([], depth)) == []


@pytest.mark.parametrize("depth", [1, 2, 8])
def test_prefetch_raises_errors_where_they_belong(depth: int) -> None:
    def source() -> Iterator[int]:
        yield from range(3)
        raise InputError("frame 3")

    items = prefetch(source(), depth)
    assert [next(items), next(items), next(items)] == [0, 1, 2]
    with pytest.raises(InputError, match="frame 3"):
        next(items)


@pytest.mark.parametrize("depth", [1, 4])
def test_prefetch_reads_depth_items_ahead_and_no_more(depth: int) -> None:
    produced = []

    def source() -> Iterator[int]:
        for index in range(100):
            produced.append(index)
            yield index

    items = prefetch(source(), depth)
    for num_taken in range(1, 10):
        next(items)
        assert wait_until(lambda: len(produced) >= num_taken + depth)  # noqa: B023
        time.sleep(0.01)
        assert len(produced) == num_taken + depth
    items.close()


@pytest.mark.parametrize("num_threads", [1, 3, 50])
def test_mapping_ahead_keeps_order_and_puts_errors_where_they_belong(num_threads: int) -> None:
    def invert(number: int) -> float:
        time.sleep(0.002 * (number % 3))
        return 1 / number

    assert list(map_ahead(invert, range(1, 20), num_threads)) == [1 / number for number in range(1, 20)]
    items = map_ahead(invert, [1, 2, 0, 4], num_threads)
    assert [next(items), next(items)] == [1, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(items)


def test_mapping_ahead_closed_early_drops_what_waits() -> None:
    begun = []
    items = map_ahead(begun.append, itertools.count(), 2)
    next(items)
    assert returns(items.close)
    assert len(begun) <= 3


def test_prefetch_works_in_another_thread() -> None:
    threads = []

    def source() -> Iterator[int]:
        threads.append(threading.current_thread())
        yield 1

    assert list(prefetch(source(), 2)) == [1]
    assert threads[0] is not threading.current_thread()


def test_prefetch_closed_early_stops_its_source() -> None:
    produced = []

    def source() -> Iterator[int]:
        for index in itertools.count():
            produced.append(index)
            yield index

    num_threads = threading.active_count()
    items = prefetch(source(), 3)
    assert [next(items), next(items)] == [0, 1]
    assert returns(items.close)
    num_produced = len(produced)
    assert num_produced <= 5
    assert wait_until(lambda: threading.active_count() <= num_threads)
    assert len(produced) == num_produced


# Writing behind


@pytest.mark.parametrize("num_threads", [1, 3])
def test_all_tasks_are_done_at_the_end(num_threads: int) -> None:
    done = []

    def task(index: int) -> None:
        time.sleep(0.002)
        done.append(index)

    with BackgroundWriter(num_threads) as writer:
        for index in range(30):
            writer.submit(task, index)
    assert sorted(done) == list(range(30))
    if num_threads == 1:
        assert done == list(range(30))


def test_submit_waits_while_the_queue_is_full() -> None:
    done, max_waiting = [], 0
    with BackgroundWriter(2, max_pending=3) as writer:
        for num_submitted in range(1, 31):
            writer.submit(lambda: (time.sleep(0.002), done.append(1)))
            max_waiting = max(max_waiting, num_submitted - len(done))
    assert max_waiting <= 3
    assert len(done) == 30


def fail() -> None:
    raise OSError("disk full")


def test_error_of_a_task_is_raised_at_the_end() -> None:
    def use() -> None:
        with BackgroundWriter(1) as writer:
            writer.submit(fail)
            writer.submit(lambda: None)

    with pytest.raises(OSError, match="disk full"):
        use()


def test_error_of_a_task_is_raised_by_a_later_submit() -> None:
    submitted = []

    def use() -> None:
        with BackgroundWriter(1, max_pending=2) as writer:
            for index in range(100):
                writer.submit(fail)
                submitted.append(index)

    with pytest.raises(OSError, match="disk full"):
        use()
    assert submitted == [0, 1]


def test_waiting_tasks_are_dropped_when_the_block_fails() -> None:
    release, started, done = threading.Event(), threading.Event(), []

    def first() -> None:
        started.set()
        release.wait(PATIENCE)
        done.append("first")

    def use() -> None:
        with BackgroundWriter(1) as writer:
            writer.submit(first)
            for name in ("second", "third"):
                writer.submit(done.append, name)
            assert started.wait(PATIENCE)
            threading.Timer(0.2, release.set).start()
            raise KeyError("the block")

    with pytest.raises(KeyError, match="the block"):
        use()
    assert done == ["first"]


# Overlays


def gradient(size: tuple[int, int]) -> np.ndarray:
    y, x = np.mgrid[: size[0], : size[1]]
    return np.stack([y + 40, x + 60, 200 - x], -1).astype(np.uint8)


@pytest.mark.parametrize(
    ("dtype", "label", "slot"),
    [(np.uint8, 1, 1), (np.uint8, 255, 255), (np.uint16, 255, 255), (np.uint16, 256, 1), (np.uint16, 300, 45)],
)
def test_objects_are_tinted_and_the_rest_is_untouched(dtype: type, label: int, slot: int) -> None:
    image = gradient((120, 100))
    mask = np.zeros((120, 100), dtype)
    mask[20:100, 10:90] = label
    before = image.copy(), mask.copy()
    canvas = draw_overlay(image, mask, PALETTE)
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(mask, before[1])

    outside = np.ones(mask.shape, bool)
    outside[16:104, 6:94] = False  # the outline reaches at most 4 pixels out
    np.testing.assert_array_equal(canvas[outside], image[outside])

    inside = np.zeros(mask.shape, bool)
    inside[25:40, 15:85] = True  # clear of the outline and of the number in the middle
    colour = np.array(PALETTE[3 * slot : 3 * slot + 3])
    expected = (1 - OPACITY) * image[inside] + OPACITY * colour
    np.testing.assert_allclose(canvas[inside], expected, atol=0.51)


def test_outline_and_number_are_drawn() -> None:
    """The outline has the object's colour and a light rim; the number is the object's, at the deepest place."""
    image, mask = gradient((120, 100)), np.zeros((120, 100), np.uint16)
    mask[20:100, 10:90] = 1
    first = draw_overlay(image, mask, PALETTE)
    np.testing.assert_allclose(first[25:95, 10], np.tile(PALETTE[3:6], (70, 1)), atol=60)  # blended with the rim
    assert (first[25:95, 9] > image[25:95, 9]).all()
    assert (first[50:70, 40:60] == 255).all(-1).any()
    second = draw_overlay(image, mask * 256, PALETTE)  # of the same colour
    differing = np.argwhere((first != second).any(-1))
    assert (differing.min(0) >= (40, 25)).all()
    assert (differing.max(0) <= (80, 75)).all()
    widths = [np.ptp(np.nonzero((canvas[40:80, 25:75] > 200).all(-1))[1]) for canvas in (first, second)]
    assert widths[1] > 1.5 * widths[0] > 0, "256 is wider than 1"


@pytest.mark.parametrize("grey", [0, 255])
def test_number_stands_out_from_dark_and_from_bright_objects(grey: int) -> None:
    image, mask = np.full((120, 100, 3), grey, np.uint8), np.zeros((120, 100), np.uint8)
    mask[20:100, 10:90] = 8
    canvas = draw_overlay(image, mask, [grey] * 768)
    assert np.abs(canvas[40:80, 25:75].astype(int) - grey).max() > 150


def test_empty_mask_leaves_the_frame() -> None:
    image = gradient((30, 40))
    np.testing.assert_array_equal(draw_overlay(image, np.zeros((30, 40), np.uint8), PALETTE), image)


@pytest.mark.parametrize("pixel", [(0, 0), (29, 39), (15, 0)])
def test_object_of_one_pixel_at_the_rim(pixel: tuple[int, int]) -> None:
    image, mask = gradient((30, 40)), np.zeros((30, 40), np.uint8)
    mask[pixel] = 9
    canvas = draw_overlay(image, mask, PALETTE)
    assert canvas.shape == image.shape
    assert (canvas[pixel] != image[pixel]).any()


def read_video(path: Path) -> tuple[str, str, Fraction, np.ndarray]:
    """Codec, pixel format, frame rate and frames ``[T,H,W,3]``."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
        return stream.codec_context.name, stream.codec_context.pix_fmt, stream.average_rate, frames


@pytest.mark.parametrize("size", [(45, 61), (46, 61), (45, 62), (46, 62)])
def test_overlay_video_plays_in_browsers_and_has_even_sides(tmp_path: Path, size: tuple[int, int]) -> None:
    images = [np.roll(gradient(size), 3 * index, 0) for index in range(4)]
    with OverlayVideo(tmp_path / "overlay.mp4", Fraction(25)) as video:
        for image in images:
            video.write(image)
    codec, pixel_format, frame_rate, frames = read_video(tmp_path / "overlay.mp4")
    assert (codec, pixel_format, frame_rate) == ("h264", "yuv420p", 25)
    assert frames.shape == (4, 46, 62, 3)
    for frame, image in zip(frames, images):
        assert np.abs(frame[: size[0], : size[1]].astype(int) - image).mean() < 6
    data = (tmp_path / "overlay.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "the index must come first for playing while loading"


@pytest.mark.parametrize("frame_rate", [Fraction(30000, 1001), Fraction(1000000, 33333), Fraction(1, 2)])
def test_overlay_keeps_the_frame_rate(tmp_path: Path, frame_rate: Fraction) -> None:
    with OverlayVideo(tmp_path / "overlay.mp4", frame_rate) as video:
        for _ in range(4):
            video.write(gradient((32, 48)))
    assert float(read_video(tmp_path / "overlay.mp4")[2]) == pytest.approx(float(frame_rate), rel=1e-3)


def test_missing_h264_encoder_is_an_input_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message tells what to do, and nothing is left behind."""

    class Container:
        def __init__(self, *_, **__) -> None: ...

        def add_stream(self, codec: str, **_) -> None:
            raise ValueError(f"codec {codec} not found")

        def mux(self, _) -> None: ...

        def close(self) -> None: ...

    monkeypatch.setattr(av, "open", Container)
    with pytest.raises(InputError, match="--overlay"), OverlayVideo(tmp_path / "o.mp4", Fraction(25)) as video:
        video.write(gradient((32, 48)))
    assert list(tmp_path.iterdir()) == []


# All that is written for a video

CLIP_PALETTE = PALETTE[:3] + PALETTE[-1:2:-1]
FOLDERS = [("clip.v1", ".png"), ("clip.v1_scores", ".npz")]


def prediction(name: str, labels: tuple[int, ...], shown: tuple[int, ...], dtype: type = np.uint8) -> Prediction:
    """A box for each shown label at a place of its own, with random probabilities."""
    height, width = 45, 61
    mask = np.zeros((height, width), dtype)
    for index, label in enumerate(labels):
        if label in shown:
            mask[4 + 13 * index : 14 + 13 * index, 5:50] = label
    rng = np.random.default_rng(int(name))
    probabilities = rng.random((1 + len(labels), height, width)).astype(np.float16)
    return Prediction(name, gradient((height, width)), mask, labels, probabilities)


def tree(root: Path) -> set[str]:
    """Names of all files below ``root``."""
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def output(root: Path, *, overlay: bool = True, save_scores: bool = True) -> VideoOutput:
    return VideoOutput(root / "clip.v1", CLIP_PALETTE, Fraction(24), overlay=overlay, save_scores=save_scores)


def test_masks_overlay_and_scores(tmp_path: Path) -> None:
    """Object 5 joins in frame 1, and object 2 is out of sight in frame 2."""
    predictions = [prediction("0", (2,), (2,)), prediction("1", (2, 5), (2, 5)), prediction("2", (2, 5), (5,))]
    with output(tmp_path) as out:
        for item in predictions:
            out.write(item)
    masks, scores = ({f"{folder}/{index}{suffix}" for index in range(3)} for folder, suffix in FOLDERS)
    assert tree(tmp_path) == masks | scores | {"clip.v1_overlay.mp4", "clip.v1_scores.csv"}

    for item in predictions:
        with Image.open(tmp_path / f"clip.v1/{item.name}.png") as image:
            assert image.mode == "P"
            assert image.getpalette() == CLIP_PALETTE
            np.testing.assert_array_equal(np.asarray(image), item.mask)
        with np.load(tmp_path / f"clip.v1_scores/{item.name}.npz") as stored:
            assert stored["probabilities"].dtype == np.float16
            np.testing.assert_array_equal(stored["probabilities"], item.probabilities)
            assert stored["labels"].tolist() == list(item.labels)

    codec, pixel_format, frame_rate, frames = read_video(tmp_path / "clip.v1_overlay.mp4")
    assert (codec, pixel_format, frame_rate) == ("h264", "yuv420p", 24)
    assert frames.shape == (3, 46, 62, 3)
    for frame, item in zip(frames, predictions):
        expected = draw_overlay(item.image, item.mask, CLIP_PALETTE).astype(int)
        assert np.abs(frame[:45, :61] - expected).mean() < 10
        assert np.abs(frame[:45, :61] - expected).mean() < np.abs(frame[:45, :61] - item.image.astype(int)).mean()

    with (tmp_path / "clip.v1_scores.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["frame", "id", "pixels", "mean_probability"]
    assert [(row[0], int(row[1])) for row in rows] == [("0", 2), ("1", 2), ("1", 5), ("2", 2), ("2", 5)]
    for frame, label, pixels, mean in rows:
        item = predictions[int(frame)]
        values = [
            float(item.probabilities[1 + item.labels.index(int(label)), y, x])
            for y, x in itertools.product(range(45), range(61))
            if item.mask[y, x] == int(label)
        ]
        assert int(pixels) == len(values)
        assert float(mean) == pytest.approx(sum(values) / len(values) if values else 0, abs=5.1e-5)
    assert rows[3][2:] == ["0", "0.0000"]


def test_masks_only(tmp_path: Path) -> None:
    with output(tmp_path, overlay=False, save_scores=False) as out:
        out.write(prediction("0", (2,), (2,))._replace(probabilities=None))
    assert tree(tmp_path) == {"clip.v1/0.png"}


def test_16_bit_masks(tmp_path: Path) -> None:
    item = prediction("7", (3, 300, 40000), (3, 300, 40000), np.uint16)
    with output(tmp_path) as out:
        out.write(item)
    stored = read_ids(tmp_path / "clip.v1/7.png")
    assert stored.dtype == np.uint16
    np.testing.assert_array_equal(stored, item.mask)
    assert read_video(tmp_path / "clip.v1_overlay.mp4")[3].shape == (1, 46, 62, 3)


@pytest.mark.parametrize("num_written", [0, 1, 3])
def test_failing_block_keeps_finished_masks_and_no_half_file(tmp_path: Path, num_written: int) -> None:
    """Overlay and table of an earlier run stay as they were."""
    (tmp_path / "clip.v1_overlay.mp4").write_text("old")
    names = [str(index) for index in range(num_written)]

    def use() -> None:
        with output(tmp_path) as out:
            for name in names:
                out.write(prediction(name, (2,), (2,)))
            assert wait_until(lambda: all((tmp_path / f"clip.v1/{name}.png").exists() for name in names))
            raise InputError("frame 3 is unreadable")

    with pytest.raises(InputError, match="frame 3"):
        use()
    files = tree(tmp_path)
    assert {file for file in files if file.startswith("clip.v1/")} == {f"clip.v1/{name}.png" for name in names}
    assert {file for file in files if "/" not in file} == {"clip.v1_overlay.mp4"}
    assert not [file for file in files if "part" in file]
    assert (tmp_path / "clip.v1_overlay.mp4").read_text() == "old"
    for name in names:
        np.testing.assert_array_equal(read_ids(tmp_path / f"clip.v1/{name}.png"), prediction(name, (2,), (2,)).mask)


@pytest.mark.parametrize("broken", ["mask", "scores"])
def test_error_while_writing_surfaces_and_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def no_space(*_, **__) -> None:
        raise OSError("No space left on device")

    def use() -> None:
        with output(tmp_path) as out:
            for index in range(3):
                out.write(prediction(str(index), (2,), (2,)))

    monkeypatch.setattr(*{"mask": (Image.Image, "save"), "scores": (np, "savez_compressed")}[broken], no_space)
    with pytest.raises(OSError, match="No space"):
        use()
    assert {file for file in tree(tmp_path) if "/" not in file or "part" in file} == set()


def test_repeated_run_replaces_all(tmp_path: Path) -> None:
    for shown in ((2,), ()):
        with output(tmp_path) as out:
            out.write(prediction("0", (2,), shown))
    assert not read_ids(tmp_path / "clip.v1/0.png").any()
    assert (tmp_path / "clip.v1_scores.csv").read_text().splitlines()[1:] == ["0,2,0,0.0000"]
