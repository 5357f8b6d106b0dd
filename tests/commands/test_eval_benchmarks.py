"""The command lines of eval_davis.py, eval_davis_2016.py and eval_youtube.py: parity, options, bad input."""

import json
import re
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eval_davis
import eval_davis_2016
import eval_generic
import eval_youtube
from dataset.layouts import davis_2016_videos, davis_2017_videos, youtube_videos
from dataset.videos import Video
from inference_core import InferenceConfig
from output.masks import write_mask
from scripts import merge_probabilities
from tests.conftest import TESTS, assert_same_masks, files_in, read_ids, results_in
from tracker import plan_frames

ROOT = TESTS.parent
BENCHMARKS = TESTS / "benchmarks"
DAVIS_2016, DAVIS_2017, YOUTUBE = BENCHMARKS / "DAVIS/2016", BENCHMARKS / "DAVIS/2017", BENCHMARKS / "YouTube"


@pytest.fixture
def run(run_main: Callable, weights: Path) -> Callable[..., tuple[int, str, str]]:
    return lambda script, *arguments: run_main(script.main, "--model", weights, *arguments)


PARITY = [
    (eval_davis, "davis2017_val", ["--davis_path", DAVIS_2017]),
    (
        eval_davis,
        "davis2017_val_include_last_every3_top10",
        ["--davis_path", DAVIS_2017, "--include_last", "--mem_every", 3, "--top", 10],
    ),
    (eval_davis, "davis2017_testdev", ["--davis_path", DAVIS_2017, "--split", "testdev", "--mem_every", 5]),
    (eval_davis_2016, "davis2016_val", ["--davis_path", DAVIS_2016]),
    pytest.param(eval_youtube, "youtube_valid", ["--yv_path", YOUTUBE], marks=pytest.mark.long),
    pytest.param(eval_youtube, "youtube_valid_all", ["--yv_path", YOUTUBE, "--output_all"], marks=pytest.mark.long),
]


@pytest.mark.parametrize(("script", "name", "arguments"), PARITY)
def test_published_outputs_are_reproduced(run, tmp_path: Path, script, name: str, arguments: list) -> None:
    status, out, err = run(script, *arguments, "--output", tmp_path, "--device", "cpu")
    assert status == 0, err
    assert_same_masks(tmp_path, BENCHMARKS / "expected" / name)


# DAVIS


@pytest.mark.parametrize(
    ("arguments", "mem_every"),
    [([], None), (["--split", "testdev"], 3), (["--split", "testdev", "--mem_every", 7], 7), (["--mem_every", 2], 2)],
)
def test_test_dev_memorises_every_third_frame(monkeypatch, arguments: list, mem_every: int) -> None:
    monkeypatch.setattr(sys, "argv", ["eval_davis.py", "--output", "out", *map(str, arguments)])
    assert eval_davis.parse_arguments().mem_every == mem_every


PLOTS = ("curves", "worst")


def test_scores_are_printed_and_written(run, davis: Path, tmp_path: Path) -> None:
    status, out, _ = run(eval_davis, "--davis_path", davis, "--output", tmp_path / "out", "--score", "--plot")
    assert status == 0
    assert files_in(tmp_path / "out/plots") == [f"{name}_{kind}.png" for name in ("one", "two") for kind in PLOTS]
    scores = json.loads((tmp_path / "out/scores.json").read_text())
    assert set(scores["objects"]) == {"one_1", "one_2", "two_1", "two_2"}
    assert scores["J_mean"] == pytest.approx(np.mean([item["J_mean"] for item in scores["objects"].values()]))
    assert re.search(rf"all 4 objects +{100 * scores['J&F_mean']:.1f} ", out)
    assert "2 of 2 videos scored" in out
    assert (tmp_path / "out/scores.csv").read_text().startswith("sequence,object,J&F_mean")


def test_davis_archive_holds_the_videos_at_its_root(run, davis: Path, tmp_path: Path) -> None:
    status, out, _ = run(
        eval_davis, "--davis_path", davis, "--split", "testdev", "--output", tmp_path / "out", "--zip", "--overlay"
    )
    assert status == 0
    assert "4 of 4 masks asked for are written" in out
    with zipfile.ZipFile(tmp_path / "out/submission.zip") as archive:
        assert archive.namelist() == [f"three/{index:05d}.png" for index in range(4)]
        assert archive.read("three/00002.png") == (tmp_path / "out/three/00002.png").read_bytes()


