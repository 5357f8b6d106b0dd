"""Everything that is written for a video: what each export leaves, whole or not at all."""

import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from output.export import ExportedVideo
from output.names import NAMES, OutputPaths
from output.video import EXPORTS, VideoOutput
from tests.conftest import files_in, read_ids
from tests.output.videos import frame_result, read_video
from util.errors import InputError
from util.palette import PALETTE

PATIENCE = 10  # seconds after which a thread counts as hanging
CLIP_PALETTE = PALETTE[:3] + PALETTE[-1:2:-1]
RESULTS = (frame_result("0", (2,), (2,)), frame_result("1", (2, 5), (2, 5)), frame_result("2", (2, 5), (5,)))
ALL = tuple(EXPORTS)


def output(root: Path, *exports: str) -> VideoOutput:
    return VideoOutput(root / "clip.v1", CLIP_PALETTE, Fraction(24), exports, labels=(2, 5))


def wait_until(condition: Callable[[], bool]) -> bool:
    """Wait for background threads."""
    deadline = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()


@pytest.mark.parametrize("exports", [("masks",), ("masks", "overlay"), ("masks", "probabilities"), ALL])
def test_files_are_those_of_a_finished_video(tmp_path: Path, exports: tuple[str, ...]) -> None:
    paths = OutputPaths(tmp_path / "clip.v1")
    with output(tmp_path, *exports) as out:
        for result in RESULTS:
            out.write(result)
    files = paths.finished_files([result.name for result in RESULTS], exports, (2, 5))
    assert files_in(tmp_path) == sorted(str(path.relative_to(tmp_path)) for path in files)
    assert sorted(paths.existing_files()) == sorted(files)


@pytest.mark.parametrize("name", EXPORTS)
def test_every_export_writes_the_files_that_it_names(tmp_path: Path, name: str) -> None:
    """Also alone, and in a folder that is not there yet."""
    video = ExportedVideo(OutputPaths(tmp_path / "a/b/clip"), None, Fraction(24), None, labels=(2, 5))
    with EXPORTS[name](video) as export:
        export.write_leading(RESULTS[0].image)
        for result in RESULTS:
            export.write(result)
    files = video.paths.finished_files([result.name for result in RESULTS], [name], video.labels)
    assert files_in(tmp_path) == sorted(str(path.relative_to(tmp_path)) for path in files)
    assert EXPORTS.keys() == NAMES.keys()


@pytest.mark.parametrize("name", EXPORTS)
def test_export_that_fails_completes_nothing(tmp_path: Path, name: str) -> None:
    """Files of frames that were whole before stay."""
    video = ExportedVideo(OutputPaths(tmp_path / "clip"), None, Fraction(24), None, labels=(2,))

    def use() -> None:
        with EXPORTS[name](video) as export:
            export.write(RESULTS[0])
            raise InputError("frame 1 is unreadable")

    with pytest.raises(InputError, match="frame 1"):
        use()
    finished = video.paths.finished_files(["0"], [name], video.labels)
    of_frames = {str(path.relative_to(tmp_path)) for path in finished if path.parent != tmp_path}
    assert set(files_in(tmp_path)) == of_frames


def test_masks_keep_ids_and_palette_and_the_overlay_shows_all_frames(tmp_path: Path) -> None:
    with output(tmp_path, "masks", "overlay") as out:
        for _ in range(2):
            out.write_leading(RESULTS[0].image)
        for result in RESULTS:
            out.write(result)
    for result in RESULTS:
        with Image.open(tmp_path / f"clip.v1/{result.name}.png") as image:
            assert image.mode == "P"
            assert image.getpalette() == CLIP_PALETTE
            np.testing.assert_array_equal(np.asarray(image), result.ids)
    stored = read_video(tmp_path / "clip.v1_overlay.mp4")
    assert (stored.codec, stored.pixel_format, stored.frame_rate) == ("h264", "yuv420p", 24)
    assert stored.frames.shape == (5, 46, 62, 3)
    assert np.abs(stored.frames[1, :45, :61].astype(int) - RESULTS[0].image).mean() < 6


def test_probabilities_are_needed_only_if_they_are_written(tmp_path: Path) -> None:
    with output(tmp_path, "masks", "overlay") as out:
        out.write(RESULTS[0]._replace(probabilities=None))
    assert files_in(tmp_path) == ["clip.v1/0.png", "clip.v1_overlay.mp4"]


def test_16_bit_masks(tmp_path: Path) -> None:
    result = frame_result("7", (3, 300, 40000), (3, 300, 40000), np.uint16)
    with output(tmp_path, *ALL) as out:
        out.write(result)
    stored = read_ids(tmp_path / "clip.v1/7.png")
    assert stored.dtype == np.uint16
    np.testing.assert_array_equal(stored, result.ids)
    assert read_video(tmp_path / "clip.v1_overlay.mp4").frames.shape == (1, 46, 62, 3)


@pytest.mark.parametrize("num_written", [0, 1, 3])
def test_failing_block_keeps_finished_masks_and_no_half_file(tmp_path: Path, num_written: int) -> None:
    """Overlay and table of an earlier run stay as they were."""
    (tmp_path / "clip.v1_overlay.mp4").write_text("old")
    masks = {f"clip.v1/{index}.png": frame_result(str(index), (2,), (2,)) for index in range(num_written)}

    def use() -> None:
        with output(tmp_path, *ALL) as out:
            for result in masks.values():
                out.write(result)
            assert wait_until(lambda: all((tmp_path / mask).exists() for mask in masks))
            raise InputError("frame 3 is unreadable")

    with pytest.raises(InputError, match="frame 3"):
        use()
    of_frames = ("clip.v1_probabilities/", "clip.v1_cutout/", "clip.v1_alpha/")
    files = [file for file in files_in(tmp_path) if not file.startswith(of_frames)]
    assert files == [*masks, "clip.v1_overlay.mp4"]
    assert not [file for file in files_in(tmp_path) if "part" in file]
    assert (tmp_path / "clip.v1_overlay.mp4").read_text() == "old"
    for mask, result in masks.items():
        np.testing.assert_array_equal(read_ids(tmp_path / mask), result.ids)


@pytest.mark.parametrize("broken", [(Image.Image, "save"), (np, "savez_compressed")])
def test_error_while_writing_surfaces_and_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: tuple[object, str]
) -> None:
    def no_space(*_, **__) -> None:
        raise OSError("No space left on device")

    def use() -> None:
        with output(tmp_path, *ALL) as out:
            for index in range(3):
                out.write(frame_result(str(index), (2,), (2,)))

    monkeypatch.setattr(*broken, no_space)
    with pytest.raises(OSError, match="No space"):
        use()
    assert [file for file in files_in(tmp_path) if "/" not in file or "part" in file] == []


def test_repeated_run_replaces_all(tmp_path: Path) -> None:
    for shown in ((2,), ()):
        with output(tmp_path, *ALL) as out:
            out.write(frame_result("0", (2,), shown))
    assert not read_ids(tmp_path / "clip.v1/0.png").any()
    assert (tmp_path / "clip.v1_probabilities.csv").read_text().splitlines()[1:] == ["0,2,0,0.0000"]
