"""The layouts in which data sets keep their videos."""

import re
from pathlib import Path

import pytest

from dataset.layouts import (
    davis_2016_videos,
    davis_2017_videos,
    generic_videos,
    read_list,
    refuse_duplicate_names,
    youtube_videos,
)
from dataset.videos import VideoEntry
from tests.data_sets import all_frames, davis_2016, davis_test_dev, davis_trainval, valid, write_list
from util.errors import InputError

# DAVIS


def davis_entry(root: Path, name: str, *, is_single_object: bool = False) -> VideoEntry:
    frames, truth = root / "JPEGImages/480p" / name, root / "Annotations/480p" / name
    return VideoEntry(name, frames, truth / "00000.png", truth=truth, is_single_object=is_single_object)


def test_davis_2017_is_found_as_published_and_in_the_official_layout(tmp_path: Path) -> None:
    published, official = tmp_path / "published", tmp_path / "official"
    davis_trainval(published / "trainval")
    davis_test_dev(published / "test-dev")
    for build in (davis_trainval, davis_test_dev):
        build(official)
    for path, roots in ((published, ("trainval", "test-dev")), (official, ("", ""))):
        val, test_dev = (path / root for root in roots)
        assert davis_2017_videos(path, "val") == [davis_entry(val, name) for name in ("w000", "w001")]
        assert davis_2017_videos(path, "testdev") == [davis_entry(test_dev, name) for name in ("v000", "v001")]


def test_published_layout_is_read_first(tmp_path: Path) -> None:
    davis_trainval(tmp_path)
    davis_trainval(tmp_path / "trainval", 1)
    assert davis_2017_videos(tmp_path, "val") == [davis_entry(tmp_path / "trainval", "w000")]


@pytest.mark.parametrize("root", ["2017", "2017/trainval"])
def test_davis_2016_is_found_in_davis_2017(tmp_path: Path, root: str) -> None:
    """The list of names that comes with it counts, and all ids are one object."""
    davis_trainval(tmp_path / root)
    write_list(tmp_path / root / "ImageSets/2016/val.txt", ["w001", "v002"])
    expected = [davis_entry(tmp_path / root, name, is_single_object=True) for name in ("w001", "v002")]
    assert davis_2016_videos(tmp_path / "2017") == expected


def test_davis_2016_is_listed_by_itself_or_by_davis_2017_beside_it(tmp_path: Path) -> None:
    """A link to the folder lies where its name does, not where it leads."""
    davis_2016(tmp_path / "elsewhere" / "d16")
    root = tmp_path / "2016"
    root.symlink_to(tmp_path / "elsewhere" / "d16")
    write_list(tmp_path / "2017/trainval/ImageSets/2016/val.txt", ["v001"])
    expected = [davis_entry(root, name, is_single_object=True) for name in ("v000", "v001")]
    assert davis_2016_videos(root) == expected
    (root / "ImageSets/480p/val.txt").unlink()
    assert davis_2016_videos(root) == expected[1:]


def test_missing_davis_is_refused_with_all_places(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no list of the videos of DAVIS 2017 val, looked for .*; ") as refused:
        davis_2017_videos(tmp_path, "val")
    for place in ("trainval/ImageSets/2017/val.txt", "ImageSets/2017/val.txt"):
        assert f" {place}" in str(refused.value)
    with pytest.raises(InputError, match=r"no list of the videos of DAVIS 2016 val, looked for .*; ") as refused:
        davis_2016_videos(tmp_path)
    for place in ("ImageSets/480p/val.txt", "ImageSets/2016/val.txt", "../2017/trainval/ImageSets/2016/val.txt"):
        assert f" {place}" in str(refused.value)


# YouTube-VOS


@pytest.fixture
def youtube(tmp_path: Path) -> Path:
    valid(tmp_path / "valid")
    all_frames(tmp_path / "all_frames/valid_all_frames")
    return tmp_path


def test_youtube_needs_no_meta_to_write_every_frame(youtube: Path) -> None:
    as_asked_for = youtube_videos(youtube, "valid")
    assert [entry.wanted for entry in as_asked_for] == [{"00000", "00001"}] * 2
    assert youtube_videos(youtube, "valid", output_all=True) == as_asked_for
    (youtube / "valid/meta.json").unlink()
    (youtube / "valid/Annotations/.cache").mkdir()
    expected = [entry._replace(wanted=None) for entry in as_asked_for]
    assert youtube_videos(youtube, "valid", output_all=True) == expected
    with pytest.raises(InputError, match=r"meta\.json: unreadable .*with output_all it may be missing"):
        youtube_videos(youtube, "valid")


def test_youtube_without_meta_and_masks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "valid/Annotations").mkdir(parents=True)
    all_frames(tmp_path / "all_frames/valid_all_frames")
    with pytest.raises(InputError, match=r"valid/Annotations: holds no folder of masks"):
        youtube_videos(tmp_path, "valid", output_all=True)


# Names


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("swan", "swan"),
        ("swan/", "swan"),
        ("swan.v2", "swan.v2"),
        ("/JPEGImages/480p/swan/00000.jpg /Annotations/480p/swan/00000.png", "swan"),
    ],
)
def test_lines_name_videos(tmp_path: Path, line: str, name: str) -> None:
    write_list(tmp_path / "val.txt", [line])
    assert read_list(tmp_path / "val.txt") == [name]


BAD_NAMES = ["..", ".", "/", "a/b", "../a", "/etc", "a/../b", r"a\b", r"..\b", "C:a"]


@pytest.mark.parametrize("name", [*BAD_NAMES, "00000.jpg", "a/../00000.jpg"])
def test_names_in_lists_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    write_list(tmp_path / "ImageSets/2017/val.txt", ["swan", name])
    with pytest.raises(InputError, match=r"val\.txt: .* is no name of a video"):
        davis_2017_videos(tmp_path, "val")


@pytest.mark.parametrize("name", [*BAD_NAMES, "", "a/"])
def test_names_in_meta_that_lead_elsewhere_are_refused(youtube: Path, name: str) -> None:
    meta = youtube / "valid/meta.json"
    meta.write_text(meta.read_text().replace("v001", name.replace("\\", r"\\")))
    with pytest.raises(InputError, match=rf"meta\.json: {re.escape(repr(name))} is no name of a video"):
        youtube_videos(youtube, "valid")


def test_two_videos_of_one_name_are_refused_with_both_paths() -> None:
    entries = [VideoEntry(path.stem, path, Path("m.png")) for path in map(Path, ("a/clip", "b/other", "a/clip.mp4"))]
    refuse_duplicate_names(entries[:2])
    with pytest.raises(InputError, match=r"a/clip\.mp4: has the name clip, as a/clip has"):
        refuse_duplicate_names(entries)


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
