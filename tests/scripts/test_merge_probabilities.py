"""Merging the probabilities of several runs: averages, ids and formats of masks, bad input."""

import io
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from output.masks import write_mask
from output.result import FrameResult
from output.video import VideoOutput
from scripts import merge_probabilities
from tests.conftest import TESTS, files_in, read_ids, remove
from util.palette import PALETTE

SIZE = (24, 40)
NAMES = ("00000", "00001", "x.2")
OWN_PALETTE = np.random.default_rng(0).integers(0, 256, 768).tolist()


@pytest.fixture
def run(run_main: Callable) -> Callable[..., tuple[int, str, str]]:
    return partial(run_main, merge_probabilities.main)


def write_run(
    folder: Path,
    seed: int,
    labels: tuple[int, ...] = (1, 2),
    dtype: type = np.uint8,
    palette: list[int] | None = PALETTE,
    names: tuple[str, ...] = NAMES,
    size: tuple[int, int] = SIZE,
) -> list[np.ndarray]:
    """Write what a run leaves of a video whose later objects enter one by one; returns the probabilities of each frame.

    They are close together, and multiples of 1/2048: their sums are exact, with ties, but not as float16.
    """
    rng = np.random.default_rng(seed)
    with VideoOutput(folder, palette, Fraction(24), ("masks", "probabilities")) as output:
        written = []
        for index, name in enumerate(names):
            known = labels[: index + 1]
            probabilities = (rng.integers(1949, 2049, (1 + len(known), *size)) / 2048).astype(np.float16)
            mask = np.array([0, *known], dtype)[probabilities.argmax(0)]
            output.write(FrameResult(name, np.zeros((*size, 3), np.uint8), mask, known, probabilities))
            written.append(probabilities)
    return written


def write_runs(root: Path, *videos: str) -> list:
    """Two runs; returns the arguments to merge them."""
    for index, name in enumerate(("run1", "run2")):
        for video in videos:
            write_run(root / name / video, index)
    return ["--runs", root / "run1", root / "run2", "--output", root / "merged"]


# Masks


@pytest.mark.parametrize("num_runs", [2, 3])
@pytest.mark.parametrize(
    ("video", "labels", "dtype", "palette", "mode"),
    [
        ("clip", (1, 2, 3), np.uint8, OWN_PALETTE, "P"),
        ("Annotations/clip.v1", (9, 4, 200), np.uint8, PALETTE, "P"),
        ("clip", (255,), np.uint8, None, "L"),
        ("a/b/clip", (300, 7, 65535), np.uint16, None, "I;16"),
    ],
)
def test_masks_are_the_largest_average_in_the_format_of_the_first_run(
    run, tmp_path: Path, num_runs: int, video: str, labels: tuple, dtype: type, palette: list | None, mode: str
) -> None:
    runs = [tmp_path / f"run{index}" for index in range(num_runs)]
    written = [
        write_run(folder / video, index, labels, dtype, palette if index == 0 else OWN_PALETTE[::-1])
        for index, folder in enumerate(runs)
    ]
    status, out, err = run("--runs", *runs, "--output", tmp_path / "merged")
    assert (status, err) == (0, "")
    assert "1 of 1 videos" in out
    assert files_in(tmp_path / "merged") == [f"{video}/{name}.png" for name in NAMES]
    for index, (name, views) in enumerate(zip(NAMES, zip(*written))):
        expected = np.array([0, *labels[: index + 1]])[np.mean(views, axis=0, dtype=np.float64).argmax(0)]
        path = tmp_path / "merged" / video / f"{name}.png"
        np.testing.assert_array_equal(read_ids(path), expected)
        with Image.open(path) as mask:
            assert (mask.mode, mask.getpalette()) == (mode, palette)


def test_all_videos_are_merged_and_the_runs_stay_as_they_are(run, tmp_path: Path) -> None:
    videos = ("Annotations/b", "a", "c")
    arguments = write_runs(tmp_path, *videos)
    before = {name: (tmp_path / name).read_bytes() for name in files_in(tmp_path)}
    for _ in range(2):
        status, out, _ = run(*arguments)
        assert status == 0
        assert "masks of 3 of 3 videos are in" in out
    assert files_in(tmp_path / "merged") == [f"{video}/{name}.png" for video in videos for name in NAMES]
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


@pytest.mark.parametrize("name", ["high_scores", "all_probabilities"])
def test_video_may_be_named_like_a_folder_of_probabilities(run, tmp_path: Path, name: str) -> None:
    status, out, _ = run(*write_runs(tmp_path, name))
    assert status == 0
    assert "1 of 1 videos" in out
    assert [path.name for path in (tmp_path / "merged").iterdir()] == [name]


