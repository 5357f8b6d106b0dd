"""Names of the files: which belong to a finished video, which are removed, and where they may lie."""

from pathlib import Path

import pytest

from output.names import MASK, NAMES, OVERLAY, PROBABILITIES, TABLE, OutputPaths
from tests.conftest import files_in
from util.errors import InputError

FRAMES = ("00000", "x.2")
FILES = {
    "masks": ["a/clip.v1/00000.png", "a/clip.v1/x.2.png"],
    "overlay": ["a/clip.v1_overlay.mp4"],
    "probabilities": [
        "a/clip.v1_probabilities/00000.npz",
        "a/clip.v1_probabilities/x.2.npz",
        "a/clip.v1_probabilities.csv",
    ],
}


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_paths() -> None:
    paths = OutputPaths.below(Path("out"), "a/{clip}.v1")
    assert paths.folder == Path("out/a/{clip}.v1")
    assert paths.path(MASK, "{frame}.0") == Path("out/a/{clip}.v1/{frame}.0.png")
    assert paths.path(OVERLAY) == Path("out/a/{clip}.v1_overlay.mp4")
    assert paths.path(PROBABILITIES, "1") == Path("out/a/{clip}.v1_probabilities/1.npz")
    assert paths.path(TABLE) == Path("out/a/{clip}.v1_probabilities.csv")


@pytest.mark.parametrize("video", ["", ".", "..", "../clip", "a/../../clip", "/clip", "a/.."])
def test_files_outside_the_output_folder_are_refused(video: str) -> None:
    with pytest.raises(InputError, match=r"^out: the video .* outside this folder; rename"):
        OutputPaths.below(Path("out"), video)


@pytest.mark.parametrize("exports", [("masks",), ("masks", "overlay"), ("masks", "probabilities"), tuple(NAMES)])
def test_video_is_finished_when_every_file_is_there(tmp_path: Path, exports: tuple[str, ...]) -> None:
    paths = OutputPaths.below(tmp_path, "a/clip.v1")
    files = [file for export in exports for file in FILES[export]]
    assert [str(path.relative_to(tmp_path)) for path in paths.finished_files(FRAMES, exports)] == files
    assert not paths.is_finished(FRAMES, exports)
    touch(tmp_path, *files)
    assert paths.is_finished(FRAMES, exports)
    for file in files:
        (tmp_path / file).unlink()
        assert not paths.is_finished(FRAMES, exports)
        touch(tmp_path, file)


def test_rerun_removes_what_it_will_write(tmp_path: Path) -> None:
    """Probabilities of frames that are not written any more would be merged; all else stays."""
    paths = OutputPaths.below(tmp_path, "a/clip.v1")
    others = ["a/clip.v1/other.png", "a/clip.v1_overlay.mp4", "a/clip/00000.png", "a/clip_probabilities/00000.npz"]
    touch(tmp_path, *others, *FILES["masks"], *FILES["probabilities"], "a/clip.v1_probabilities/other.npz")
    paths.remove(FRAMES, ("masks", "probabilities"))
    assert files_in(tmp_path) == sorted(others)
    paths.remove(FRAMES, tuple(NAMES))
    assert files_in(tmp_path) == sorted(set(others) - set(FILES["overlay"]))
