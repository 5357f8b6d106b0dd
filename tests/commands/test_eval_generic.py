"""The command line of eval_generic.py: parity with the published outputs, options, bad input."""

import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import eval_generic
from dataset.frames import open_frames, read_first_frame
from output.masks import write_mask
from tests.conftest import TESTS, assert_same_masks, files_in, read_ids, results_in, write_clip

ROOT = TESTS.parent


def run_script(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the script as a user does, from another folder."""
    command = [sys.executable, str(ROOT / "eval_generic.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=TESTS)


@pytest.fixture
def run(run_main: Callable, weights: Path) -> Callable[..., tuple[int, str, str]]:
    """Run the script's main in this process at a small size."""
    return partial(run_main, eval_generic.main, "--model", weights, "--size", 32, "--amp_off")


@pytest.mark.long
def test_published_outputs_are_reproduced(weights: Path, tmp_path: Path) -> None:
    """Same files, same mode and palette, 99.99 % of pixels."""
    expected_root = TESTS / "benchmarks" / "expected" / "generic"
    arguments = ["--data_path", TESTS / "benchmarks" / "generic", "--output", tmp_path, "--model", weights]
    result = run_script(*arguments, "--amp_off", "--device", "cpu", "--exact")
    assert result.returncode == 0, result.stderr
    assert_same_masks(tmp_path, expected_root)


def test_command_line_writes_masks_overlay_scores_and_summary(weights: Path, tmp_path: Path) -> None:
    frames, mask = write_clip(tmp_path)
    arguments = ["--video", frames, "--mask", mask, "--output", tmp_path / "out", "--model", weights, "--size", 32]
    result = run_script(*arguments, "--overlay", "--save_scores", "--device", "cpu")
    assert result.returncode == 0, result.stderr
    names = [f"{index:05d}" for index in range(4)]
    expected = [f"frames/{name}.png" for name in names] + [f"frames_probabilities/{name}.npz" for name in names]
    assert results_in(tmp_path / "out") == sorted([*expected, "frames_overlay.mp4", "frames_probabilities.csv"])
    assert re.search(r"4 frames, 2 objects, [\d.]+ FPS .*peak memory [\d.]+ GiB", result.stdout)
    assert f"masks are in {tmp_path / 'out'}, overlay and probabilities beside them" in result.stdout
    assert "4 of 4" in result.stderr  # progress bar
    with np.load(tmp_path / "out" / "frames_probabilities" / "00003.npz") as scores:
        assert np.abs(scores["probabilities"].sum(0) - 1).max() < 2e-3
        ids = np.array([0, *scores["labels"]])[scores["probabilities"].argmax(0)]
    assert (ids == read_ids(tmp_path / "out" / "frames" / "00003.png")).mean() > 0.99


def test_precision_is_computed_in_as_asked(run, tmp_path: Path) -> None:
    frames, mask = write_clip(tmp_path)
    for precision in ("bfloat16", "float32"):
        arguments = ["--video", frames, "--mask", mask, "--output", tmp_path / precision, "--device", "cpu"]
        status, out, _ = run(*arguments, "--precision", precision)
        assert status == 0
        assert f"(cpu, {precision})" in out


def test_ids_above_255_make_16_bit_masks_at_native_size(run, tmp_path: Path) -> None:
    frames, mask = write_clip(tmp_path, 2, (50, 70))
    ids = np.array([0, 7, 40000], np.uint16)[read_ids(mask)]
    write_mask(mask, ids)
    assert run("--video", frames, "--mask", mask, "--output", tmp_path / "out")[0] == 0
    found = cv2.imread(str(tmp_path / "out" / "frames" / "00001.png"), cv2.IMREAD_UNCHANGED)
    assert found.dtype == np.uint16
    assert found.shape == (50, 70)
    assert set(np.unique(found)) <= {0, 7, 40000}


def test_keep_annotations_writes_given_masks_through(run, tmp_path: Path) -> None:
    """A second mask that labels one object only leaves the other to propagation."""
    frames, mask = write_clip(tmp_path)
    masks = tmp_path / "masks"
    masks.mkdir()
    first = read_ids(mask)
    second = np.zeros_like(first)
    second[3:9, 5:30] = 2
    write_mask(masks / "00000.png", first)
    write_mask(masks / "00002.png", second)
    arguments = ["--video", frames, "--mask", masks, "--keep_annotations", "--output", tmp_path / "out"]
    assert run(*arguments)[0] == 0
    assert np.array_equal(read_ids(tmp_path / "out" / "frames" / "00000.png"), first)
    assert np.array_equal(read_ids(tmp_path / "out" / "frames" / "00002.png") == 2, second == 2)


def test_resume_skips_finished_videos_only(run, tmp_path: Path) -> None:
    for name in ("a", "b"):
        frames, mask = write_clip(tmp_path / name, 3)
        (tmp_path / "data" / "JPEGImages").mkdir(parents=True, exist_ok=True)
        frames.rename(tmp_path / "data" / "JPEGImages" / name)
        (tmp_path / "data" / "Annotations" / name).mkdir(parents=True)
        mask.rename(tmp_path / "data" / "Annotations" / name / "00000.png")
    arguments = ["--data_path", tmp_path / "data", "--output", tmp_path / "out"]
    assert run(*arguments)[0] == 0
    finished, unfinished = tmp_path / "out" / "a" / "00001.png", tmp_path / "out" / "b" / "00002.png"
    unfinished.unlink()
    before = finished.stat().st_mtime_ns
    status, out, _ = run(*arguments, "--resume")
    assert status == 0
    assert "a (1 of 2): all is there, skipped" in out
    assert finished.stat().st_mtime_ns == before
    assert unfinished.exists()
    status, out, _ = run(*arguments, "--resume", "--overlay")  # the overlays are not there yet
    assert status == 0
    assert "skipped" not in out
    assert (tmp_path / "out" / "a_overlay.mp4").exists()


def test_one_bad_video_does_not_lose_the_others(run, tmp_path: Path) -> None:
    frames, mask = write_clip(tmp_path, 2)
    for name in ("bad", "good"):
        target = tmp_path / "data" / "JPEGImages" / name
        target.mkdir(parents=True)
        for path in frames.iterdir():
            (target / path.name).write_bytes(path.read_bytes())
    (tmp_path / "data" / "Annotations" / "good").mkdir(parents=True)
    mask.rename(tmp_path / "data" / "Annotations" / "good" / "00000.png")
    status, _, err = run("--data_path", tmp_path / "data", "--output", tmp_path / "out")
    assert status == 1
    assert "Annotations/bad: no mask there" in err
    assert results_in(tmp_path / "out") == ["good/00000.png", "good/00001.png"]


def empty_folder(root: Path) -> list:
    (root / "empty").mkdir()
    return ["--video", root / "empty"]


def without_mask(root: Path) -> list:
    return ["--mask", root / "nowhere.png"]


def mask_of_other_size(root: Path) -> list:
    write_mask(root / "small.png", np.ones((20, 20), np.uint8))
    return ["--mask", root / "small.png"]


def empty_mask(root: Path) -> list:
    write_mask(root / "empty.png", np.zeros((48, 64), np.uint8))
    return ["--mask", root / "empty.png"]


def many_objects(root: Path) -> list:
    write_mask(root / "many.png", np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) // 50)
    return ["--mask", root / "many.png"]


def truncated_video(root: Path) -> list:
    (root / "clip.mp4").write_bytes(b"\0\0\0\x18ftypisom\0\0\0\0")
    return ["--video", root / "clip.mp4"]


def mask_in_the_output(root: Path) -> list:
    """A corrected result of an earlier run, given as the mask of the next."""
    (root / "out" / "frames").mkdir(parents=True)
    write_mask(root / "out" / "frames" / "00000.png", np.ones((48, 64), np.uint8))
    return ["--mask", root / "out" / "frames" / "00000.png"]


def mask_of_no_frame(root: Path) -> list:
    (root / "masks").mkdir()
    write_mask(root / "masks" / "00077.png", np.ones((48, 64), np.uint8))
    return ["--mask", root / "masks"]


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (empty_folder, r"empty: no frames"),
        (without_mask, r"nowhere\.png: no mask there"),
        (mask_of_other_size, r"small\.png: mask of 20x20 pixels for frames of 64x48; resize it"),
        (empty_mask, r"empty\.png: no object"),
        (many_objects, r"many\.png: 61 objects, more than max_objects 50; ids \(pixels\): 1 \(50 px\), 2 \(50 px\)"),
        (truncated_video, r"clip\.mp4: unreadable video"),
        (mask_of_no_frame, r"00077\.png: no such frame in .*frames, which has 00000 to 00003"),
        (lambda root: ["--video", root / "nowhere"], r"nowhere: no such file or folder"),
        (lambda root: ["--output", root / "frames" / "out"], r"would write into the input"),
        (lambda root: ["--output", root], r"would write into the input"),
        (lambda root: ["--output", root / "one.png"], r"one\.png: cannot be a folder to write to"),
        (mask_in_the_output, r"would write into the input"),
        (lambda root: ["--device", "cuda:99"], r"device 'cuda:99': not available here"),
        (lambda root: ["--device", "abacus"], r"device 'abacus': unknown"),
        (lambda root: ["--model", root / "first.png"], r"first\.png: not a PyTorch file"),
        (lambda root: ["--model", root / "none.pth"], r"none\.pth: no such file; .*download_model\.py"),
        (lambda root: ["--ignore_id", 1, "--mask", root / "one.png"], r"one\.png: no object"),
    ],
)
def test_bad_input_gets_one_line_and_writes_nothing(run, tmp_path: Path, prepare, message: str) -> None:
    frames, mask = write_clip(tmp_path)
    write_mask(tmp_path / "one.png", (read_ids(mask) > 0).astype(np.uint8))
    arguments = ["--video", frames, "--mask", mask, "--output", tmp_path / "out", *prepare(tmp_path)]
    before = files_in(tmp_path)
    status, out, err = run(*arguments)
    assert status == 2
    assert re.fullmatch(rf"eval_generic\.py: error: [^\n]*{message}[^\n]*\n", err), err
    assert not out
    assert files_in(tmp_path) == before