@pytest.mark.parametrize("earlier", [("run1",), ("run1", "run2")])
def test_runs_of_earlier_releases_are_merged(run, tmp_path: Path, earlier: tuple[str, ...]) -> None:
    arguments = write_runs(tmp_path, "a", "Annotations/b")
    assert run(*arguments)[0] == 0
    merged = {name: (tmp_path / "merged" / name).read_bytes() for name in files_in(tmp_path / "merged")}
    for path in [path for name in earlier for path in (tmp_path / name).rglob("*_probabilities*")]:
        path.rename(path.with_name(path.name.replace("_probabilities", "_scores")))
    shutil.rmtree(tmp_path / "merged")
    assert run(*arguments)[0] == 0
    assert {name: (tmp_path / "merged" / name).read_bytes() for name in files_in(tmp_path / "merged")} == merged


# Bad input


def as_npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def as_npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


PROBABILITIES = np.full((3, *SIZE), 0.5, np.float16)
OTHER_ORDER = as_npz(probabilities=PROBABILITIES, labels=np.array([2, 1]))


def damage(path: str, change: Callable[[bytes], bytes]) -> Callable[[Path], int]:
    return lambda root: (root / path).write_bytes(change((root / path).read_bytes()))


def rewrite(**options: object) -> Callable[[Path], object]:
    """The second run's probabilities of the bad video with other labels or of another size."""
    return lambda root: write_run(root / "run2/bad", 1, **options)


def first_block_reserved(data: bytes) -> bytes:
    """A compressed block of a type that does not exist, behind the first member's header."""
    start = 30 + int.from_bytes(data[26:28], "little") + int.from_bytes(data[28:30], "little")
    return data[:start] + b"\x07" + data[start + 1 :]


DAMAGED = "run2/bad_probabilities/00001.npz"
OTHER = r"probabilities/00001\.npz: other objects or another size"
UNREADABLE = r"00001\.npz: unreadable probabilities"
BAD_VIDEOS = [
    (remove(DAMAGED), r"run2/bad_probabilities/00001\.npz: missing, but another run has it"),
    (remove("run1/bad_probabilities/x.2.npz"), r"run1/bad_probabilities/x\.2\.npz: missing, but another run has it"),
    (remove("run1/bad/00001.png"), r"run1/bad/00001\.png: no such file"),
    (damage("run1/bad/00001.png", lambda data: data[:60]), r"run1/bad/00001\.png: unreadable mask"),
    (damage("run1/bad/00001.png", lambda data: data[:11] + b"\2" + data[12:]), r"run1/bad/00001\.png: unreadable mask"),
    (
        rewrite(labels=(1, 3)),
        r"run2/bad_probabilities/00001\.npz: other objects or another size than in .*run1/bad_probabilities",
    ),
    (damage(DAMAGED, lambda data: OTHER_ORDER), f"run2/bad_{OTHER}"),
    (rewrite(labels=(1,)), f"run2/bad_{OTHER}"),
    (rewrite(size=(40, 24)), r"run2/bad_probabilities/00000\.npz: other objects or another size"),
    (rewrite(size=(1, 1)), r"run2/bad_probabilities/00000\.npz: other objects or another size"),
    (damage(DAMAGED, lambda data: data[:-100]), UNREADABLE),
    (damage(DAMAGED, lambda data: data[:200] + bytes(200) + data[400:]), UNREADABLE),
    (damage(DAMAGED, first_block_reserved), UNREADABLE),
    (damage(DAMAGED, lambda data: b"no probabilities"), UNREADABLE),
    (damage(DAMAGED, lambda data: b""), UNREADABLE),
    (damage(DAMAGED, lambda data: as_npz(probabilities=PROBABILITIES)), rf"{UNREADABLE} .*labels"),
    (damage(DAMAGED, lambda data: as_npz(labels=np.ones(1, int))), rf"{UNREADABLE} .*probabilities"),
    (damage(DAMAGED, lambda data: as_npy(PROBABILITIES)), UNREADABLE),
    (lambda root: write_mask(root / "run1/bad/00001.png", np.zeros((3, 4), np.uint8)), r"00001\.png: not the mask"),
    (lambda root: Image.new("RGB", SIZE[::-1]).save(root / "run1/bad/00001.png"), r"00001\.png: not the mask"),
    (
        lambda root: (
            [write_run(root / run / "bad", 1, (1, 300), np.uint16) for run in ("run1", "run2")]
            and Image.new("L", SIZE[::-1]).save(root / "run1/bad/00001.png")
        ),
        r"00001\.png: holds 8 bits, too few for the id 300",
    ),
    (
        lambda root: [path.unlink() for path in root.rglob("bad_probabilities/*.npz")],
        r"run1/bad_probabilities: no \.npz in it, nor in the other runs",
    ),
]


