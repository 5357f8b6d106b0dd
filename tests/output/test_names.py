"""Names of the files: which belong to a video, and where they may lie."""

from pathlib import Path

import pytest

from output.names import MASK, NAMES, OVERLAY, PROBABILITIES, TABLE, OutputPaths
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
    "coco": ["a/clip.v1_coco.json"],
    "youtube_vis": ["a/clip.v1_youtube_vis.json"],
    "csv": ["a/clip.v1_objects.csv"],
    "cutout": ["a/clip.v1_cutout/00000.png", "a/clip.v1_cutout/x.2.png"],
    "alpha": [f"a/clip.v1_alpha/{label}_{frame}.png" for frame in FRAMES for label in (1, 7)],
    "green": ["a/clip.v1_green.mp4"],
    "prores": ["a/clip.v1_prores.mov"],
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


@pytest.mark.parametrize("frame", ["../00000", "/00000", "a/b", "..//", "./0"])
def test_frames_in_other_folders_are_refused(frame: str) -> None:
    with pytest.raises(InputError, match=r"^out/clip: the frame .* would be written elsewhere; rename"):
        OutputPaths.below(Path("out"), "clip").path(MASK, frame)


@pytest.mark.parametrize("exports", [("masks",), ("masks", "overlay"), ("masks", "probabilities"), tuple(NAMES)])
def test_files_of_a_video_are_named_and_found(tmp_path: Path, exports: tuple[str, ...]) -> None:
    """Those of any frames are found, but neither temporary files nor those of other videos."""
    paths = OutputPaths.below(tmp_path, "a/clip.v1")
    files = [file for export in exports for file in FILES[export]]
    assert [str(path.relative_to(tmp_path)) for path in paths.finished_files(FRAMES, exports, (1, 7))] == files
    assert paths.existing_files() == []
    others = [
        "a/clip/0.png",
        "a/clip.v1/0.txt",
        "a/clip.v1/.1a.23.part.png",
        "a/clip.v1_run.json",
        "a/clip_overlay.mp4",
    ]
    touch(tmp_path, *files, *others, "a/clip.v1/other.png")
    found = [str(path.relative_to(tmp_path)) for path in paths.existing_files()]
    assert sorted(found) == sorted([*files, "a/clip.v1/other.png"])


def test_folders_are_those_of_all_files(tmp_path: Path) -> None:
    paths = OutputPaths.below(tmp_path, "a/clip")
    names = paths.finished_files(FRAMES, NAMES, (1, 7))
    assert paths.folders() == {path.parent for path in names}