@pytest.mark.parametrize("palette", [[9, 9, 9, 1, 2, 3, 4, 5, 6] + [0] * 759])
def test_palette_is_that_of_the_videos_annotation(run, davis: Path, tmp_path: Path, palette: list[int]) -> None:
    path = davis / "trainval/Annotations/480p/two/00000.png"
    write_mask(path, read_ids(path), palette)
    assert run(eval_davis, "--davis_path", davis, "--output", tmp_path / "out")[0] == 0
    palettes = []
    for name in ("one", "two"):
        with Image.open(tmp_path / "out" / name / "00003.png") as mask:
            palettes.append(mask.getpalette())
    assert palettes[1] == palette != palettes[0]


@pytest.mark.parametrize("has_own_list", [True, False])
def test_davis_2016_list_is_found_at_either_place(tmp_path: Path, has_own_list: bool) -> None:
    own, other = tmp_path / "2016/ImageSets/480p/val.txt", tmp_path / "2017/trainval/ImageSets/2016/val.txt"
    other.parent.mkdir(parents=True)
    other.write_text("swan\nbear\n")
    if has_own_list:
        own.parent.mkdir(parents=True)
        lines = [f"/JPEGImages/480p/{v}/0000{i}.jpg /Annotations/480p/{v}/0000{i}.png" for v in "ab" for i in (0, 1)]
        own.write_text("\r\n".join(lines))
    entries = davis_2016_videos(tmp_path / "2016")
    assert [entry.name for entry in entries] == (["a", "b"] if has_own_list else ["swan", "bear"])
    assert entries[0].frames == tmp_path / "2016/JPEGImages/480p" / entries[0].name


def test_lists_may_have_marks_comments_and_slashes(davis: Path) -> None:
    path = davis / "trainval/ImageSets/2017/val.txt"
    path.write_text("\ufeffone \r\n# a comment\r\ntwo/\r\none\r\n", encoding="utf-8")
    assert [entry.name for entry in davis_2017_videos(davis, "val")] == ["one", "two"]


def test_davis_2016_merges_ids_and_writes_overlays(run, davis: Path, tmp_path: Path) -> None:
    """Annotations with ids, as DAVIS 2017 has them, and as 0 and 255 give the same masks."""
    root = davis.parent / "2016"
    shutil.move(davis / "trainval", root)
    (root / "ImageSets/480p").mkdir(parents=True)
    (root / "ImageSets/480p/val.txt").write_text("one\ntwo\n")
    for path in (root / "Annotations/480p/two").iterdir():
        write_mask(path, (read_ids(path) > 0).astype(np.uint8) * 255, None)
    arguments = ["--davis_path", root, "--output", tmp_path / "out", "--score", "--overlay"]
    assert run(eval_davis_2016, *arguments)[0] == 0
    for index in range(4):
        one, two = (read_ids(tmp_path / "out" / name / f"{index:05d}.png") for name in ("one", "two"))
        assert np.array_equal(one, two)
        assert set(np.unique(one)) == {0, 255}
    assert (tmp_path / "out/one_overlay.mp4").exists()
    scores = json.loads((tmp_path / "out/scores.json").read_text())
    assert scores["objects"]["one_1"] == scores["objects"]["two_1"]


# YouTube-VOS


def test_youtube_writes_what_meta_asks_for_and_archives_it(run, youtube: Path, tmp_path: Path) -> None:
    names = [f"Annotations/{video}/{frame}.png" for video in "ab" for frame in ("00000", "00003", "00006")]
    status, out, _ = run(eval_youtube, "--yv_path", youtube, "--output", tmp_path / "out", "--scales", 32, "--zip")
    assert status == 0
    assert "YouTube valid: 2 videos (not the size of any release)" in out
    assert "6 of 6 masks asked for are written" in out
    assert results_in(tmp_path / "out") == [*names, "submission.zip"]
    with zipfile.ZipFile(tmp_path / "out/submission.zip") as archive:
        assert archive.namelist() == names


def test_youtube_output_all_keeps_the_archive_as_asked_for(run, youtube: Path, tmp_path: Path) -> None:
    arguments = ["--yv_path", youtube, "--output", tmp_path / "out", "--scales", 32, "--zip", "--output_all"]
    assert run(eval_youtube, *arguments)[0] == 0
    assert len(results_in(tmp_path / "out/Annotations")) == 16
    with zipfile.ZipFile(tmp_path / "out/submission.zip") as archive:
        assert len(archive.namelist()) == 6