@pytest.mark.parametrize(("spoil", "message"), BAD_VIDEOS)
def test_one_bad_video_does_not_lose_the_others(run, tmp_path: Path, spoil: Callable, message: str) -> None:
    arguments = write_runs(tmp_path, "a", "bad", "c")
    spoil(tmp_path)
    status, out, err = run(*arguments)
    assert status == 1
    assert re.fullmatch(rf"error: [^\n]*{message}[^\n]*\n", err), err
    assert "masks of 2 of 3 videos" in out
    whole = {f"{video}/{name}.png" for video in "ac" for name in NAMES}
    assert whole <= set(files_in(tmp_path / "merged")) <= whole | {f"bad/{name}.png" for name in NAMES}


def test_files_that_another_run_writes_are_left_alone(run, tmp_path: Path) -> None:
    arguments = write_runs(tmp_path, "a")
    unfinished = tmp_path / "run1/a_probabilities/.a1b2.123.part.npz"
    unfinished.touch()
    assert run(*arguments)[0] == 0
    assert unfinished.exists()
    assert files_in(tmp_path / "merged") == [f"a/{name}.png" for name in NAMES]


def test_error_has_a_line_of_its_own_beside_the_progress_bar(tmp_path: Path) -> None:
    """The script as a user runs it, from another folder."""
    arguments = write_runs(tmp_path, "a", "b", "c")
    (tmp_path / DAMAGED.replace("bad", "b")).unlink()
    command = [sys.executable, "-m", "scripts.merge_probabilities", *arguments]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=TESTS.parent)
    assert result.returncode == 1
    assert re.search(r"^error: .*b_probabilities/00001\.npz: missing, .* complete the runs$", result.stderr, re.M)
    assert "| 3 of 3" in result.stderr
    assert "masks of 2 of 3 videos" in result.stdout


def test_no_good_video_is_an_error(run, tmp_path: Path) -> None:
    arguments = write_runs(tmp_path, "a", "b")
    for video in "ab":
        (tmp_path / f"run2/{video}_probabilities/00001.npz").unlink()
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert re.fullmatch(
        r"(error: .*00001\.npz: missing.*\n){2}scripts.merge_probabilities\.py: error: none of 2 video.*\n", err
    )


def run_again(root: Path) -> list:
    """The first run once more, by another name."""
    (root / "link").symlink_to(root / "run1")
    return ["--runs", root / "run1", root / "run2", root / "link"]


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (
            remove("run2/a_probabilities.csv"),
            r"run2/a_probabilities\.csv: missing, but another run has it; complete the runs",
        ),
        (
            remove("run1/Annotations/b_probabilities.csv"),
            r"run1/Annotations/b_probabilities\.csv: missing, but another run has it",
        ),
        (remove("run2"), r"run2: no such folder, or no probabilities in it; run eval_\*\.py with --save_probabilities"),
        (lambda root: ["--runs", root / "run1"], r"--runs needs two or more different folders"),
        (lambda root: ["--runs", root / "run1", root / "run2/../run1"], r"--runs needs two or more different folders"),
        (run_again, r"--runs needs two or more different folders"),
        (lambda root: ["--output", root / "run2"], r"--output must not be one of the runs"),
        (lambda root: ["--output", root / "run2/a"], r"--output must not be one of the runs, nor lie inside one"),
    ],
)
def test_unusable_folders_get_one_line_and_nothing_is_written(
    run, tmp_path: Path, prepare: Callable, message: str
) -> None:
    arguments = [*write_runs(tmp_path, "a", "Annotations/b"), *(prepare(tmp_path) or [])]
    before = files_in(tmp_path)
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert re.search(rf"^scripts.merge_probabilities\.py: error: [^\n]*{message}[^\n]*\n\Z", err, re.M), err
    assert files_in(tmp_path) == before


def test_output_that_is_a_file_is_named(run, tmp_path: Path) -> None:
    arguments = write_runs(tmp_path, "a", "b")
    (tmp_path / "merged").write_text("mine")
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert all(re.search(r"error: .", line) for line in err.splitlines())
    assert str(tmp_path / "merged") in err
    assert (tmp_path / "merged").read_text() == "mine"
