"""Disks that are full or read-only, at every writer of results: an error, and nothing but whole files."""

import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import eval_generic
from evaluation.scoring import write_scores
from evaluation.submission import write_archive
from output.export import ExportedVideo
from output.names import OutputPaths
from output.record import RunRecord
from output.result import FrameResult
from output.video import EXPORTS
from tests.conftest import write_clip
from tests.reliability.whole import leftovers, read_whole_files
from util.errors import InputError
from util.files import PROJECT_ROOT, make_folder


@contextmanager
def largest_file(num_bytes: int) -> Iterator[None]:
    """Let no file grow beyond a size: every further write fails, as on a full disk, whatever library does it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def noise(index: int) -> FrameResult:
    """A frame that no codec makes small."""
    source = np.random.default_rng(index)
    image = source.integers(0, 256, (64, 96, 3), np.uint8)
    ids = source.integers(0, 3, (64, 96), np.uint8)
    return FrameResult(f"{index:05d}", image, ids, (1, 2), source.random((3, 64, 96)).astype(np.float16))


def write_export(name: str) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        with EXPORTS[name](ExportedVideo(OutputPaths(root / "clip"), None, Fraction(24), None)) as export:
            for index in range(12):
                export.write(noise(index))

    return write


def write_record(root: Path) -> None:
    record = RunRecord(OutputPaths(root / "clip"), {"video": {"path": "clip.mp4"}}, [root / "clip/00000.png"])
    record.begin()
    record.finish()


def write_measures(root: Path) -> None:
    measures = dict.fromkeys(("J&F_mean", "J_mean", "J_recall", "J_decay", "F_mean", "F_recall", "F_decay"), 0.5)
    write_scores({f"video{index}": {1: measures} for index in range(20)}, root)


def write_zip(root: Path) -> None:
    make_folder(root)
    masks = [path.relative_to(PROJECT_ROOT) for path in sorted((PROJECT_ROOT / "demo/masks").glob("*.png"))]
    write_archive(root / "submission.zip", PROJECT_ROOT, masks, "")


WRITERS = {**{name: write_export(name) for name in EXPORTS}, "record": write_record}
WRITERS |= {"scores": write_measures, "archive": write_zip}


@pytest.mark.parametrize("writer", WRITERS)
def test_writers_on_full_disks_leave_whole_files_only(tmp_path: Path, writer: str) -> None:
    """The limit is a share of the largest file, so that it is met at the beginning, in the middle, and at the end."""
    WRITERS[writer](tmp_path / "whole")
    expected = read_whole_files(tmp_path / "whole")
    size = max(map(len, expected.values()))
    for limit in sorted({0, 1, *(int(size * share) for share in (0.1, 0.5, 0.9, 0.97)), size - 1}):
        root = tmp_path / str(limit)
        with pytest.raises((OSError, InputError)) as error, largest_file(limit):
            WRITERS[writer](root)
        assert ".part" not in str(error.value)
        assert not leftovers(root)
        assert read_whole_files(root).items() <= expected.items()


@pytest.mark.parametrize("writer", WRITERS)
def test_older_files_outlive_a_full_disk(tmp_path: Path, writer: str) -> None:
    WRITERS[writer](tmp_path)
    before = read_whole_files(tmp_path)
    with pytest.raises((OSError, InputError)), largest_file(10):
        WRITERS[writer](tmp_path)
    assert read_whole_files(tmp_path) == before


def mount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk, where the test may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        mount(folder, "size=8k")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.long
def test_evaluation_on_a_full_disk_goes_on_with_more_room(
    run_main: Callable, weights: Path, tmp_path: Path, disk: Path
) -> None:
    """The disk grows by a little: each run ends in one line with whole files, the last one with all of them."""
    frames, mask = write_clip(tmp_path, 8)
    options = ["--video", frames, "--mask", mask, "--model", weights, "--size", 32, "--precision", "float32"]
    options += ["--quiet", "--overlay", "--save_probabilities", "--resume", "--output"]
    assert run_main(eval_generic.main, *options, tmp_path / "whole")[0] == 0
    expected = read_whole_files(tmp_path / "whole")
    needed = sum(-(-len(content) // 4096) * 4096 for content in expected.values())
    output = disk / "out"
    for size in range(8192, 2 * needed + 8192, max(4096, needed // 10 // 4096 * 4096)):
        mount(disk, f"remount,size={size}")
        status, _, err = run_main(eval_generic.main, *options, output)
        left = read_whole_files(disk)
        assert not leftovers(disk)
        if status == 0:
            break
        assert status == 2
        assert err.count("\n") == 1, err
        assert "No space left on device" in err
        names = {f"out/{name}": content for name, content in expected.items()}
        assert left.items() - {("out/frames_run.json", left.get("out/frames_run.json"))} <= names.items()
    assert read_whole_files(output) == expected


@pytest.mark.long
def test_evaluation_on_a_read_only_disk_is_one_line(
    run_main: Callable, weights: Path, tmp_path: Path, disk: Path
) -> None:
    frames, mask = write_clip(tmp_path)
    mount(disk, "remount,ro")
    for output in (disk, disk / "out"):
        status, out, err = run_main(
            eval_generic.main, "--video", frames, "--mask", mask, "--model", weights, "--output", output
        )
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert "Read-only file system" in err