def test_youtube_output_all_needs_no_meta(run, youtube: Path, tmp_path: Path) -> None:
    """Every frame from the first one with a mask on is written and counted."""
    (youtube / "valid/meta.json").unlink()
    masks = youtube / "valid/Annotations/a"
    (masks / "00000.png").rename(masks / "00002.png")
    arguments = ["--yv_path", youtube, "--output", tmp_path / "out", "--size", 32, "--output_all"]
    status, out, _ = run(eval_youtube, *arguments)
    assert status == 0
    assert "14 of 14 masks asked for are written" in out
    assert len(results_in(tmp_path / "out/Annotations")) == 14


def test_frames_behind_the_last_one_asked_for_are_not_read(youtube: Path) -> None:
    (entry, _) = youtube_videos(youtube, "valid")
    frames = list(Video(entry))
    assert [frame.name for frame in frames] == [f"{index:05d}" for index in range(7)]
    assert [frame.name for frame in frames if frame.is_wanted] == ["00000", "00003", "00006"]
    assert len(list(Video(entry, output_all=True))) == 8


def test_frames_that_nobody_needs_are_not_decoded(youtube: Path) -> None:
    """Asked for are 0, 3 and 6; frame 5 is due as memory."""
    (entry, _) = youtube_videos(youtube, "valid")
    video = Video(entry)
    needed, num_memory_frames = plan_frames(video, InferenceConfig())
    assert num_memory_frames == 2
    assert needed == {"00000", "00003", "00005", "00006"}
    assert {frame.name for frame in video.read(needed) if frame.image is not None} == needed
    last_held = plan_frames(video, InferenceConfig(include_last=True))
    assert (len(last_held.needed), last_held.num_memory_frames) == (7, 3)


def test_keys_encoded_together_give_the_same_probabilities(run, youtube: Path, tmp_path: Path) -> None:
    """Three images at a time, and what remains; frames that are not decoded lie between them; four views.

    Probabilities, not masks: of untrained weights, some pixels are ties.
    """
    for at_once in (1, 3):
        arguments = ["--yv_path", youtube, "--output", tmp_path / str(at_once), "--frames_at_once", at_once]
        assert run(eval_youtube, *arguments, "--scales", 32, 48, "--flip", "--save_scores")[0] == 0
    names = results_in(tmp_path / "1")
    assert results_in(tmp_path / "3") == names
    scores = [name for name in names if name.endswith(".npz")]
    assert len(scores) == 6
    for name in scores:
        one, three = (np.load(tmp_path / at_once / name)["probabilities"].astype(float) for at_once in "13")
        assert abs(one - three).max() < 5e-4  # one step of half precision


def test_missing_masks_are_counted_against_meta(run, youtube: Path, tmp_path: Path) -> None:
    """An object that meta.json puts before its first annotation: that frame cannot be segmented."""
    mask = youtube / "valid/Annotations/a/00000.png"
    mask.rename(mask.with_name("00002.png"))
    status, out, err = run(eval_youtube, "--yv_path", youtube, "--output", tmp_path / "out", "--scales", 32, "--zip")
    assert status == 1
    assert "5 of 6 masks asked for are written" in out
    assert re.search(r"error: .*a/00000\.png: missing, the first of 1;", err)
    assert not (tmp_path / "out/submission.zip").exists()


# Several views


def test_scales_and_mirroring_in_one_run_and_merged_from_several(run, run_main, davis: Path, tmp_path: Path) -> None:
    arguments = ["--davis_path", davis, "--split", "testdev", "--save_scores"]
    assert run(eval_davis, *arguments, "--scales", 48, 80, "--flip", "--output", tmp_path / "all")[0] == 0
    for side in (48, 80):
        assert run(eval_davis, *arguments, "--scales", side, "--flip", "--output", tmp_path / str(side))[0] == 0
    runs = [tmp_path / "48", tmp_path / "80"]
    assert run_main(merge_probabilities.main, "--runs", *runs, "--output", tmp_path / "merged")[0] == 0
    all_views, *parts = (
        np.load(run / "three_probabilities/00003.npz")["probabilities"].astype(np.float32)
        for run in (tmp_path / "all", *runs)
    )
    assert np.abs(all_views - (parts[0] + parts[1]) / 2).max() < 2e-3
    assert np.abs(parts[0] - parts[1]).max() > 0.01
    for name in results_in(tmp_path / "merged"):
        assert (read_ids(tmp_path / "merged" / name) == read_ids(tmp_path / "all" / name)).mean() > 0.99


# Bad input


def test_one_size_or_several_scales(run_main, tmp_path: Path) -> None:
    arguments = ["--data_path", tmp_path, "--output", tmp_path / "out", "--size", 64, "--scales", 48]
    status, _, err = run_main(eval_generic.main, *arguments)
    assert status == 2
    assert "argument --scales: not allowed with argument --size" in err