def test_truncated_frame_is_named_and_leaves_whole_masks_only(run, tmp_path: Path) -> None:
    frames, mask = write_clip(tmp_path)
    path = frames / "00002.jpg"
    path.write_bytes(path.read_bytes()[:-300])
    status, _, err = run("--video", frames, "--mask", mask, "--output", tmp_path / "out", "--overlay", "--save_scores")
    assert status == 2
    assert "00002.jpg: unreadable frame" in err.splitlines()[-1]
    assert {name for name in results_in(tmp_path / "out") if "probabilities/" not in name} <= {
        "frames/00000.png",
        "frames/00001.png",
    }
    for name in results_in(tmp_path / "out" / "frames"):
        assert read_ids(tmp_path / "out" / "frames" / name).shape == (48, 64)


@pytest.mark.long
def test_peak_memory_does_not_depend_on_the_length(weights: Path, tmp_path: Path) -> None:
    """2000 frames against 200, 96 x 128, bounded memory: within 5 %."""
    peaks = []
    for num_frames in (200, 2000):
        root = tmp_path / str(num_frames)
        frames, mask = write_clip(root, 10, (96, 128), objects=1)
        for index in range(10, num_frames):
            (frames / f"{index:05d}.jpg").symlink_to(frames / f"{index % 10:05d}.jpg")
        arguments = ["--video", frames, "--mask", mask, "--output", root / "out", "--model", weights, "--size", -1]
        result = run_script(*arguments, "--max_memory_frames", 10, "--device", "cpu")
        assert result.returncode == 0, result.stderr
        assert len(results_in(root / "out")) == num_frames
        peaks.append(float(re.search(r"peak memory ([\d.]+) GiB", result.stdout)[1]))
    assert peaks[1] <= 1.05 * peaks[0], peaks


def test_paint_on_the_photograph_itself_is_refused(run, tmp_path: Path) -> None:
    """The demo's first frame has a large even sky; an object painted flat on it does not make it a mask."""
    image = read_first_frame(open_frames(ROOT / "demo/clip.mp4"))
    cv2.ellipse(image, (400, 265), (100, 205), 0, 0, 360, (255, 0, 0), -1)
    Image.fromarray(image).save(tmp_path / "painted.png")
    arguments = ["--video", ROOT / "demo/clip.mp4", "--mask", tmp_path / "painted.png", "--output", tmp_path / "out"]
    status, _, err = run(*arguments)
    assert status == 2
    assert re.search(r"painted\.png: \d+ objects, .* look like a photograph; give masks, flat colours", err)
